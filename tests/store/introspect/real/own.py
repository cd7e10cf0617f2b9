"""Programs that run on one database alone, with what only that database has."""

from __future__ import annotations

from tests.store.introspect.real import RealSchema

CALIBRE = RealSchema(
    "calibre",
    """
CREATE TABLE books (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL DEFAULT 'Unknown' COLLATE NOCASE,
  sort TEXT COLLATE NOCASE, timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP, pubdate TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  series_index REAL NOT NULL DEFAULT 1.0, isbn TEXT DEFAULT "" COLLATE NOCASE, path TEXT NOT NULL DEFAULT "",
  uuid TEXT, has_cover BOOL DEFAULT 0);
CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE, sort TEXT COLLATE NOCASE,
  link TEXT NOT NULL DEFAULT "", UNIQUE (name));
CREATE TABLE books_authors_link (id INTEGER PRIMARY KEY, book INTEGER NOT NULL, author INTEGER NOT NULL,
  UNIQUE (book, author));
CREATE TABLE data (id INTEGER PRIMARY KEY, book INTEGER NOT NULL, format TEXT NOT NULL COLLATE NOCASE,
  uncompressed_size INTEGER NOT NULL, name TEXT NOT NULL, UNIQUE (book, format));
CREATE TABLE conversion_options (id INTEGER PRIMARY KEY, format TEXT NOT NULL COLLATE NOCASE, book INTEGER,
  data BLOB NOT NULL, UNIQUE (format, book));
CREATE TABLE library_id (id INTEGER PRIMARY KEY, uuid TEXT NOT NULL, UNIQUE (uuid));
CREATE TABLE metadata_dirtied (id INTEGER PRIMARY KEY, book INTEGER NOT NULL, UNIQUE (book));
CREATE TRIGGER fkc_insert BEFORE INSERT ON books_authors_link BEGIN SELECT CASE
  WHEN (SELECT id FROM books WHERE id = NEW.book) IS NULL THEN RAISE(ABORT, 'book not in books') END; END;
CREATE TRIGGER books_insert_trg AFTER INSERT ON books BEGIN
  UPDATE books SET sort = title_sort(NEW.title), uuid = 'made' WHERE id = NEW.id; END;
CREATE VIEW meta AS SELECT id, title, (SELECT concat(name) FROM authors) authors FROM books;
CREATE VIRTUAL TABLE books_fts USING fts5 (title, content='');
INSERT INTO books (title, sort, pubdate) VALUES ('The Book', 'Book, The', '0101-01-01 00:00:00+00:00'), ('x', NULL,
  NULL);
INSERT INTO authors (name) VALUES ('Ada'), ('Eve');
INSERT INTO books_authors_link (book, author) VALUES (1, 1), (2, 2);
INSERT INTO data (book, format, uncompressed_size, name) VALUES (1, 'EPUB', 100, 'x');
INSERT INTO library_id VALUES (1, 'e0f3');
INSERT INTO metadata_dirtied (book) VALUES (1);
ANALYZE;
""",
    """
INSERT INTO books (title, series_index, has_cover) VALUES ('ZZ', 0.1, 1);
UPDATE books SET title = 'the book', timestamp = '2024-01-01 00:00:00.5+00:00' WHERE id = 1;
INSERT OR REPLACE INTO authors (id, name) VALUES (9, 'ADA');
DELETE FROM authors WHERE id = 2;
INSERT OR IGNORE INTO books_authors_link (book, author) VALUES (1, 1);
UPDATE books_authors_link SET author = 9 WHERE id = 1;
INSERT OR REPLACE INTO data (book, format, uncompressed_size, name) VALUES (1, 'epub', 200, 'y');
INSERT INTO conversion_options (format, book, data) VALUES ('EPUB', 1, x'80');
UPDATE library_id SET uuid = 'e0f4';
INSERT OR REPLACE INTO metadata_dirtied (book) VALUES (1);
""",
    shared="authors books books_authors_link conversion_options data library_id metadata_dirtied",
    notes=(
        "books needs what only its own program has",
        "meta is a view",
        "books_fts is a virtual table",
        "conversion_options.data: it holds bytes",
    ),
    databases=("sqlite",),
    by_owner=True,
)

