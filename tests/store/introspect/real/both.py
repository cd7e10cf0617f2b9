"""Programs that run on SQLite and on PostgreSQL, and samples that exist for both."""

from __future__ import annotations

from tests.store.introspect.real import RealSchema

SAKILA = RealSchema(
    "sakila",
    """
CREATE TABLE language (language_id %ID, name char(20) NOT NULL, last_update %TIME NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE film (film_id %ID, title varchar(255) NOT NULL, description text DEFAULT NULL, release_year varchar(4),
  language_id smallint NOT NULL REFERENCES language (language_id),
  original_language_id smallint REFERENCES language (language_id), rental_duration smallint NOT NULL DEFAULT 3,
  rental_rate decimal(4,2) NOT NULL DEFAULT 4.99, length smallint, replacement_cost decimal(5,2) NOT NULL DEFAULT 19.99,
  rating varchar(10) DEFAULT 'G' CHECK (rating IN ('G', 'PG', 'PG-13', 'R', 'NC-17')),
  last_update %TIME NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE INDEX idx_fk_language_id ON film (language_id);
CREATE TABLE actor (actor_id %ID, first_name varchar(45) NOT NULL, last_name varchar(45) NOT NULL);
CREATE TABLE film_actor (actor_id int NOT NULL REFERENCES actor ON DELETE CASCADE,
  film_id int NOT NULL REFERENCES film ON DELETE CASCADE, PRIMARY KEY (actor_id, film_id));
CREATE TABLE staff (staff_id %ID, picture %BLOB DEFAULT NULL, active smallint NOT NULL DEFAULT 1,
  username varchar(16) NOT NULL, password varchar(40) DEFAULT NULL);
CREATE VIEW film_list AS SELECT film_id AS fid, title FROM film;
INSERT INTO language (language_id, name) VALUES (1, 'English'), (2, 'Français');
INSERT INTO film (film_id, title, language_id, rental_rate) VALUES (1, 'ACADEMY ''DINOSAUR''', 1, 0.99), (2, '', 2, 2);
INSERT INTO actor VALUES (1, 'PENELOPE', 'GUINESS'), (2, 'NICK', 'WAHLBERG'), (3, 'Ω ☃ 😀', 'x');
INSERT INTO film_actor VALUES (1, 1), (2, 1), (3, 2);
INSERT INTO staff (staff_id, picture, username, password) VALUES (1, %BYTES, 'Mike', '8cb2237d');
""",
    """
INSERT INTO language (language_id, name, last_update) VALUES (3, 'Deutsch', '2006-02-15 05:02:19');
UPDATE film SET length = 117, rating = 'NC-17', rental_rate = 0.1 WHERE film_id = 2;
DELETE FROM film_actor WHERE actor_id = 3;
UPDATE film_actor SET actor_id = 3 WHERE actor_id = 2;
DELETE FROM actor WHERE actor_id = 2;
INSERT INTO actor (actor_id, first_name, last_name) VALUES (4, 'a"b\\c', 'tab	');
UPDATE staff SET picture = NULL, password = 'other', active = 0;
""",
    shared="actor film film_actor language staff",
    notes=("film_list is a view", "staff.picture: it holds bytes"),
    secrets="staff.password",
)

