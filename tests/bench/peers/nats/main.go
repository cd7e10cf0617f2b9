// nats-server over WebSocket. A room is a subject; `ping` is the protocol's own PING.
package main

import (
	"fmt"
	"log"
	"net"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// freePort is used at once by the server, which cannot say which port it was given.
func freePort() int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func main() {
	port := freePort()
	nats, err := server.NewServer(&server.Options{
		Host:         "127.0.0.1",
		Port:         -1,
		NoSigs:       true,
		NoLog:        true,
		PingInterval: time.Hour,
		MaxPending:   64 << 20,
		Websocket:    server.WebsocketOpts{Host: "127.0.0.1", Port: port, NoTLS: true},
	})
	if err != nil {
		log.Fatal(err)
	}
	nats.Start()
	if !nats.ReadyForConnections(10 * time.Second) {
		log.Fatal("the server did not start")
	}
	fmt.Printf("serving on http://127.0.0.1:%d\n", port)
	nats.WaitForShutdown()
}
