/* Reading what a server sends: frames, and in them the units that a dialect counts. Both may be cut anywhere. */
#include <string.h>

#include "dialects.h"

enum { HEAD = 10, START = 125 };
static const char HEARTBEAT[] = "{\"type\":\"heartbeat";

struct reading {
  int head_size, start_size, pinged; /* pinged: the server sent a ping, whose payload is `start` */
  unsigned char head[HEAD];
  char start[START];       /* the first bytes of the payload: all of a ping's */
  unsigned long long left; /* bytes of the payload still to come */
  int depth, quoted, escaped;
  char first, second; /* of the line that is read */
  int place;          /* bytes of that line so far, at most 2 */
};

/* JSON objects that end here: servers put several of them into one frame. */
static int objects(struct reading *r, const unsigned char *at, size_t size) {
  int found = 0;
  for (size_t i = 0; i < size; i++) {
    if (r->quoted) {
      if (r->escaped) r->escaped = 0;
      else if (at[i] == '\\') r->escaped = 1;
      else if (at[i] == '"') r->quoted = 0;
    } else if (at[i] == '"') r->quoted = 1;
    else if (at[i] == '{') r->depth++;
    else if (at[i] == '}') found += --r->depth == 0;
  }
  return found;
}

/* Lines of NATS that end here and begin with MSG or PONG. A payload begins with a brace, and so is none of them. */
static int lines(struct reading *r, const unsigned char *at, size_t size) {
  int found = 0;
  for (size_t i = 0; i < size; i++) {
    if (at[i] == '\n') {
      found += r->place == 2 && ((r->first == 'M' && r->second == 'S') || (r->first == 'P' && r->second == 'O'));
      r->place = 0;
    } else if (r->place == 0) r->first = (char)at[i], r->place = 1;
    else if (r->place == 1) r->second = (char)at[i], r->place = 2;
  }
  return found;
}

/* The units that end in these bytes; -1 when the server closes. Heartbeats of Tidegate are none. */
static int units(struct reading *r, enum cut cut, const unsigned char *at, size_t size) {
  const unsigned char *end = at + size;
  int found = 0;
  while (at < end) {
    int wanted = 2;
    if (r->head_size >= 2) wanted = (r->head[1] & 127) == 126 ? 4 : (r->head[1] & 127) == 127 ? 10 : 2;
    if (r->head_size < wanted) {
      r->head[r->head_size++] = *at++;
      if (r->head_size < 2) continue;
      wanted = (r->head[1] & 127) == 126 ? 4 : (r->head[1] & 127) == 127 ? 10 : 2;
      if (r->head_size < wanted) continue;
      r->left = 0;
      if (wanted == 2) r->left = r->head[1] & 127;
      for (int i = 2; i < wanted; i++) r->left = r->left << 8 | r->head[i];
      r->start_size = 0;
    }
    size_t here = (size_t)(end - at) < r->left ? (size_t)(end - at) : (size_t)r->left;
    int data = (r->head[0] & 15) <= 2;
    if (data && cut == OBJECTS) found += objects(r, at, here);
    if (data && cut == LINES) found += lines(r, at, here);
    for (size_t i = 0; i < here && r->start_size < START; i++) r->start[r->start_size++] = (char)at[i];
    at += here;
    r->left -= here;
    if (r->left) return found;
    if ((r->head[0] & 15) == 8) return -1;
    if ((r->head[0] & 15) == 9) r->pinged = 1;
    if (data && cut == FRAMES) found += !(r->start_size >= (int)sizeof HEARTBEAT - 1 && !memcmp(r->start, HEARTBEAT, sizeof HEARTBEAT - 1));
    r->head_size = 0;
  }
  return found;
}
