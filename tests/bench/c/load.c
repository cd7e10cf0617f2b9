/* The load generator of `make bench-quick`: WebSocket clients on one epoll, which count frames.

   load PORT PID MODE CLIENTS IN_FLIGHT ROUNDS GREETING
   MODE is fanout, ping, message or connect. PID is the server, whose processor time comes from /proc/PID/task.
   GREETING is the number of frames that a client gets by connecting. Clients mask with the zero key, which is valid.
   Prints one line of JSON; exits 1 with a sentence when the server refuses, closes or is silent for 20 seconds. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SILENCE_MS = 20000, HEAD = 10, START = 18 };
static const char HEARTBEAT[] = "{\"type\":\"heartbeat";

struct client {
  int fd, open, head_size, start_size;
  unsigned char head[HEAD];
  char start[START], reply[512]; /* the first bytes of the payload; the answer to the handshake */
  int reply_size;
  unsigned long long left; /* bytes of the payload still to come */
};

static struct client *clients;
static int epoll, count;
static unsigned long long frames; /* of all clients, without heartbeats */

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

/* Take `size` bytes of frames. A frame may be cut anywhere. */
static void take(struct client *c, const unsigned char *at, size_t size) {
  const unsigned char *end = at + size;
  while (at < end) {
    int wanted = 2;
    if (c->head_size >= 2) wanted = (c->head[1] & 127) == 126 ? 4 : (c->head[1] & 127) == 127 ? 10 : 2;
    if (c->head_size < wanted) {
      c->head[c->head_size++] = *at++;
      if (c->head_size < 2) continue;
      wanted = (c->head[1] & 127) == 126 ? 4 : (c->head[1] & 127) == 127 ? 10 : 2;
      if (c->head_size < wanted) continue;
      c->left = 0;
      if (wanted == 2) c->left = c->head[1] & 127;
      for (int i = 2; i < wanted; i++) c->left = c->left << 8 | c->head[i];
      c->start_size = 0;
    }
    size_t here = (size_t)(end - at) < c->left ? (size_t)(end - at) : (size_t)c->left;
    for (size_t i = 0; i < here && c->start_size < START; i++) c->start[c->start_size++] = (char)at[i];
    at += here;
    c->left -= here;
    if (c->left) return;
    if ((c->head[0] & 15) == 8) fail("the server closed a connection");
    int text = (c->head[0] & 15) == 1;
    if (text && !(c->start_size == START && !memcmp(c->start, HEARTBEAT, START))) frames++;
    c->head_size = 0;
  }
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
  if (size) take(c, at, (size_t)size);
}

static void turn(void) {
  struct epoll_event events[1024];
  int ready = epoll_wait(epoll, events, 1024, SILENCE_MS);
  if (ready == 0) fail("the server was silent for 20 seconds");
  for (int i = 0; i < ready; i++) readable(events[i].data.ptr);
}

static void until(unsigned long long wanted) {
  while (frames < wanted) turn();
}

static void put(struct client *c, const char *data, size_t size) {
  if (send(c->fd, data, size, MSG_NOSIGNAL) != (ssize_t)size) fail("a send was cut: fewer in flight");
}

static size_t frame(char *out, const char *text) {
  size_t size = strlen(text), head = size < 126 ? 6 : 8;
  memset(out, 0, head);
  out[0] = (char)0x81;
  out[1] = (char)(0x80 | (size < 126 ? size : 126));
  if (size >= 126) out[2] = (char)(size >> 8), out[3] = (char)size;
  memcpy(out + head, text, size);
  return head + size;
}

/* Connect client `number` and ask to join `room`. */
static void enter(int number, int port, const char *room) {
  static const char hello[] =
      "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  struct client *c = &clients[number];
  char text[200], out[256];
  int one = 1;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to)) fail("cannot connect");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
  put(c, hello, sizeof hello - 1);
  while (!c->open) turn();
  snprintf(text, sizeof text, "{\"type\":\"join\",\"room\":\"%s\",\"presence\":\"none\",\"ref\":0}", room);
  put(c, out, frame(out, text));
}

/* Close every connection as RFC 6455 asks for, and wait for the server, so that the next measure begins with none. */
static void part(void) {
  static const char bye[] = "\x88\x82\0\0\0\0\x03\xe8";
  struct epoll_event events[1024];
  char scrap[4096];
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

int main(int argc, char **argv) {
  if (argc != 8) fail("usage: load PORT PID MODE CLIENTS IN_FLIGHT ROUNDS GREETING");
  int port = atoi(argv[1]), pid = atoi(argv[2]), in_flight = atoi(argv[5]), rounds = atoi(argv[6]);
  int greeting = atoi(argv[7]), fanout = !strcmp(argv[3], "fanout"), ping = !strcmp(argv[3], "ping");
  int idle = !strcmp(argv[3], "connect");
  struct rlimit limit;
  count = atoi(argv[4]);
  if (count < 1 || in_flight < 1 || in_flight > 64 || rounds < 1) fail("numbers out of range");
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  epoll = epoll_create1(0);
  clients = calloc((size_t)count, sizeof *clients);

  double cpu = server_us(pid), kb = server_kb(pid), wall = now_us(CLOCK_MONOTONIC), own = now_us(CLOCK_PROCESS_CPUTIME_ID);
  for (int i = 0; i < count; i++) {
    char room[40] = "chat-bench";
    if (!fanout && !idle) snprintf(room, sizeof room, "chat-bench-%d", i);
    enter(i, port, room);
    until((unsigned long long)(i + 1) * (unsigned)(greeting + 1));
  }
  unsigned long long done = (unsigned)count;
  if (!idle) {
    char text[256], *out = malloc((size_t)in_flight * 300);
    char filler[101] = {0};
    int speakers = fanout ? 1 : count;
    memset(filler, 'x', 100);
    done = (unsigned long long)rounds * (unsigned)count * (unsigned)in_flight;
    for (int round = -(rounds + 9) / 10; round < rounds; round++) { /* a tenth to warm up */
      unsigned long long wanted = frames + (unsigned long long)count * (unsigned)in_flight;
      if (round == 0) cpu = server_us(pid), wall = now_us(CLOCK_MONOTONIC), own = now_us(CLOCK_PROCESS_CPUTIME_ID);
      for (int i = 0; i < speakers; i++) {
        size_t size = 0;
        if (ping) snprintf(text, sizeof text, "{\"type\":\"ping\",\"ref\":1}");
        else if (fanout) snprintf(text, sizeof text, "{\"type\":\"message\",\"room\":\"chat-bench\",\"data\":{\"text\":\"%s\"}}", filler);
        else snprintf(text, sizeof text, "{\"type\":\"message\",\"room\":\"chat-bench-%d\",\"data\":{\"text\":\"%s\"}}", i, filler);
        for (int k = 0; k < in_flight; k++) size += frame(out + size, text);
        put(&clients[i], out, size);
      }
      until(wanted);
      if (frames != wanted) fail("more frames came than were asked for");
    }
  }
  printf("{\"count\":%llu,\"server_us\":%.3f,\"wall_us\":%.3f,\"load_us\":%.3f,\"server_kb\":%.1f}\n", done, server_us(pid) - cpu,
         now_us(CLOCK_MONOTONIC) - wall, now_us(CLOCK_PROCESS_CPUTIME_ID) - own, server_kb(pid) - kb);
  fflush(stdout);
  part();
  return 0;
}
