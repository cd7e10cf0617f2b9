/* What the kernel costs: a WebSocket server that does as little as a server can.

   floor MODE   MODE is send (one send() for each delivery) or gather (one send() for each connection and loop turn).
   Prints its port. It answers a join and a ping with a fixed frame, and sends a message to the members of its room as
   it came. It checks nothing, knows the load generator's frames alone (zero key, one handshake key) and has 1,024 rooms. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOMS = 1024, INPUT = 2048 };
struct peer {
  int fd, open, room, place, size, dirty;
  char *pending; /* gather: what the next flush sends */
  size_t pending_size, pending_room;
  char input[INPUT]; /* 16 messages of 200 bytes arrive in two reads */
};
struct room {
  struct peer **members;
  int size, room;
};

static struct room rooms[ROOMS];
static struct peer **dirty;
static int dirty_size, dirty_room, gather;

static void push(struct peer *p, const char *data, size_t size) {
  if (!gather) {
    if (send(p->fd, data, size, MSG_NOSIGNAL) < 0) return;
    return;
  }
  if (p->pending_size + size > p->pending_room) {
    p->pending_room = (p->pending_size + size) * 2;
    p->pending = realloc(p->pending, p->pending_room);
  }
  memcpy(p->pending + p->pending_size, data, size);
  p->pending_size += size;
  if (p->dirty) return;
  p->dirty = 1;
  if (dirty_size == dirty_room) dirty = realloc(dirty, sizeof *dirty * (size_t)(dirty_room = dirty_room * 2 + 64));
  dirty[dirty_size++] = p;
}

static void flush(void) {
  for (int i = 0; i < dirty_size; i++) {
    struct peer *p = dirty[i];
    send(p->fd, p->pending, p->pending_size, MSG_NOSIGNAL);
    free(p->pending);
    p->pending = NULL;
    p->pending_size = p->pending_room = 0;
    p->dirty = 0;
  }
  dirty_size = 0;
}

static void leave(struct peer *p) {
  if (p->room >= 0) {
    struct room *r = &rooms[p->room];
    r->members[p->place] = r->members[--r->size];
    r->members[p->place]->place = p->place;
  }
  p->room = -1;
}

static void message(struct peer *p, const char *text, size_t size) {
  static char out[INPUT];
  static const char ok[] = "\x81\x15{\"type\":\"ok\",\"ref\":0}";
  static const char pong[] = "\x81\x17{\"type\":\"pong\",\"ref\":1}";
  if (size > 9 && !memcmp(text, "{\"type\":\"p", 10)) {
    push(p, pong, sizeof pong - 1);
  } else if (size > 9 && !memcmp(text, "{\"type\":\"j", 10)) {
    const char *name = memmem(text, size, "chat-bench", 10);
    struct room *r;
    leave(p);
    p->room = name && name[10] == '-' ? 1 + atoi(name + 11) % (ROOMS - 1) : 0;
    r = &rooms[p->room];
    if (r->size == r->room) r->members = realloc(r->members, sizeof *r->members * (size_t)(r->room = r->room * 2 + 8));
    p->place = r->size;
    r->members[r->size++] = p;
    push(p, ok, sizeof ok - 1);
  } else if (p->room >= 0) {
    size_t head = size < 126 ? 2 : 4;
    out[0] = (char)0x81;
    out[1] = (char)(size < 126 ? size : 126);
    if (head == 4) out[2] = (char)(size >> 8), out[3] = (char)size;
    memcpy(out + head, text, size);
    for (int i = 0; i < rooms[p->room].size; i++) push(rooms[p->room].members[i], out, head + size);
  }
}

static void end(struct peer *p) {
  leave(p);
  close(p->fd);
  p->fd = -1;
}

static void readable(struct peer *p) {
  static const char answer[] =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
  ssize_t got = recv(p->fd, p->input + p->size, (size_t)(INPUT - p->size), 0);
  size_t at = 0;
  if (got <= 0) {
    end(p);
    return;
  }
  p->size += (int)got;
  if (!p->open) {
    char *end = memmem(p->input, (size_t)p->size, "\r\n\r\n", 4);
    if (!end) return;
    p->open = 1;
    at = (size_t)(end + 4 - p->input);
    send(p->fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
  }
  while ((size_t)p->size - at >= 6) {
    size_t size = (unsigned char)p->input[at + 1] & 127, head = 6;
    if (size == 126) size = (size_t)(unsigned char)p->input[at + 2] << 8 | (unsigned char)p->input[at + 3], head = 8;
    if ((size_t)p->size - at < head + size) break;
    if ((p->input[at] & 15) == 8) {
      end(p);
      return;
    }
    message(p, p->input + at + head, size);
    at += head + size;
  }
  memmove(p->input, p->input + at, (size_t)p->size - at);
  p->size -= (int)at;
}

int main(int argc, char **argv) {
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t size = sizeof at;
  struct rlimit limit;
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN}, events[1024];
  gather = argc == 2 && !strcmp(argv[1], "gather");
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096)) return perror("floor"), 1;
  getsockname(listener, (struct sockaddr *)&at, &size);
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  printf("serving on http://127.0.0.1:%d\n", ntohs(at.sin_port));
  fflush(stdout);
  for (;;) {
    int ready = epoll_wait(epoll, events, 1024, -1);
    for (int i = 0; i < ready; i++) {
      if (events[i].data.ptr) {
        readable(events[i].data.ptr);
        continue;
      }
      struct peer *p = calloc(1, sizeof *p);
      p->fd = accept(listener, NULL, NULL);
      p->room = -1;
      if (p->fd < 0) return perror("floor"), 1;
      setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      struct epoll_event with = {.events = EPOLLIN, .data.ptr = p};
      epoll_ctl(epoll, EPOLL_CTL_ADD, p->fd, &with);
    }
    if (gather) flush();
  }
}