NORTHWIND = RealSchema(
    "northwind",
    """
CREATE TABLE customers (customer_id char(5) NOT NULL PRIMARY KEY, company_name varchar(40) NOT NULL, fax varchar(24));
CREATE TABLE orders (order_id smallint NOT NULL PRIMARY KEY, customer_id char(5) REFERENCES customers,
  order_date date, freight real, ship_name varchar(40));
CREATE TABLE order_details (order_id smallint NOT NULL REFERENCES orders, product_id smallint NOT NULL,
  unit_price real NOT NULL, quantity smallint NOT NULL, discount double precision NOT NULL,
  PRIMARY KEY (order_id, product_id));
CREATE TABLE "Order Subtotals" ("Order ID" int NOT NULL PRIMARY KEY, "Sub-total %" numeric(10,2), "from" text);
CREATE TABLE categories (category_id smallint NOT NULL PRIMARY KEY, "select" varchar(15) NOT NULL, picture %BLOB);
CREATE TABLE us_states (state_id smallint NOT NULL, state_name varchar(100), state_abbr varchar(2) NOT NULL UNIQUE);
INSERT INTO customers VALUES ('ALFKI', 'Alfreds Futterkiste', NULL), ('ANATR', 'Ana Trujillo', '(5) 555');
INSERT INTO orders VALUES (10248, 'ALFKI', '1996-07-04', 32.375, 'Vins'), (10249, NULL, NULL, NULL, NULL);
INSERT INTO order_details VALUES (10248, 11, 14.5, 12, 0.25), (10248, 42, 9.75, 10, 0.1);
INSERT INTO "Order Subtotals" VALUES (10248, 440.5, 'x'), (10249, NULL, NULL);
INSERT INTO categories VALUES (1, 'Beverages', %BYTES), (2, 'Condiments', NULL);
INSERT INTO us_states VALUES (1, 'Alabama', 'AL'), (1, NULL, 'AK');
""",
    """
INSERT INTO customers VALUES ('BLAUS', 'Blauer See', '');
UPDATE customers SET fax = NULL WHERE customer_id = 'ANATR';
UPDATE orders SET order_date = '1996-02-29', freight = 0.5 WHERE order_id = 10249;
UPDATE order_details SET quantity = quantity + 1;
UPDATE order_details SET product_id = 43 WHERE product_id = 42;
DELETE FROM order_details WHERE product_id = 11;
UPDATE "Order Subtotals" SET "Sub-total %" = 0.07, "from" = '"';
DELETE FROM categories WHERE category_id = 2;
UPDATE categories SET "select" = 'from "x"';
UPDATE us_states SET state_abbr = 'AZ' WHERE state_abbr = 'AK';
INSERT INTO us_states VALUES (-1, 'x', 'CA');
""",
    shared="customers orders order_details|Order Subtotals|categories us_states",
    keys={"us_states": ["state_abbr"]},
    notes=("us_states: it has no primary key, so the unique columns (state_abbr) are the key", "categories.picture"),
)

