/* What the load generator says to each kind of server. `$R` stands for the room and `$T` for the text of a message. */
#include <string.h>

enum cut { FRAMES, OBJECTS, LINES }; /* what is counted: frames, JSON objects, or MSG and PONG lines of NATS */

struct dialect {
  const char *name, *path;
  const char *opening; /* sent first, where the server wants one; the server has answered it before a room is joined */
  int opening_units;   /* what comes until then, the greeting included */
  const char *join;    /* answered by one unit */
  const char *ping;    /* answered by one unit */
  const char *message;
  int replies; /* units that the speaker of a message gets besides the message */
  enum cut cut;
};

static const struct dialect dialects[] = {
    {"tidegate", "/ws", NULL, 0, "{\"type\":\"join\",\"room\":\"$R\",\"presence\":\"none\",\"ref\":0}",
     "{\"type\":\"ping\",\"ref\":1}", "{\"type\":\"message\",\"room\":\"$R\",\"data\":{\"text\":\"$T\"}}", 0, FRAMES},
    {"centrifuge", "/connection/websocket", "{\"id\":1,\"connect\":{}}", 1,
     "{\"id\":2,\"subscribe\":{\"channel\":\"$R\"}}", "{\"id\":3,\"rpc\":{\"method\":\"ping\",\"data\":{}}}",
     "{\"id\":4,\"publish\":{\"channel\":\"$R\",\"data\":{\"text\":\"$T\"}}}", 1, OBJECTS},
    {"socketio", "/socket.io/?EIO=4&transport=websocket", "40", 2, "420[\"join\",\"$R\"]", "421[\"ping\"]",
     "42[\"message\",\"$R\",{\"text\":\"$T\"}]", 0, FRAMES},
    /* The payload of a PUB line has 111 bytes with a text of 100. */
    {"nats", "/", NULL, 0, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB $R 1\r\nPING\r\n", "PING\r\n",
     "PUB $R 111\r\n{\"text\":\"$T\"}\r\n", 0, LINES},
    {"chanx", "/ws/bench", NULL, 0, "{\"action\":\"join\",\"payload\":{\"room\":\"$R\"}}",
     "{\"action\":\"ping\",\"payload\":null}", "{\"action\":\"message\",\"payload\":{\"room\":\"$R\",\"text\":\"$T\"}}", 0,
     FRAMES},
};

static const struct dialect *dialect_of(const char *name) {
  for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++)
    if (!strcmp(dialects[i].name, name)) return &dialects[i];
  return NULL;
}

/* `template` with `room` and `text` in place, as a string in `out`. Returns its size, or 0 when it does not fit. */
static size_t filled(char *out, size_t space, const char *template, const char *room, const char *text) {
  size_t size = 0;
  while (*template) {
    const char *part = template, *next = strchr(template + 1, '$');
    size_t length = next ? (size_t)(next - template) : strlen(template);
    if (template[0] == '$') {
      part = template[1] == 'R' ? room : text;
      length = strlen(part);
      template += 2;
    } else {
      template += length;
    }
    if (size + length >= space) return 0;
    memcpy(out + size, part, length);
    size += length;
  }
  out[size] = 0;
  return size;
}