ZOTERO = RealSchema(
    "zotero",
    """
CREATE TABLE itemTypes (itemTypeID INTEGER PRIMARY KEY, typeName TEXT, templateItemTypeID INT, display INT DEFAULT 1);
CREATE TABLE items (itemID INTEGER PRIMARY KEY, itemTypeID INT NOT NULL, dateAdded TIMESTAMP NOT NULL DEFAULT
  CURRENT_TIMESTAMP, libraryID INT NOT NULL, key TEXT NOT NULL, version INT NOT NULL DEFAULT 0,
  synced INT NOT NULL DEFAULT 0, UNIQUE (libraryID, key));
CREATE TABLE itemDataValues (valueID INTEGER PRIMARY KEY, value UNIQUE);
CREATE TABLE itemData (itemID INT, fieldID INT, valueID, PRIMARY KEY (itemID, fieldID),
  FOREIGN KEY (itemID) REFERENCES items (itemID) ON DELETE CASCADE);
CREATE TABLE syncCache (libraryID INT NOT NULL, key TEXT NOT NULL, version INT NOT NULL, data TEXT,
  PRIMARY KEY (libraryID, key));
CREATE TABLE settings (setting TEXT, key TEXT, value, PRIMARY KEY (setting, key));
CREATE TABLE version (schema TEXT PRIMARY KEY, version INT NOT NULL);
CREATE TABLE tagColors (name TEXT NOT NULL, rowid TEXT, oid TEXT, _rowid_ TEXT, UNIQUE (name));
CREATE TABLE fulltextWords (wordID INTEGER PRIMARY KEY, word TEXT UNIQUE) WITHOUT ROWID;
INSERT INTO itemTypes VALUES (1, 'note', NULL, 2), (2, 'book', NULL, 2);
INSERT INTO items (itemID, itemTypeID, libraryID, key) VALUES (1, 2, 1, 'ABCD2345'), (2, 1, 1, 'ABCD2346');
INSERT INTO itemDataValues VALUES (1, 'A title'), (2, '2005-00-00 2005');
INSERT INTO itemData VALUES (1, 110, 1), (1, 14, 2);
INSERT INTO syncCache VALUES (1, 'ABCD2345', 3, '{"key":"ABCD2345"}');
INSERT INTO settings VALUES ('account', 'username', 'ada'), ('client', 'lastVersion', '7.0');
INSERT INTO version VALUES ('userdata', 120), ('system', 32);
""",
    """
REPLACE INTO itemTypes VALUES (1, 'note', 1, 1);
REPLACE INTO items (itemID, itemTypeID, libraryID, key) VALUES (3, 2, 1, 'ABCD2346');
INSERT OR IGNORE INTO itemDataValues VALUES (3, 'A title'), (4, 'Other');
REPLACE INTO itemData VALUES (1, 110, 4), (3, 110, 1);
DELETE FROM itemData WHERE fieldID = 14;
UPDATE syncCache SET data = NULL;
REPLACE INTO settings VALUES ('account', 'username', 'eve');
UPDATE version SET version = version + 1;
DELETE FROM version WHERE schema = 'system';
""",
    shared="itemData itemDataValues itemTypes items settings syncCache version",
    notes=("fulltextWords is WITHOUT ROWID", "tagColors has a column _rowid_, which hides the row number"),
    databases=("sqlite",),
)

