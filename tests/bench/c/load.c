/* The load generator of the benchmarks: WebSocket clients on one epoll, which count what comes.

   load PORT PID DIALECT GREETING MODE CLIENTS IN_FLIGHT ROUNDS LIMIT
   PID is the server, whose processor time comes from /proc/PID/task. DIALECT is one of dialects.h, and GREETING the
   number of units that a client gets by connecting. Clients mask with the zero key, which is valid. MODE is
     greet     every client connects, and gets what a server tells it then
     connect   the same, and every client joins the room
     fanout    one client sends IN_FLIGHT messages at a time to all
     slow      the same, and the last client reads nothing
     ping, message   each client has IN_FLIGHT requests on the way; a message goes to a room with its sender alone
     rate      one client sends a message to all every IN_FLIGHT milliseconds, whether or not the last one is there
   LIMIT are seconds from the first message on: the round in which they end is the last one. A server that needs three
   times as long for one round is cut off: "cut" is then 1, "count" what was asked for until then, and "server_us" what
   the server spent on a part of it, so that their ratio is less than a true figure.
   Prints one line of JSON; exits 1 with a sentence when the server refuses, closes or is silent for 20 seconds,
   and when not all clients are in a room after 60. */
#define _GNU_SOURCE
#include "units.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SILENCE_MS = 20000, ENTER_S = 60, SLOW_BUFFER = 4096 };
enum { QUICK_ACKS = 16 }; /* the first segments of a connection, which Linux acknowledges one by one, at the sender's cost */

struct client {
  int fd, open, reply_size;
  char reply[1024]; /* the answer to the handshake */
  struct reading reading;
  unsigned long long units;
};

static struct client *clients;
static const struct dialect *dialect;
static int epoll, count, greeting, joins = 1; /* joins: 0 where clients join no room */
static unsigned long long all; /* units of all clients */
static double *delays, due, interval; /* rate: the delay of each delivery, when the first message is due, and the time between two */
static int server;                                           /* its process */
static double began, first_cpu, limit; /* on the clock, and the server's time, at the first message; microseconds of LIMIT */
static unsigned long long asked;       /* deliveries or answers since then */
static unsigned long long delays_size, delays_room, before; /* before: units of a client when the first message is due */

static void fail(const char *what) {
  fprintf(stderr, "load: %s\n", what);
  exit(1);
}

static double now_us(clockid_t clock) {
  struct timespec at;
  clock_gettime(clock, &at);
  return at.tv_sec * 1e6 + at.tv_nsec / 1e3;
}

