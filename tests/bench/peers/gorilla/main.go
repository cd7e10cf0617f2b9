// A room server on gorilla/websocket in its usual form: two goroutines and a queue for each connection, and one
// prepared message for all members of a room. It reads the type and the room of a message, and checks nothing more.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"
)

type request struct {
	Type string `json:"type"`
	Room string `json:"room"`
	Ref  int    `json:"ref"`
}

type client chan *websocket.PreparedMessage

var (
	lock     sync.RWMutex
	rooms    = map[string]map[client]bool{}
	upgrader = websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024, WriteBufferPool: &sync.Pool{}}
)

func prepared(text []byte) *websocket.PreparedMessage {
	message, err := websocket.NewPreparedMessage(websocket.TextMessage, text)
	if err != nil {
		log.Fatal(err)
	}
	return message
}

func serve(w http.ResponseWriter, r *http.Request) {
	connection, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	queue, room := make(client, 64), ""
	go func() {
		for message := range queue {
			if connection.WritePreparedMessage(message) != nil {
				break
			}
		}
		connection.Close()
		for range queue { // a member that is gone holds up no other
		}
	}()
	defer func() {
		lock.Lock()
		delete(rooms[room], queue)
		lock.Unlock()
		close(queue)
	}()
	for {
		_, text, err := connection.ReadMessage()
		var asked request
		if err != nil || json.Unmarshal(text, &asked) != nil {
			return
		}
		switch asked.Type {
		case "ping":
			queue <- prepared([]byte(fmt.Sprintf(`{"type":"pong","ref":%d}`, asked.Ref)))
		case "join":
			lock.Lock()
			delete(rooms[room], queue)
			room = asked.Room
			if rooms[room] == nil {
				rooms[room] = map[client]bool{}
			}
			rooms[room][queue] = true
			lock.Unlock()
			queue <- prepared([]byte(fmt.Sprintf(`{"type":"joined","ref":%d}`, asked.Ref)))
		case "message":
			message := prepared(text)
			lock.RLock()
			for member := range rooms[asked.Room] {
				member <- message
			}
			lock.RUnlock()
		}
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("serving on http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, http.HandlerFunc(serve)))
}
