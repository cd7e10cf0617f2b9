-- Two tables with the change log of the first form, in which entries without a number were in the log.

CREATE TABLE notes (id bigint PRIMARY KEY, text text);

CREATE TABLE pads (id bigint PRIMARY KEY);

CREATE SCHEMA _tidegate;

CREATE SEQUENCE _tidegate.log_seq;

CREATE TABLE _tidegate.log (
  seq bigint UNIQUE, id bigint GENERATED ALWAYS AS IDENTITY, xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
  time bigint, resource text NOT NULL, key text NOT NULL, action text NOT NULL, old text, new text, origin text,
  actor text);

CREATE INDEX log_unnumbered ON _tidegate.log (xact, id) WHERE seq IS NULL;

CREATE UNLOGGED TABLE _tidegate.commits (xact xid8 PRIMARY KEY, origin text, actor text);

CREATE TABLE _tidegate.meta (name text PRIMARY KEY, value text NOT NULL);

CREATE TABLE _tidegate.requests (
  actor text NOT NULL, key text NOT NULL, digest bytea NOT NULL, reply text NOT NULL, time bigint NOT NULL,
  seq bigint NOT NULL, PRIMARY KEY (actor, key));

INSERT INTO _tidegate.meta (name, value) VALUES ('epoch', 'former'), ('identity_secret', 'secret'), ('pruned_to', '0'), ('place', 'former'), ('table notes', 'theirs'), ('table pads', 'theirs');

CREATE OR REPLACE FUNCTION _tidegate.number_changes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 SET enable_seqscan = off
SET "DateStyle" = 'ISO, YMD' SET "IntervalStyle" = 'postgres' AS 'DECLARE
  entries bigint;
  now_ms bigint;
  place tid;
BEGIN
  SELECT count(*) INTO entries FROM _tidegate.log WHERE xact = NEW.xact AND seq IS NULL;
  IF entries > 0 THEN
    PERFORM pg_advisory_xact_lock(8388346167643173989);
    -- A crash must not undo what a reader of the log has seen: its number would be given twice.
    IF current_setting(''synchronous_commit'') = ''off'' THEN
      PERFORM set_config(''synchronous_commit'', ''on'', true);
    END IF;
    now_ms := extract(epoch FROM clock_timestamp()) * 1000;
    IF entries > 1 THEN
      -- The changes of a foreign trigger to the rows of the statement that it runs after are logged before that
      -- statement. Then the images of a row do not follow from each other, and its readers must read the rows again.
      INSERT INTO _tidegate.log (resource, key, action)
      SELECT DISTINCT resource, ''{}'', ''reset'' FROM (
        SELECT l.resource, l.old AS image, lag(l.new) OVER images AS before, row_number() OVER images AS number
        FROM _tidegate.log l WHERE l.xact = NEW.xact AND l.seq IS NULL AND l.action <> ''reset''
        WINDOW images AS (PARTITION BY l.resource, l.key ORDER BY l.id)) entry
      WHERE number > 1 AND image IS DISTINCT FROM before;
    END IF;
    -- One by one: a join that was planned for few entries takes hours for many.
    FOR place IN SELECT ctid FROM _tidegate.log WHERE xact = NEW.xact AND seq IS NULL ORDER BY id LOOP
      UPDATE _tidegate.log SET seq = nextval(''_tidegate.log_seq''), time = now_ms WHERE ctid = place;
    END LOOP;
  END IF;
  -- What this transaction still writes notes it again.
  DELETE FROM _tidegate.commits WHERE xact = NEW.xact;
  RETURN NULL;
END';

COMMENT ON FUNCTION _tidegate.number_changes() IS 'Tidegate''s; 5be63ea1541332d4';

CREATE OR REPLACE FUNCTION _tidegate."log_notes"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 SET enable_seqscan = off
SET "DateStyle" = 'ISO, YMD' SET "IntervalStyle" = 'postgres' AS 'DECLARE
  old_key text;
  new_key text;
  old_image text;
  new_image text;
  noted _tidegate.commits%ROWTYPE;