SYNAPSE = RealSchema(
    "synapse",
    """
CREATE TABLE users (name text, password_hash text, creation_ts bigint, admin smallint DEFAULT 0 NOT NULL,
  UNIQUE (name));
CREATE TABLE profiles (user_id text NOT NULL, displayname text, avatar_url text, UNIQUE (user_id));
CREATE TABLE events (stream_ordering int PRIMARY KEY, topological_ordering bigint NOT NULL, event_id text NOT NULL,
  type text NOT NULL, room_id text NOT NULL, depth bigint DEFAULT 0 NOT NULL, UNIQUE (event_id));
CREATE TABLE event_json (event_id text NOT NULL, room_id text NOT NULL, internal_metadata text NOT NULL,
  json text NOT NULL, format_version int, UNIQUE (event_id));
CREATE TABLE receipts_linearized (stream_id bigint NOT NULL, room_id text NOT NULL, receipt_type text NOT NULL,
  user_id text NOT NULL, event_id text NOT NULL, data text NOT NULL,
  CONSTRAINT receipts_linearized_uniqueness UNIQUE (room_id, receipt_type, user_id));
CREATE TABLE devices (user_id text NOT NULL, device_id text NOT NULL, display_name text, hidden boolean DEFAULT FALSE,
  CONSTRAINT device_uniqueness UNIQUE (user_id, device_id));
CREATE TABLE access_tokens (id int PRIMARY KEY, user_id text NOT NULL, device_id text, token text NOT NULL,
  UNIQUE (token));
CREATE TABLE ui_auth_sessions (session_id text NOT NULL, creation_time bigint NOT NULL, uri text NOT NULL,
  UNIQUE (session_id));
CREATE TABLE room_depth (room_id text NOT NULL, min_depth bigint, UNIQUE (room_id));
CREATE TABLE event_push_actions (room_id text NOT NULL, event_id text NOT NULL, notif smallint);
CREATE UNIQUE INDEX event_push_actions_some ON event_push_actions (room_id, event_id) WHERE notif = 1;
CREATE TABLE pushers (id int PRIMARY KEY, app_id text NOT NULL, pushkey text NOT NULL, data text, UNIQUE (app_id,
  pushkey));
INSERT INTO users VALUES ('@a:x', 'secret', 1, 1);
INSERT INTO profiles VALUES ('@a:x', 'A ☃', NULL), ('@b:x', NULL, 'mxc://x/y');
INSERT INTO events VALUES (1, 9, '$1', 'm.room.message', '!r:x', 1), (2, 10, '$2', 'm.x', '!r:x', 2);
INSERT INTO event_json VALUES ('$1', '!r:x', '{}', '{"a":"\\u0000"}', 3), ('$2', '!r:x', '{}', 'no json', NULL);
INSERT INTO receipts_linearized VALUES (1, '!r:x', 'm.read', '@a:x', '$1', '{}');
INSERT INTO devices (user_id, device_id) VALUES ('@a:x', 'D1'), ('@a:x', 'D2');
INSERT INTO access_tokens VALUES (1, '@a:x', 'D1', 'syt_abc');
INSERT INTO ui_auth_sessions VALUES ('live', 1, '/x');
INSERT INTO room_depth VALUES ('!r:x', NULL);
INSERT INTO pushers VALUES (1, 'app', 'k', '{}');
""",
    """
INSERT INTO profiles VALUES ('@c:x', 'C', NULL) ON CONFLICT (user_id) DO UPDATE SET displayname = excluded.displayname;
INSERT INTO profiles VALUES ('@a:x', 'A2', NULL) ON CONFLICT (user_id) DO UPDATE SET displayname = excluded.displayname;
DELETE FROM profiles WHERE user_id = '@b:x';
UPDATE events SET event_id = '$3' WHERE event_id = '$2';
UPDATE event_json SET event_id = '$3', format_version = 4 WHERE event_id = '$2';
INSERT INTO receipts_linearized VALUES (2, '!r:x', 'm.read', '@b:x', '$1', '{"ts":1}');
UPDATE receipts_linearized SET stream_id = 3, event_id = '$3' WHERE user_id = '@a:x';
UPDATE devices SET display_name = 'phone', hidden = TRUE WHERE device_id = 'D2';
DELETE FROM devices WHERE device_id = 'D1';
UPDATE access_tokens SET token = 'syt_def', device_id = NULL;
UPDATE ui_auth_sessions SET uri = '/y';
UPDATE room_depth SET min_depth = 5;
DELETE FROM pushers;
""",
    shared="access_tokens devices event_json events profiles pushers receipts_linearized room_depth ui_auth_sessions",
    keys={
        "devices": ["user_id", "device_id"],
        "event_json": ["event_id"],
        "profiles": ["user_id"],
        "receipts_linearized": ["room_id", "receipt_type", "user_id"],
        "room_depth": ["room_id"],
        "ui_auth_sessions": ["session_id"],
    },
    notes=(
        "users has no primary key, so that clients cannot name a row",
        "event_push_actions has no primary key",
        "ui_auth_sessions.session_id is a key whose name says that it is a secret",
    ),
    secrets="access_tokens.token",
    hidden="ui_auth_sessions",
)