static double server_us(int pid) {
  char path[320];
  double sum = 0;
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR *tasks = opendir(path);
  if (!tasks) fail("the server is gone");
  for (struct dirent *task; (task = readdir(tasks));) {
    unsigned long long on_cpu;
    if (task->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, task->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    if (fscanf(file, "%llu", &on_cpu) == 1) sum += on_cpu / 1e3;
    fclose(file);
  }
  closedir(tasks);
  return sum;
}

static double server_kb(int pid) {
  char path[64];
  long size, resident = 0;
  snprintf(path, sizeof path, "/proc/%d/statm", pid);
  FILE *file = fopen(path, "r");
  if (!file || fscanf(file, "%ld %ld", &size, &resident) != 2) fail("the server is gone");
  fclose(file);
  return resident * (sysconf(_SC_PAGESIZE) / 1024.0);
}

static void put(struct client *c, const char *data, size_t size) {
  if (send(c->fd, data, size, MSG_NOSIGNAL) != (ssize_t)size) fail("a send was cut: fewer in flight");
}

static void pong(struct client *c) {
  char out[6 + START] = {(char)0x8a, (char)(0x80 | c->reading.start_size)};
  memcpy(out + 6, c->reading.start, (size_t)c->reading.start_size);
  c->reading.pinged = 0;
  put(c, out, 6 + (size_t)c->reading.start_size);
}

static void readable(struct client *c) {
  static unsigned char buffer[1 << 18];
  ssize_t size = recv(c->fd, buffer, sizeof buffer, 0);
  if (size <= 0) fail("the server closed a connection");
  unsigned char *at = buffer;
  if (!c->open) { /* byte by byte: a handshake comes once */
    while (size && !c->open) {
      if (c->reply_size == sizeof c->reply - 1) fail("the answer to the handshake is too long");
      c->reply[c->reply_size++] = (char)*at++, size--;
      c->open = c->reply_size >= 4 && !memcmp(c->reply + c->reply_size - 4, "\r\n\r\n", 4);
    }
    if (c->open && !strstr(c->reply, " 101 ")) fail("the server refused the handshake");
  }
  int found = size ? units(&c->reading, dialect->cut, at, (size_t)size) : 0;
  if (found < 0) fail("the server closed a connection");
  if (c->reading.pinged) pong(c);
  all += (unsigned)found;
  if (!delays) {
    c->units += (unsigned)found;
    return;
  }
  /* The speaker also gets replies, so that its units do not say which message they are. */
  for (double now = now_us(CLOCK_MONOTONIC); found; found--, c->units++)
    if ((c != clients || !dialect->replies) && delays_size < delays_room)
      delays[delays_size++] = now - (due + (double)(c->units - before) * interval);
}

static void cut(void) {
  if (delays) fail("it could not deliver at this rate");
  printf("{\"cut\":1,\"count\":%llu,\"server_us\":%.3f}\n", asked, server_us(server) - first_cpu);
  exit(0);
}

static void turn(int wait_ms) {
  struct epoll_event events[1024];
  if (began && now_us(CLOCK_MONOTONIC) - began > 3 * limit) cut();
  int ready = epoll_wait(epoll, events, 1024, wait_ms);
  if (ready == 0 && wait_ms == SILENCE_MS) fail("the server was silent for 20 seconds");
  for (int i = 0; i < ready; i++) readable(events[i].data.ptr);
}

static void until(unsigned long long wanted) {
  while (all < wanted) turn(SILENCE_MS);
}

/* The frame of what the dialect says, for a room and a text. Returns its size. */
static size_t frame(char *out, const char *template, const char *room, const char *text) {
  char whole[512];
  size_t size = filled(whole, sizeof whole, template, room, text), head = size < 126 ? 6 : 8;
  if (!size) fail("a message is too long");
  memset(out, 0, head);
  out[0] = (char)0x81;
  out[1] = (char)(0x80 | (size < 126 ? size : 126));
  if (size >= 126) out[2] = (char)(size >> 8), out[3] = (char)size;
  memcpy(out + head, whole, size);
  return head + size;
}

/* Connect client `number`, which joins `room`. `stuck`: it never reads after that. */
static void enter(int number, int port, const char *room, int stuck) {
  static const char hello[] =
      "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  struct client *c = &clients[number];
  char out[600];
  int one = 1, small = SLOW_BUFFER;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (c->fd >= 0 && stuck) setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to)) fail("cannot connect");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
  put(c, out, (size_t)snprintf(out, sizeof out, hello, dialect->path));
  while (!c->open) turn(SILENCE_MS);
  unsigned long long here = (unsigned long long)number * (unsigned)(dialect->opening_units + greeting + joins);
  if (dialect->opening) put(c, out, frame(out, dialect->opening, room, ""));
  if (dialect->opening || !joins) until(here + (unsigned)(dialect->opening_units + greeting));
  if (joins) {
    put(c, out, frame(out, dialect->join, room, ""));
    until(here + (unsigned)(dialect->opening_units + greeting + 1));
  }
  if (stuck) epoll_ctl(epoll, EPOLL_CTL_DEL, c->fd, NULL);
}

/* Close every connection as RFC 6455 asks for, and wait for the server, so that the next measure begins with none. */
static void part(int stuck) {
  static const char bye[] = "\x88\x82\0\0\0\0\x03\xe8";
  struct epoll_event events[1024];
  char scrap[4096];
  if (stuck) close(clients[--count].fd);
  for (int i = 0; i < count; i++) put(&clients[i], bye, sizeof bye - 1);
  for (int left = count; left;) {
    int ready = epoll_wait(epoll, events, 1024, SILENCE_MS);
    if (ready == 0) fail("the server left connections open for 20 seconds");
    for (int i = 0; i < ready; i++) {
      struct client *c = events[i].data.ptr;
      if (recv(c->fd, scrap, sizeof scrap, 0) > 0) continue;
      close(c->fd);
      left--;
    }
  }
}