BEGIN
  SELECT * INTO noted FROM _tidegate.commits WHERE xact = pg_current_xact_id();
  IF TG_OP = ''TRUNCATE'' THEN
    INSERT INTO _tidegate.log (resource, key, action) VALUES (''notes'', ''{}'', ''reset'');
  ELSE
    IF TG_OP <> ''INSERT'' THEN
      old_key := (SELECT row_to_json(image.*)::text FROM (SELECT OLD."id" AS "id") image);
      old_image := (SELECT row_to_json(image.*)::text FROM (SELECT OLD."id" AS "id", OLD."text"::text AS "text") image);
    END IF;
    IF TG_OP <> ''DELETE'' THEN
      new_key := (SELECT row_to_json(image.*)::text FROM (SELECT NEW."id" AS "id") image);
      new_image := (SELECT row_to_json(image.*)::text FROM (SELECT NEW."id" AS "id", NEW."text"::text AS "text") image);
    END IF;
    IF old_image = new_image THEN
      RETURN NULL;
    END IF;
    IF old_key <> new_key THEN
      INSERT INTO _tidegate.log (resource, key, action, old, origin, actor)
      VALUES (''notes'', old_key, ''delete'', old_image, noted.origin, noted.actor);
      INSERT INTO _tidegate.log (resource, key, action, new, origin, actor)
      VALUES (''notes'', new_key, ''create'', new_image, noted.origin, noted.actor);
    ELSE
      INSERT INTO _tidegate.log (resource, key, action, old, new, origin, actor) VALUES (''notes'', coalesce(new_key, old_key),
        CASE TG_OP WHEN ''INSERT'' THEN ''create'' WHEN ''UPDATE'' THEN ''update'' ELSE ''delete'' END, old_image, new_image,
        noted.origin, noted.actor);
    END IF;
  END IF;
  IF noted.xact IS NULL THEN
    INSERT INTO _tidegate.commits (xact) VALUES (pg_current_xact_id());
  END IF;
  RETURN NULL;
END';

COMMENT ON FUNCTION _tidegate."log_notes"() IS 'Tidegate''s; e70af8ad996c2298';

CREATE OR REPLACE FUNCTION _tidegate."log_pads"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 SET enable_seqscan = off
SET "DateStyle" = 'ISO, YMD' SET "IntervalStyle" = 'postgres' AS 'DECLARE
  old_key text;
  new_key text;
  old_image text;
  new_image text;
  noted _tidegate.commits%ROWTYPE;
BEGIN
  SELECT * INTO noted FROM _tidegate.commits WHERE xact = pg_current_xact_id();
  IF TG_OP = ''TRUNCATE'' THEN
    INSERT INTO _tidegate.log (resource, key, action) VALUES (''pads'', ''{}'', ''reset'');
  ELSE
    IF TG_OP <> ''INSERT'' THEN
      old_key := (SELECT row_to_json(image.*)::text FROM (SELECT OLD."id" AS "id") image);
      old_image := (SELECT row_to_json(image.*)::text FROM (SELECT OLD."id" AS "id") image);
    END IF;
    IF TG_OP <> ''DELETE'' THEN
      new_key := (SELECT row_to_json(image.*)::text FROM (SELECT NEW."id" AS "id") image);
      new_image := (SELECT row_to_json(image.*)::text FROM (SELECT NEW."id" AS "id") image);
    END IF;
    IF old_image = new_image THEN
      RETURN NULL;
    END IF;
    IF old_key <> new_key THEN
      INSERT INTO _tidegate.log (resource, key, action, old, origin, actor)
      VALUES (''pads'', old_key, ''delete'', old_image, noted.origin, noted.actor);
      INSERT INTO _tidegate.log (resource, key, action, new, origin, actor)
      VALUES (''pads'', new_key, ''create'', new_image, noted.origin, noted.actor);
    ELSE
      INSERT INTO _tidegate.log (resource, key, action, old, new, origin, actor) VALUES (''pads'', coalesce(new_key, old_key),
        CASE TG_OP WHEN ''INSERT'' THEN ''create'' WHEN ''UPDATE'' THEN ''update'' ELSE ''delete'' END, old_image, new_image,
        noted.origin, noted.actor);
    END IF;
  END IF;
  IF noted.xact IS NULL THEN
    INSERT INTO _tidegate.commits (xact) VALUES (pg_current_xact_id());
  END IF;
  RETURN NULL;
END';

COMMENT ON FUNCTION _tidegate."log_pads"() IS 'Tidegate''s; 20f676f65a7db4b5';

CREATE CONSTRAINT TRIGGER number_changes AFTER INSERT ON _tidegate.commits
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION _tidegate.number_changes();

ALTER TABLE _tidegate.commits ENABLE ALWAYS TRIGGER number_changes;

CREATE TRIGGER "00_tidegate_rows" AFTER INSERT OR UPDATE OR DELETE ON "notes" FOR EACH ROW EXECUTE FUNCTION _tidegate."log_notes"();

ALTER TABLE notes ENABLE ALWAYS TRIGGER "00_tidegate_rows";

CREATE TRIGGER "00_tidegate_truncate" AFTER TRUNCATE ON "notes" FOR EACH STATEMENT EXECUTE FUNCTION _tidegate."log_notes"();

ALTER TABLE notes ENABLE ALWAYS TRIGGER "00_tidegate_truncate";

CREATE TRIGGER "00_tidegate_rows" AFTER INSERT OR UPDATE OR DELETE ON "pads" FOR EACH ROW EXECUTE FUNCTION _tidegate."log_pads"();

ALTER TABLE pads ENABLE ALWAYS TRIGGER "00_tidegate_rows";

CREATE TRIGGER "00_tidegate_truncate" AFTER TRUNCATE ON "pads" FOR EACH STATEMENT EXECUTE FUNCTION _tidegate."log_pads"();

ALTER TABLE pads ENABLE ALWAYS TRIGGER "00_tidegate_truncate";