VAULTWARDEN = RealSchema(
    "vaultwarden",
    """
CREATE TABLE users (uuid char(36) NOT NULL PRIMARY KEY, created_at %TIME NOT NULL, email text NOT NULL UNIQUE,
  name text NOT NULL, password_hash %BLOB NOT NULL, salt text NOT NULL, password_hint text, akey text NOT NULL,
  private_key text, public_key text, totp_secret text, totp_recover text, security_stamp text NOT NULL,
  client_kdf_iter int NOT NULL DEFAULT 100000, api_key text, enabled boolean NOT NULL DEFAULT TRUE);
CREATE TABLE devices (uuid char(36) NOT NULL, user_uuid char(36) NOT NULL REFERENCES users (uuid), name text NOT NULL,
  push_token text, refresh_token text NOT NULL, twofactor_remember text, PRIMARY KEY (uuid, user_uuid));
CREATE TABLE twofactor (uuid char(36) NOT NULL PRIMARY KEY, user_uuid char(36) NOT NULL REFERENCES users (uuid),
  atype int NOT NULL, enabled boolean NOT NULL, data text NOT NULL, last_used int NOT NULL DEFAULT 0,
  UNIQUE (user_uuid, atype));
CREATE TABLE ciphers (uuid char(36) NOT NULL PRIMARY KEY, user_uuid char(36) REFERENCES users (uuid),
  atype int NOT NULL,
  name text NOT NULL, notes text, deleted_at %TIME);
CREATE TABLE favorites (user_uuid char(36) NOT NULL REFERENCES users (uuid),
  cipher_uuid char(36) NOT NULL REFERENCES ciphers (uuid), PRIMARY KEY (user_uuid, cipher_uuid));
CREATE TABLE invitations (email text NOT NULL PRIMARY KEY);
INSERT INTO users (uuid, created_at, email, name, password_hash, salt, akey, security_stamp)
  VALUES ('u1', '2024-01-02 03:04:05', 'a@x', 'A', %BYTES, 's', 'k', 'stamp');
INSERT INTO devices VALUES ('d1', 'u1', 'phone', NULL, 'r', NULL);
INSERT INTO twofactor VALUES ('t1', 'u1', 0, TRUE, 'JBSWY3DP', 0);
INSERT INTO ciphers VALUES ('c1', 'u1', 1, '2.enc|x', NULL, NULL), ('c2', NULL, 1, '', 'n', NULL);
INSERT INTO favorites VALUES ('u1', 'c1');
INSERT INTO invitations VALUES ('b@x'), ('B@x');
""",
    """
UPDATE users SET email = 'a2@x', totp_secret = 'JBSW', enabled = FALSE;
UPDATE devices SET name = 'tablet', refresh_token = 'r2';
UPDATE twofactor SET data = 'new', last_used = 77;
UPDATE ciphers SET deleted_at = '2024-02-03 04:05:06' WHERE uuid = 'c1';
INSERT INTO favorites VALUES ('u1', 'c2');
DELETE FROM favorites WHERE cipher_uuid = 'c1';
DELETE FROM invitations WHERE email = 'b@x';
INSERT INTO invitations VALUES ('c@x');
""",
    shared="ciphers devices favorites invitations twofactor users",
    notes=("users.password_hash: it holds bytes, which JSON cannot hold; without it clients cannot create rows",),
    secrets="devices.push_token devices.refresh_token devices.twofactor_remember twofactor.data users.akey "
    "users.api_key users.password_hint users.private_key users.salt users.security_stamp "
    "users.totp_recover users.totp_secret",
)

DJANGO = RealSchema(
    "django",
    """
CREATE TABLE auth_user (id %ID, password varchar(128) NOT NULL, last_login %TIME, is_superuser boolean NOT NULL,
  username varchar(150) NOT NULL UNIQUE, email varchar(254) NOT NULL, date_joined %TIME NOT NULL);
CREATE TABLE auth_group (id %ID, name varchar(150) NOT NULL UNIQUE);
CREATE TABLE auth_user_groups (id %ID, user_id int NOT NULL REFERENCES auth_user (id) DEFERRABLE INITIALLY DEFERRED,
  group_id int NOT NULL REFERENCES auth_group (id) DEFERRABLE INITIALLY DEFERRED, UNIQUE (user_id, group_id));
CREATE TABLE django_session (session_key varchar(40) NOT NULL PRIMARY KEY, session_data text NOT NULL,
  expire_date %TIME NOT NULL);
CREATE INDEX django_session_expire ON django_session (expire_date);
CREATE TABLE authtoken_token (key varchar(40) NOT NULL PRIMARY KEY, created %TIME NOT NULL,
  user_id int NOT NULL UNIQUE);
CREATE TABLE django_admin_log (id %ID, action_time %TIME NOT NULL, object_id text,
  action_flag smallint NOT NULL CHECK (action_flag >= 0), change_message text NOT NULL, user_id int NOT NULL);
CREATE TABLE shop_order (id %ID, details %JSON NOT NULL, paid boolean, "or" int, "and" text);
INSERT INTO auth_user VALUES (1, 'pbkdf2$x', NULL, TRUE, 'ada', '', '2024-01-01 00:00:00.123456');
INSERT INTO auth_group VALUES (1, 'editors'), (2, 'Editors');
INSERT INTO auth_user_groups VALUES (1, 1, 1);
INSERT INTO django_session VALUES ('cookie', 'x', '2030-01-01 00:00:00');
INSERT INTO authtoken_token VALUES ('abc', '2024-01-01 00:00:00', 1);
INSERT INTO django_admin_log VALUES (1, '2024-01-01 00:00:00', NULL, 1, '[{"added": {}}]', 1);
INSERT INTO shop_order VALUES (1, '{"a": [1, 2.5, null, true, "\\u2603"]}', NULL, 1, 'x'), (2, '[]', TRUE, NULL, NULL);
""",
    """
UPDATE auth_user SET last_login = '2024-02-29 12:00:00', password = 'pbkdf2$y';
UPDATE auth_group SET name = 'writers' WHERE id = 1;
DELETE FROM auth_user_groups;
INSERT INTO auth_user_groups (id, user_id, group_id) VALUES (5, 1, 2);
UPDATE django_session SET session_data = 'y';
DELETE FROM authtoken_token;
INSERT INTO django_admin_log VALUES (2, '2024-03-01 00:00:00', '', 3, '', 1);
UPDATE shop_order SET details = '{"b": {"c": ""}}', paid = FALSE WHERE id = 1;
UPDATE shop_order SET "or" = 7 WHERE id = 2;
""",
    shared="auth_group auth_user auth_user_groups authtoken_token django_admin_log django_session shop_order",
    notes=(
        "django_session.session_key is a key whose name says that it is a secret",
        "authtoken_token.key is a key whose name says that it is a secret",
        "shop_order.or: filters use this name for something different",
    ),
    secrets="auth_user.password django_session.session_data",
    hidden="authtoken_token django_session",
)