ANKI = RealSchema(
    "anki",
    """
CREATE TABLE col (id integer PRIMARY KEY, crt integer NOT NULL, mod integer NOT NULL, conf text NOT NULL);
CREATE TABLE notes (id integer PRIMARY KEY, guid text NOT NULL, mid integer NOT NULL, flds text NOT NULL,
  sfld integer NOT NULL, csum integer NOT NULL, flags integer NOT NULL, data text NOT NULL);
CREATE TABLE cards (id integer PRIMARY KEY, nid integer NOT NULL, did integer NOT NULL, ord integer NOT NULL,
  due integer NOT NULL, left integer NOT NULL, odid integer NOT NULL, data text NOT NULL);
CREATE INDEX idx_cards_odid ON cards (odid) WHERE odid != 0;
CREATE TABLE revlog (id integer PRIMARY KEY, cid integer NOT NULL, usn integer NOT NULL, "lastIvl" integer NOT NULL);
CREATE TABLE deck_config (id integer PRIMARY KEY NOT NULL, name text NOT NULL COLLATE unicase,
  mtime_secs integer NOT NULL, usn integer NOT NULL, config blob NOT NULL);
CREATE TABLE decks (id integer PRIMARY KEY NOT NULL, name text NOT NULL COLLATE unicase, usn integer NOT NULL);
CREATE UNIQUE INDEX idx_decks_name ON decks (name);
CREATE TABLE graves (oid integer NOT NULL, type integer NOT NULL, usn integer NOT NULL, PRIMARY KEY (oid, type))
  WITHOUT ROWID;
CREATE TABLE config (KEY text NOT NULL PRIMARY KEY, usn integer NOT NULL, val blob NOT NULL) WITHOUT ROWID;
INSERT INTO col VALUES (1, 1700000000, 1700000000000, '{}');
INSERT INTO decks VALUES (1, 'Default', -1), (2, 'Français', -1), (3, 'x', 0);
INSERT INTO deck_config VALUES (1, 'Default', 1700000000, -1, x'0a00'), (2, 'DEFAULT', 0, 0, x'');
INSERT INTO notes VALUES (1700000000001, 'g', 1, 'front' || char(31) || 'back', 'front', 4294967295, 0, ''),
  (1700000000002, 'h', 1, '7' || char(31), 7, 1, 0, '');
INSERT INTO cards VALUES (1, 1700000000001, 1, 0, 1, 0, 0, '{}'), (2, 1700000000002, 1, 0, 2, 0, 0, '');
INSERT INTO revlog VALUES (1700000000003, 1, -1, -600);
""",
    """
UPDATE col SET mod = mod + 1;
REPLACE INTO decks VALUES (4, 'FRANÇAIS', 7);
UPDATE OR REPLACE decks SET name = 'DEFAULT' WHERE id = 3;
UPDATE deck_config SET name = 'Später', usn = 5 WHERE id = 2;
UPDATE notes SET sfld = 'seven' WHERE sfld = 7;
INSERT INTO notes VALUES (1700000000003, 'i', 1, 'x', 0.5, 1, 0, '');
DELETE FROM cards WHERE id = 1;
UPDATE cards SET odid = 5, left = 1001 WHERE id = 2;
INSERT INTO revlog VALUES (1700000000004, 2, -1, 9007199254740993);
UPDATE revlog SET usn = 0 WHERE id = 1700000000003;
""",
    shared="cards col deck_config decks notes revlog",
    notes=(
        "deck_config.config: it holds bytes",
        "graves is WITHOUT ROWID",
        "config is WITHOUT ROWID",
        "notes.sfld is declared INTEGER and some rows hold",
    ),
    databases=("sqlite",),
    by_owner=True,
)

