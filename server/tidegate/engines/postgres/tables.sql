-- What the engine keeps, in one schema (@). UNLOGGED: after a crash, and on a standby that was promoted, the tables are
-- empty, and every room begins a new epoch. Names, ids and texts are bytes: no collation, no encoding, every character.
-- All times are milliseconds since the Unix epoch, on the server's clock.

CREATE UNLOGGED TABLE IF NOT EXISTS @.state (
  one boolean PRIMARY KEY DEFAULT true CHECK (one), place text NOT NULL, application text NOT NULL);

-- Gateways, and until when each has its lease.
CREATE UNLOGGED TABLE IF NOT EXISTS @.nodes (
  node text PRIMARY KEY, generation bigint NOT NULL, ends bigint NOT NULL) WITH (fillfactor = 20);

CREATE UNLOGGED TABLE IF NOT EXISTS @.rooms (
  room bytea PRIMARY KEY, epoch text NOT NULL, head bigint NOT NULL, ttl bigint NOT NULL, touched bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- What gateways tell each other, in the order of commits. Kept for a minute.
-- kind: m message, p presence, f forgotten, t told to gateways, u to a user, l a gateway leaves
CREATE UNLOGGED TABLE IF NOT EXISTS @.outbox (
  seq bigint PRIMARY KEY, at bigint NOT NULL, kind "char" NOT NULL, node text NOT NULL, item bigint NOT NULL, room bytea NOT NULL,
  epoch text NOT NULL, n bigint NOT NULL, who bytea NOT NULL, body bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_vacuum_insert_threshold = -1);
ALTER TABLE @.outbox ALTER body SET STORAGE EXTERNAL;

CREATE UNLOGGED TABLE IF NOT EXISTS @.history (
  room bytea NOT NULL, n bigint NOT NULL, at bigint NOT NULL, until bigint NOT NULL, body bytea NOT NULL, PRIMARY KEY (room, n)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_vacuum_insert_threshold = -1);
ALTER TABLE @.history ALTER body SET STORAGE EXTERNAL;
CREATE INDEX IF NOT EXISTS history_until ON @.history (until);

-- Idempotency keys.
CREATE UNLOGGED TABLE IF NOT EXISTS @.keys (
  room bytea NOT NULL, who bytea NOT NULL, key bytea NOT NULL, digest bytea NOT NULL, epoch text NOT NULL, n bigint NOT NULL,
  at bigint NOT NULL, PRIMARY KEY (room, who, key)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_vacuum_insert_threshold = -1);
CREATE INDEX IF NOT EXISTS keys_at ON @.keys (at);

-- Which gateway has sessions in which room. ticket: tells an opening from an earlier one that is closed late.
CREATE UNLOGGED TABLE IF NOT EXISTS @.opened (
  room bytea NOT NULL, node text NOT NULL, ticket bigint NOT NULL, PRIMARY KEY (room, node)
) WITH (autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX IF NOT EXISTS opened_node ON @.opened (node);

-- Who is present through which gateway. generation: of the gateway when it said so last.
CREATE UNLOGGED TABLE IF NOT EXISTS @.present (
  room bytea NOT NULL, node text NOT NULL, who bytea NOT NULL, generation bigint NOT NULL, entry bytea NOT NULL,
  PRIMARY KEY (room, node, who)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX IF NOT EXISTS present_node ON @.present (node);