MASTODON = RealSchema(
    "mastodon",
    """
CREATE TABLE accounts (id bigint NOT NULL PRIMARY KEY, username varchar NOT NULL DEFAULT '', domain varchar,
  private_key text, public_key text NOT NULL DEFAULT '');
CREATE TABLE statuses (id bigint NOT NULL PRIMARY KEY, uri varchar, text text NOT NULL DEFAULT '',
  in_reply_to_id bigint REFERENCES statuses (id) ON DELETE SET NULL, reblog_of_id bigint,
  visibility int NOT NULL DEFAULT 0,
  account_id bigint NOT NULL REFERENCES accounts (id), sensitive boolean NOT NULL DEFAULT FALSE);
CREATE INDEX index_statuses_on_account ON statuses (account_id, id);
CREATE TABLE status_stats (id bigint NOT NULL PRIMARY KEY, status_id bigint NOT NULL UNIQUE,
  replies_count bigint NOT NULL DEFAULT 0);
CREATE TABLE statuses_tags (tag_id bigint NOT NULL, status_id bigint NOT NULL, PRIMARY KEY (tag_id, status_id));
INSERT INTO accounts VALUES (110000000000000001, 'ada', NULL, 'pem', ''), (110000000000000002, 'eve', 'x.y', NULL, '');
INSERT INTO statuses (id, text, account_id) VALUES (110000000000000001, 'a', 110000000000000001),
  (110000000000000002, 'b', 110000000000000001), (110000000000000003, 'c', 110000000000000002);
INSERT INTO status_stats VALUES (1, 110000000000000001, 1), (2, 110000000000000002, 9223372036854775807);
INSERT INTO statuses_tags VALUES (1, 110000000000000001), (1, 110000000000000002);
""",
    """
INSERT INTO statuses (id, text, account_id, in_reply_to_id)
  VALUES (110000000000000004, 'd', 110000000000000002, 110000000000000003);
UPDATE statuses SET text = 'b2', sensitive = TRUE WHERE id = 110000000000000002;
UPDATE statuses SET in_reply_to_id = NULL WHERE id = 110000000000000004;
DELETE FROM statuses WHERE id = 110000000000000003;
UPDATE accounts SET domain = NULL WHERE id = 110000000000000002;
UPDATE status_stats SET replies_count = -9223372036854775808 WHERE id = 1;
DELETE FROM status_stats WHERE id = 2;
INSERT INTO statuses_tags VALUES (2, 110000000000000003);
DELETE FROM statuses_tags WHERE status_id = 110000000000000001;
""",
    shared="accounts status_stats statuses statuses_tags",
    secrets="accounts.private_key",
)

SCHEMAS = (SAKILA, NORTHWIND, SYNAPSE, VAULTWARDEN, DJANGO, MASTODON)