PAGILA = RealSchema(
    "pagila",
    """
CREATE TYPE mpaa_rating AS ENUM ('G', 'PG', 'PG-13', 'R', 'NC-17');
CREATE DOMAIN year AS integer CHECK (VALUE BETWEEN 1901 AND 2155);
CREATE DOMAIN big AS bigint;
CREATE TABLE film (film_id serial PRIMARY KEY, title text NOT NULL, release_year year, rental_rate numeric(4,2) NOT NULL
  DEFAULT 4.99, rating mpaa_rating DEFAULT 'G', last_update timestamptz NOT NULL DEFAULT now(), special_features text[],
  fulltext tsvector, length_hours numeric GENERATED ALWAYS AS (1.5) STORED);
CREATE INDEX film_fulltext_idx ON film USING gist (fulltext);
CREATE TABLE staff (staff_id serial PRIMARY KEY, email text, password text, picture bytea, last_update timestamptz);
CREATE TABLE payment (payment_id serial, amount numeric(5,2) NOT NULL, payment_date timestamptz NOT NULL,
  PRIMARY KEY (payment_date, payment_id)) PARTITION BY RANGE (payment_date);
CREATE TABLE payment_p2022_01 PARTITION OF payment FOR VALUES FROM ('2022-01-01') TO ('2022-02-01');
CREATE TABLE rental (rental_id serial PRIMARY KEY, rental_period tstzrange NOT NULL, customer_id int,
  UNIQUE (rental_period, customer_id));
CREATE TABLE packages (id serial PRIMARY KEY, data jsonb, raw json, size big);
CREATE MATERIALIZED VIEW rental_by_category AS SELECT 1 AS total_sales;
INSERT INTO film (title, release_year, special_features, last_update)
  VALUES ('ACADEMY', 2006, '{Trailers,"Deleted Scenes"}', '2022-09-10 16:46:03.905795+00'), ('x', NULL, NULL,
  'infinity');
INSERT INTO staff (email, password, picture) VALUES ('a@x', 'x', '\\x00');
INSERT INTO rental (rental_period, customer_id) VALUES ('[2022-01-01 00:00+00,2022-01-02 00:00+00)', 1);
INSERT INTO packages (data, raw, size) VALUES ('{"a": 1.50}', '{"b":  1, "b": 2}', 5), ('null', '"x"', NULL);
""",
    """
INSERT INTO film (title, rating, rental_rate) VALUES ('Z', 'NC-17', 0.07);
UPDATE film SET rating = NULL, special_features = '{}', last_update = '2022-09-10 16:46:03+00' WHERE film_id = 1;
UPDATE staff SET password = 'y', last_update = '2000-01-01 00:00+02';
UPDATE rental SET rental_period = '[2022-01-01 00:00+00,)', customer_id = NULL;
UPDATE packages SET data = '[1e3, {"x": "☃"}]', raw = '[ 1 ]', size = -1 WHERE id = 1;
DELETE FROM packages WHERE id = 2;
""",
    shared="film packages rental staff",
    notes=(
        "payment is a partitioned table",
        "payment_p2022_01 is a part of a partitioned table",
        "rental_by_category is a materialized view",
        "staff.picture: it holds bytes",
        "rental.rental_period: Tidegate does not know the type tstzrange",
    ),
    secrets="staff.password",
    databases=("postgresql",),
)

SLACK = RealSchema(
    "slack-clone",
    """
CREATE TYPE app_role AS ENUM ('admin', 'moderator');
CREATE TYPE user_status AS ENUM ('ONLINE', 'OFFLINE');
CREATE TABLE users (id uuid NOT NULL PRIMARY KEY, username text, status user_status DEFAULT 'OFFLINE');
CREATE TABLE channels (id bigserial PRIMARY KEY, inserted_at timestamptz NOT NULL DEFAULT timezone('utc', now()),
  slug text NOT NULL UNIQUE, created_by uuid NOT NULL REFERENCES users);
CREATE TABLE messages (id bigserial PRIMARY KEY, message text, user_id uuid NOT NULL REFERENCES users,
  channel_id bigint NOT NULL REFERENCES channels ON DELETE CASCADE);
CREATE TABLE user_roles (id bigserial PRIMARY KEY, user_id uuid NOT NULL REFERENCES users, role app_role NOT NULL,
  UNIQUE (user_id, role));
ALTER TABLE messages ENABLE ROW LEVEL SECURITY;
CREATE POLICY "Allow logged-in read access" ON messages FOR SELECT USING (true);
INSERT INTO users VALUES ('8d0fd2b3-9ca7-4d9e-a95f-9e13dded323e', 'supabot', DEFAULT);
INSERT INTO channels (slug, created_by) VALUES ('public', '8d0fd2b3-9ca7-4d9e-a95f-9e13dded323e');
INSERT INTO messages (message, user_id, channel_id) VALUES ('Hello', '8d0fd2b3-9ca7-4d9e-a95f-9e13dded323e', 1);
INSERT INTO user_roles (user_id, role) VALUES ('8d0fd2b3-9ca7-4d9e-a95f-9e13dded323e', 'admin');
""",
    """
UPDATE users SET status = 'ONLINE';
INSERT INTO channels (slug, created_by) VALUES ('random', '8d0fd2b3-9ca7-4d9e-a95f-9e13dded323e');
INSERT INTO messages (message, user_id, channel_id) VALUES (NULL, '8d0fd2b3-9ca7-4d9e-a95f-9e13dded323e', 2);
DELETE FROM channels WHERE slug = 'public';
UPDATE user_roles SET role = 'moderator';
""",
    shared="channels messages user_roles users",
    databases=("postgresql",),
)