static int by_size(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

/* Send `rounds` messages at their times, and wait for all deliveries. */
static void steady(const char *message, size_t size, int rounds) {
  unsigned long long wanted = all + (unsigned long long)rounds * (unsigned)(count + dialect->replies);
  before = clients[1].units;
  delays_room = (unsigned long long)rounds * (unsigned)count;
  delays = calloc(delays_room, sizeof *delays);
  due = now_us(CLOCK_MONOTONIC) + interval;
  for (int sent = 0; sent < rounds;) {
    double left = due + sent * interval - now_us(CLOCK_MONOTONIC);
    if (left <= 0) put(&clients[0], message, size), sent++;
    else turn(left > 2000 ? 1 : 0); /* in the last milliseconds without sleep, so that no message is late */
  }
  until(wanted);
  qsort(delays, delays_size, sizeof *delays, by_size);
}

int main(int argc, char **argv) {
  if (argc != 10) fail("usage: load PORT PID DIALECT GREETING MODE CLIENTS IN_FLIGHT ROUNDS LIMIT");
  int port = atoi(argv[1]), pid = server = atoi(argv[2]), in_flight = atoi(argv[7]), rounds = atoi(argv[8]);
  const char *mode = argv[5];
  int slow = !strcmp(mode, "slow"), rate = !strcmp(mode, "rate"), ping = !strcmp(mode, "ping");
  int fanout = slow || rate || !strcmp(mode, "fanout"), idle = !strcmp(mode, "connect") || !strcmp(mode, "greet");
  struct rlimit files;
  joins = strcmp(mode, "greet") != 0;
  dialect = dialect_of(argv[3]);
  greeting = atoi(argv[4]);
  count = atoi(argv[6]);
  limit = atof(argv[9]) * 1e6;
  if (!dialect) fail("no such dialect");
  if (count < 1 + slow + rate || in_flight < 1 || in_flight > (rate ? 1000 : 64) || rounds < 1 || !(limit > 0)) fail("numbers out of range");
  interval = in_flight * 1000.0;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  epoll = epoll_create1(0);
  clients = calloc((size_t)count, sizeof *clients);

  double cpu = server_us(pid), kb = server_kb(pid), wall = now_us(CLOCK_MONOTONIC), own = now_us(CLOCK_PROCESS_CPUTIME_ID);
  char room[40] = "chat-bench", filler[101] = {0};
  memset(filler, 'x', 100);
  for (int i = 0; i < count; i++) {
    if (!fanout && !idle) snprintf(room, sizeof room, "chat-bench-%d", i);
    enter(i, port, room, slow && i == count - 1);
    if (now_us(CLOCK_MONOTONIC) - wall > ENTER_S * 1e6) {
      fprintf(stderr, "load: only %d of %d clients were in a room after %d seconds\n", i + 1, count, ENTER_S);
      return 1;
    }
  }
  unsigned long long done = (unsigned)count;
  if (!idle) {
    char *out = malloc((size_t)in_flight * 300 + 600);
    int speakers = fanout ? 1 : count, readers = count - slow, batch = rate ? 1 : in_flight;
    unsigned each = ping ? 1 : 1 + (unsigned)(fanout ? 0 : dialect->replies); /* units of a reader for each request */
    unsigned replies = fanout ? (unsigned)dialect->replies : 0;
    done = 0;
    first_cpu = server_us(pid), began = now_us(CLOCK_MONOTONIC);
    int warm = (rounds + 9) / 10; /* a tenth to warm up */
    if (fanout && warm * batch < QUICK_ACKS) warm = (QUICK_ACKS + batch - 1) / batch;
    for (int round = -warm; round < rounds; round++) {
      double took = now_us(CLOCK_MONOTONIC) - began;
      if (round < 0 && took > limit / 4) round = 0; /* warm enough */
      if (round > 0 && took > limit) break;
      asked += (unsigned long long)readers * (unsigned)batch * (unsigned)(rate && !round ? rounds : 1);
      unsigned long long wanted = all + ((unsigned long long)readers * each + replies) * (unsigned)batch;
      if (round == 0) cpu = server_us(pid), wall = now_us(CLOCK_MONOTONIC), own = now_us(CLOCK_PROCESS_CPUTIME_ID);
      size_t size = 0;
      for (int i = 0; i < speakers; i++) {
        if (!fanout) snprintf(room, sizeof room, "chat-bench-%d", i);
        size = 0;
        for (int k = 0; k < batch; k++) size += frame(out + size, ping ? dialect->ping : dialect->message, room, filler);
        if (!rate || round < 0) put(&clients[i], out, size);
      }
      if (rate && round == 0) {
        steady(out, size, rounds);
        done = (unsigned long long)rounds * (unsigned)readers;
        break;
      }
      until(wanted);
      if (round >= 0) done += (unsigned long long)readers * (unsigned)batch;
      if (all != wanted) fail("more came than was asked for");
    }
  }
  printf("{\"count\":%llu,\"server_us\":%.3f,\"wall_us\":%.3f,\"load_us\":%.3f,\"server_kb\":%.1f", done, server_us(pid) - cpu,
         now_us(CLOCK_MONOTONIC) - wall, now_us(CLOCK_PROCESS_CPUTIME_ID) - own, server_kb(pid) - kb);
  if (delays_size) printf(",\"p50_us\":%.1f,\"p99_us\":%.1f", delays[delays_size / 2], delays[delays_size * 99 / 100]);
  printf("}\n");
  fflush(stdout);
  part(slow);
  return 0;
}