ADVENTUREWORKS = RealSchema(
    "adventureworks",
    """
CREATE SCHEMA person;
CREATE SCHEMA sales;
CREATE DOMAIN "Name" varchar(50);
CREATE DOMAIN "Flag" boolean NOT NULL;
CREATE TABLE person.address (addressid serial PRIMARY KEY, city varchar(30) NOT NULL);
CREATE TABLE sales.address (id int PRIMARY KEY, note text);
CREATE TABLE sales.customer (customerid serial PRIMARY KEY, personid int,
  rowguid uuid NOT NULL DEFAULT gen_random_uuid(),
  addressid int REFERENCES person.address, modifieddate timestamp NOT NULL DEFAULT now());
CREATE TABLE sales.currency (currencycode char(3) NOT NULL PRIMARY KEY, name public."Name" NOT NULL);
CREATE TABLE sales.salesorderheader (salesorderid serial PRIMARY KEY, onlineorderflag public."Flag" DEFAULT true,
  customerid int NOT NULL REFERENCES sales.customer, subtotal numeric DEFAULT 0.00 NOT NULL, taxamt money);
CREATE TABLE sales.creditcard (creditcardid serial PRIMARY KEY, cardnumber varchar(25) NOT NULL,
  expmonth smallint NOT NULL);
CREATE TABLE sales."Sales ""Quote"" Order" ("Order" int PRIMARY KEY, "Order ID" int, "ÜBER" text);
INSERT INTO person.address (city) VALUES ('Bothell');
INSERT INTO sales.address VALUES (1, 'x');
INSERT INTO sales.customer (personid, rowguid, addressid) VALUES (1, '3f5ae95e-b87d-4aed-95b4-c3797afcb74f', 1);
INSERT INTO sales.currency VALUES ('EUR', 'Euro'), ('x', 'Padded');
INSERT INTO sales.salesorderheader (customerid, subtotal, taxamt) VALUES (1, 20565.62060000000000001, 5);
INSERT INTO sales.creditcard (cardnumber, expmonth) VALUES ('33332664695310', 11);
INSERT INTO sales."Sales ""Quote"" Order" VALUES (1, 2, 'ü');
""",
    """
UPDATE person.address SET city = 'elsewhere';
UPDATE sales.address SET note = 'y';
UPDATE sales.customer SET personid = NULL;
DELETE FROM sales.currency WHERE currencycode = 'x';
INSERT INTO sales.currency VALUES ('USD', 'US Dollar');
UPDATE sales.salesorderheader SET onlineorderflag = false, subtotal = 1;
UPDATE sales.creditcard SET cardnumber = '5', expmonth = 1;
UPDATE sales."Sales ""Quote"" Order" SET "Order" = 9, "ÜBER" = '"';
""",
    shared='address creditcard currency customer salesorderheader|Sales "Quote" Order',
    notes=("customer.addressid refers to address, which is in another schema", "salesorderheader.taxamt"),
    secrets="creditcard.cardnumber",
    databases=("postgresql",),
    options="?options=-csearch_path%3Dsales",
)

SCHEMAS = (CALIBRE, ZOTERO, ANKI, PAGILA, SLACK, ADVENTUREWORKS)
