-- One function for each thing that a gateway asks. @ is the schema, # the number of its lock.
-- Whatever writes to the outbox holds that lock until its commit: so numbers are in the order of commits, and a reader that has
-- seen a number has missed none below it. No function waits for its client while it holds the lock.

CREATE OR REPLACE FUNCTION @.now_ms() RETURNS bigint LANGUAGE sql AS
$$ SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

-- Where these tables are: another value after each start of the server, and where the tables were emptied or restored.
-- All tables count that others rely on: one that is truncated alone would leave a gap that no gateway notices.
CREATE OR REPLACE FUNCTION @.place() RETURNS text LANGUAGE sql AS
$$ SELECT extract(epoch FROM pg_postmaster_start_time()) || '/' || '@.rooms'::regclass::oid || '/' || string_agg(pg_relation_filenode(t)::text, '/')
   FROM unnest(ARRAY['@.rooms', '@.nodes', '@.present', '@.opened', '@.outbox']::regclass[]) t $$;

-- What was told about rooms before everything was lost (occupied, vacated), and until when that is open. Then it is decided, and the row is
-- there for a while yet: a gateway that comes back later knows less. The table is made here and not with the others, for a schema that is
-- there already.
CREATE UNLOGGED TABLE IF NOT EXISTS @.told (room bytea PRIMARY KEY, told text NOT NULL, ends bigint NOT NULL);

-- A gateway is connected. Anything that was kept at another place is deleted.
-- p_again: the gateway was connected before. Where it is not known any more, it was given up, and nothing is written.
CREATE OR REPLACE FUNCTION @.attach(p_node text, p_lease bigint, p_application text, p_again boolean,
  OUT place text, OUT known boolean, OUT generation bigint, OUT top bigint, OUT now bigint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(#);
  place := @.place();
  now := @.now_ms();
  IF NOT EXISTS (SELECT FROM @.state s WHERE s.place = attach.place) THEN
    DELETE FROM @.state; DELETE FROM @.nodes; DELETE FROM @.rooms; DELETE FROM @.outbox; DELETE FROM @.history;
    DELETE FROM @.keys; DELETE FROM @.opened; DELETE FROM @.present; DELETE FROM @.told;
    INSERT INTO @.state (place, application) VALUES (attach.place, p_application);
  ELSE
    UPDATE @.state SET application = p_application WHERE application <> p_application;
  END IF;
  known := EXISTS (SELECT FROM @.nodes n WHERE n.node = p_node AND n.generation > 0);
  IF p_again AND NOT known THEN
    -- After its burial it has no entries. Where it was deleted otherwise, it is put back, to be buried.
    INSERT INTO @.nodes SELECT p_node, 0, 0 WHERE EXISTS (SELECT FROM @.present p WHERE p.node = p_node) ON CONFLICT (node) DO NOTHING;
    RETURN;
  END IF;
  INSERT INTO @.nodes AS n (node, generation, ends) VALUES (p_node, 1, now + p_lease)
    ON CONFLICT (node) DO UPDATE SET generation = n.generation + 1, ends = excluded.ends RETURNING n.generation INTO generation;
  top := coalesce((SELECT max(seq) FROM @.outbox), 0);
END $$;

-- What a gateway wants, in order: p_kinds has a letter for each. Answers one line for each.
--   m message: who, key, digest, head, tail, size, ttl -> "m EPOCH N", "s EPOCH N" (said before), "c" (conflict)
--   p presence: who, head (the entry; empty: it ended) -> "occupied", "vacated", "open" or "-". Where it is open what was told about the room
--     before everything was lost: ttl (ms for which it is open), key (1: the gateway knows that it was told to be occupied)
--   d decide: what is to be told about such a room -> "occupied", "vacated", "-", or "w" (others may still say something)
--   c close: ttl (the ticket) -> "-"   f forget -> "f EPOCH 0"
--   s settle: what was said before this connection and not again is over -> "-"
--   t tell: who (a gateway or empty), key, head -> "-"   u to a user: who, head -> "-"   l leave -> "-"
-- p_wake: whether to notify now; otherwise `owed` are the gateways to be woken. p_owed are woken in any case.
CREATE OR REPLACE FUNCTION @.apply(p_node text, p_generation bigint, p_item bigint, p_epoch text, p_wake boolean, p_owed text,
  p_kinds text, p_rooms bytea[], p_whos bytea[], p_keys bytea[], p_digests bytea[], p_heads bytea[], p_tails bytea[],
  p_sizes bigint[], p_ttls bigint[], OUT now bigint, OUT outcomes text, OUT owed text) LANGUAGE plpgsql AS $$
DECLARE
  op record; said record; v_epoch text; v_n bigint; v_text bytea; outcome text;
  listeners text[]; wake text[] := '{}'; done text[] := '{}';
BEGIN
  PERFORM pg_advisory_xact_lock(#);
  IF NOT EXISTS (SELECT FROM @.nodes WHERE node = p_node AND generation = p_generation) THEN RETURN; END IF;
  now := @.now_ms();
  FOR op IN SELECT substr(p_kinds, o::int, 1) AS kind, room, who, key, digest, head, tail, size, ttl, o + p_item AS item, o
    FROM unnest(p_rooms, p_whos, p_keys, p_digests, p_heads, p_tails, p_sizes, p_ttls)
    WITH ORDINALITY AS u (room, who, key, digest, head, tail, size, ttl, o)
  LOOP
    outcome := '-';
    IF op.kind = 'm' THEN
      IF op.key <> '' THEN
        SELECT k.digest, k.epoch, k.n INTO said FROM @.keys k JOIN @.rooms r ON r.room = k.room AND r.epoch = k.epoch
          WHERE k.room = op.room AND k.who = op.who AND k.key = op.key AND k.at > apply.now - 300000;
        IF FOUND THEN
          done := done || CASE WHEN said.digest = op.digest THEN 's ' || said.epoch || ' ' || said.n ELSE 'c' END;
          CONTINUE;
        END IF;
      END IF;
      UPDATE @.rooms r SET head = r.head + 1, ttl = op.ttl, touched = apply.now WHERE r.room = op.room
        RETURNING r.epoch, r.head INTO v_epoch, v_n;
      IF NOT FOUND THEN
        INSERT INTO @.rooms AS r (room, epoch, head, ttl, touched) VALUES (op.room, p_epoch || '.' || op.o, 1, op.ttl, apply.now)
          ON CONFLICT (room) DO UPDATE SET head = r.head + 1 RETURNING r.epoch, r.head INTO v_epoch, v_n;
      END IF;
      SELECT array_agg(node) INTO listeners FROM @.opened WHERE room = op.room AND node <> p_node;
      IF listeners IS NOT NULL OR op.size > 0 THEN
        v_text := op.head || convert_to('"position":{"epoch":"' || v_epoch || '","offset":' || v_n || '},"time":' || apply.now,
          'UTF8') || op.tail;
      END IF;
      -- Where no other gateway has the room open, the row only tells its own gateway, after a lost connection, that it was here.
      INSERT INTO @.outbox VALUES (nextval('@.numbers'), apply.now, 'm', p_node, op.item, op.room, v_epoch, v_n, '',
        CASE WHEN listeners IS NULL THEN '' ELSE v_text END);
      IF op.size > 0 THEN
        INSERT INTO @.history VALUES (op.room, v_n, apply.now, apply.now + op.ttl, v_text);
        IF v_n % greatest(op.size / 4, 1) = 0 THEN DELETE FROM @.history WHERE room = op.room AND n <= v_n - op.size; END IF;
      END IF;
      IF op.key <> '' THEN
        INSERT INTO @.keys VALUES (op.room, op.who, op.key, op.digest, v_epoch, v_n, apply.now) ON CONFLICT (room, who, key)
          DO UPDATE SET digest = excluded.digest, epoch = excluded.epoch, n = excluded.n, at = excluded.at;
      END IF;
      outcome := 'm ' || v_epoch || ' ' || v_n;
    ELSIF op.kind = 'p' THEN
      PERFORM @.lock_room(op.room, p_epoch || '.' || op.o, apply.now);
      IF op.ttl > 0 THEN PERFORM @.keep_open(op.room, op.key = '1'::bytea, apply.now + op.ttl); END IF;
      outcome := @.enters(op.room, p_node, op.who, p_generation, op.head, op.item, apply.now);
      IF outcome <> '' THEN
        SELECT array_agg(node) INTO listeners FROM @.opened WHERE room = op.room AND node <> p_node;
      ELSE
        listeners := NULL;
        outcome := CASE WHEN EXISTS (SELECT FROM @.told WHERE room = op.room AND told <> 'decided') THEN 'open' ELSE '-' END;
      END IF;
    ELSIF op.kind = 'c' THEN
      DELETE FROM @.opened WHERE room = op.room AND node = p_node AND ticket = op.ttl;
      UPDATE @.rooms SET touched = apply.now WHERE room = op.room;
      listeners := NULL;
    ELSIF op.kind = 'd' THEN
      outcome := @.decide(op.room, p_node, op.item, apply.now);
      listeners := NULL;
    ELSIF op.kind = 's' THEN
      PERFORM @.settle(p_node, p_generation);
      listeners := NULL;
    ELSIF op.kind = 'f' THEN
      DELETE FROM @.history WHERE room = op.room;
      UPDATE @.rooms SET epoch = p_epoch || '.' || op.o, head = 0, touched = apply.now WHERE room = op.room;
      INSERT INTO @.outbox VALUES (nextval('@.numbers'), apply.now, 'f', p_node, op.item, op.room, p_epoch || '.' || op.o, 0, '', '');
      SELECT array_agg(node) INTO listeners FROM @.opened WHERE room = op.room AND node <> p_node;
      outcome := 'f ' || p_epoch || '.' || op.o || ' 0';
    ELSE
      INSERT INTO @.outbox VALUES
        (nextval('@.numbers'), apply.now, op.kind::"char", p_node, op.item, op.key, '', 0, op.who, op.head);
      IF op.kind = 'l' THEN UPDATE @.nodes SET ends = least(ends, apply.now) WHERE node = p_node; END IF;
      SELECT array_agg(node) INTO listeners FROM @.nodes WHERE node <> p_node;
    END IF;
    done := done || outcome;
    IF listeners IS NOT NULL AND NOT wake @> listeners THEN wake := wake || listeners; END IF;
  END LOOP;
  outcomes := array_to_string(done, chr(10));
  owed := @.wake(wake, p_wake, p_owed);
END $$;

-- Notify gateways, each by a channel; where it is not the time yet, answer which are to be woken.
CREATE OR REPLACE FUNCTION @.wake(p_nodes text[], p_now boolean, p_owed text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF p_owed <> '' THEN p_nodes := p_nodes || string_to_array(p_owed, ' '); END IF;
  IF p_nodes = '{}' THEN RETURN ''; END IF;
  IF NOT p_now THEN RETURN (SELECT string_agg(DISTINCT node, ' ') FROM unnest(p_nodes) AS node); END IF;
  PERFORM pg_notify('tidegate_' || node, '') FROM (SELECT DISTINCT unnest(p_nodes) AS node) AS each;
  RETURN '';
END $$;

CREATE OR REPLACE FUNCTION @.lock_room(p_room bytea, p_epoch text, p_now bigint, OUT epoch text, OUT head bigint)
LANGUAGE plpgsql AS $$
BEGIN
  LOOP
    SELECT r.epoch, r.head INTO lock_room.epoch, lock_room.head FROM @.rooms r WHERE r.room = p_room FOR UPDATE;
    EXIT WHEN FOUND;
    INSERT INTO @.rooms (room, epoch, head, ttl, touched) VALUES (p_room, p_epoch, 0, 0, p_now) ON CONFLICT (room) DO NOTHING;
  END LOOP;
END $$;

-- What a gateway says of a user; empty: nothing any more. Returns what it changed of the room: occupied, vacated or '-'; '' where nothing
-- is new. The outbox has all that is new with the change, so that a gateway learns it whose answer is lost.
CREATE OR REPLACE FUNCTION @.enters(p_room bytea, p_node text, p_who bytea, p_generation bigint, p_entry bytea, p_item bigint,
  p_now bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE earlier bytea; change text := '-';
BEGIN
  SELECT entry INTO earlier FROM @.present WHERE room = p_room AND node = p_node AND who = p_who;
  IF p_entry = '' THEN
    IF NOT FOUND THEN RETURN ''; END IF;
    DELETE FROM @.present WHERE room = p_room AND node = p_node AND who = p_who;
    IF NOT EXISTS (SELECT FROM @.present WHERE room = p_room) THEN change := 'vacated'; END IF;
  ELSE
    IF NOT FOUND AND NOT EXISTS (SELECT FROM @.present WHERE room = p_room) THEN change := 'occupied'; END IF;
    INSERT INTO @.present VALUES (p_room, p_node, p_who, p_generation, p_entry) ON CONFLICT (room, node, who)
      DO UPDATE SET generation = excluded.generation, entry = excluded.entry;
    IF earlier = p_entry THEN RETURN ''; END IF;
  END IF;
  IF EXISTS (SELECT FROM @.told WHERE room = p_room AND told <> 'decided') THEN change := 'open'; END IF;
  INSERT INTO @.outbox VALUES (nextval('@.numbers'), p_now, 'p', p_node, p_item, p_room, change, 0, p_who, p_entry);
  RETURN change;
END $$;

-- It is open what was told about a room, unless it was decided. Until then, no change of it is told.
CREATE OR REPLACE FUNCTION @.keep_open(p_room bytea, p_occupied boolean, p_ends bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO @.told AS t (room, told, ends) VALUES (p_room, CASE WHEN p_occupied THEN 'occupied' ELSE 'vacated' END, p_ends)
    ON CONFLICT (room) DO UPDATE SET told = CASE WHEN p_occupied THEN 'occupied' ELSE t.told END, ends = greatest(t.ends, excluded.ends)
    WHERE t.told <> 'decided' $$;

-- What is to be told about a room, to one gateway of those that ask. The outbox has it for a gateway whose answer is lost.
CREATE OR REPLACE FUNCTION @.decide(p_room bytea, p_node text, p_item bigint, p_now bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE known record; change text;
BEGIN
  SELECT told, ends INTO known FROM @.told WHERE room = p_room;
  IF NOT FOUND OR known.told = 'decided' THEN RETURN '-'; END IF;
  IF known.ends > p_now THEN RETURN 'w'; END IF;
  change := CASE WHEN EXISTS (SELECT FROM @.present WHERE room = p_room) THEN 'occupied' ELSE 'vacated' END;
  IF known.told = 'vacated' AND change = known.told THEN
    DELETE FROM @.told WHERE room = p_room; -- no gateway has said anything that a later one could contradict
  ELSE
    UPDATE @.told SET told = 'decided', ends = p_now + 600000 WHERE room = p_room;
  END IF;
  IF change = known.told THEN RETURN '-'; END IF;
  INSERT INTO @.outbox VALUES (nextval('@.numbers'), p_now, 'd', p_node, p_item, p_room, change, 0, '', '');
  RETURN change;
END $$;

-- A gateway has sessions in a room. Rows: h (head: epoch, n), then w (seq in n: what the outbox has up to here is included), then m (the
-- messages after p_since) or x (some are gone), and p (who is present elsewhere).
-- p_known: what this gateway has delivered; a room that has less lost messages, and begins a new epoch.
CREATE OR REPLACE FUNCTION @.open(p_node text, p_generation bigint, p_room bytea, p_epoch text, p_ticket bigint, p_size bigint,
  p_ttl bigint, p_known_epoch text, p_known bigint, p_since_epoch text, p_since bigint)
RETURNS TABLE (kind text, epoch text, n bigint, node text, who bytea, body bytea) LANGUAGE plpgsql AS $$
DECLARE v_epoch text; v_head bigint; v_now bigint := @.now_ms();
BEGIN
  IF NOT EXISTS (SELECT FROM @.nodes g WHERE g.node = p_node AND g.generation = p_generation) THEN RETURN; END IF;
  SELECT l.epoch, l.head INTO v_epoch, v_head FROM @.lock_room(p_room, p_epoch, v_now) l;
  IF v_epoch = p_known_epoch AND v_head < p_known THEN
    v_epoch := p_epoch;
    v_head := 0;
    DELETE FROM @.history h WHERE h.room = p_room;
    UPDATE @.rooms r SET epoch = v_epoch, head = 0 WHERE r.room = p_room;
  END IF;
  UPDATE @.rooms r SET ttl = p_ttl WHERE r.room = p_room AND r.ttl <> p_ttl;
  INSERT INTO @.opened AS o (room, node, ticket) VALUES (p_room, p_node, p_ticket)
    ON CONFLICT ON CONSTRAINT opened_pkey DO UPDATE SET ticket = excluded.ticket;
  RETURN QUERY SELECT 'h', v_epoch, v_head, '', ''::bytea, ''::bytea;
  RETURN QUERY SELECT 'w', '', coalesce(max(o.seq), 0), '', ''::bytea, ''::bytea FROM @.outbox o;
  IF p_since_epoch <> '' THEN
    RETURN QUERY SELECT * FROM @.missed(p_room, v_epoch, v_head, p_size, p_ttl, p_since_epoch, p_since);
  END IF;
  RETURN QUERY SELECT 'p', '', 0::bigint, p.node, p.who, p.entry FROM @.present p WHERE p.room = p_room AND p.node <> p_node;
END $$;

-- The messages of an epoch after p_since up to p_head; a row x instead where some are gone, or where they are too many.
CREATE OR REPLACE FUNCTION @.missed(p_room bytea, p_epoch text, p_head bigint, p_size bigint, p_ttl bigint, p_since_epoch text,
  p_since bigint) RETURNS TABLE (kind text, epoch text, n bigint, node text, who bytea, body bytea) LANGUAGE plpgsql AS $$
DECLARE v_count bigint; v_bytes bigint;
BEGIN
  IF p_since_epoch = p_epoch AND p_since = p_head THEN RETURN; END IF;
  IF p_since_epoch = p_epoch AND p_since BETWEEN p_head - p_size AND p_head - 1 THEN
    SELECT count(*), sum(octet_length(h.body)) INTO v_count, v_bytes FROM @.history h
      WHERE h.room = p_room AND h.n > p_since AND h.n <= p_head AND h.at > @.now_ms() - p_ttl;
    IF v_count = p_head - p_since AND v_bytes <= 16777216 THEN
      RETURN QUERY SELECT 'm', '', h.n, '', ''::bytea, h.body FROM @.history h
        WHERE h.room = p_room AND h.n > p_since AND h.n <= p_head ORDER BY h.n;
      RETURN;
    END IF;
  END IF;
  RETURN QUERY SELECT 'x', '', 0::bigint, '', ''::bytea, ''::bytea;
END $$;

-- Messages below p_before (null: the newest), the newest first: at most p_limit, and few bytes. The last column: whether older ones are kept.
CREATE OR REPLACE FUNCTION @.page(p_room bytea, p_size bigint, p_ttl bigint, p_before bigint, p_limit bigint, p_bytes bigint)
RETURNS TABLE (body bytea, further boolean) LANGUAGE sql AS $$
  WITH found AS (
    SELECT h.n, h.body FROM @.rooms r JOIN @.history h ON h.room = r.room
      WHERE r.room = p_room AND h.n > r.head - p_size AND h.n <= least(r.head, coalesce(p_before - 1, r.head)) AND h.at > @.now_ms() - p_ttl
      ORDER BY h.n DESC LIMIT p_limit + 1),
  summed AS (SELECT f.n, f.body, sum(octet_length(f.body)) OVER (ORDER BY f.n DESC) AS total, row_number() OVER (ORDER BY f.n DESC) AS number
    FROM found f),
  taken AS (SELECT s.n, s.body FROM summed s WHERE s.number = 1 OR (s.number <= p_limit AND s.total <= p_bytes))
  SELECT t.body, (SELECT count(*) FROM found) > (SELECT count(*) FROM taken) FROM taken t ORDER BY t.n DESC $$;

-- What other gateways did since p_cursor: of rooms that are open here, to this gateway, and to users. `top`: the cursor afterwards.
-- p_names: what this gateway is or was named. Others may not know its newest name yet.
CREATE OR REPLACE FUNCTION @.news(p_node text, p_cursor bigint, p_limit bigint, p_names bytea[])
RETURNS TABLE (top bigint, now bigint, seq bigint, kind "char", node text, room bytea, epoch text, n bigint, who bytea, body bytea)
LANGUAGE sql STABLE AS $$
  SELECT t.top, t.now, o.* FROM (SELECT coalesce(max(m.seq), 0) AS top, @.now_ms() AS now FROM @.outbox m) t LEFT JOIN LATERAL (
    SELECT x.seq, x.kind, x.node, x.room, x.epoch, x.n, x.who, x.body FROM @.outbox x WHERE x.seq > p_cursor AND x.node <> p_node
      AND CASE WHEN x.kind IN ('m', 'p', 'f') THEN EXISTS (SELECT FROM @.opened w WHERE w.room = x.room AND w.node = p_node)
               WHEN x.kind IN ('t', 'v') THEN x.who = '' OR x.who = ANY (p_names) ELSE x.kind <> 'd' END
      ORDER BY x.seq LIMIT p_limit) o ON true $$;

-- What this gateway itself wrote since p_cursor: it asks after a lost connection.
CREATE OR REPLACE FUNCTION @.own(p_node text, p_cursor bigint)
RETURNS TABLE (item bigint, kind "char", epoch text, n bigint, at bigint) LANGUAGE sql STABLE AS
$$ SELECT o.item, o.kind, o.epoch, o.n, o.at FROM @.outbox o WHERE o.seq > p_cursor AND o.node = p_node ORDER BY o.seq $$;

-- A gateway lives. Rows: every gateway with the end of its lease; none where this one is not known any more, or where the tables
-- were emptied or restored.
CREATE OR REPLACE FUNCTION @.beat(p_node text, p_generation bigint, p_lease bigint)
RETURNS TABLE (node text, ends bigint, now bigint) LANGUAGE plpgsql AS $$
BEGIN
  UPDATE @.nodes g SET ends = @.now_ms() + p_lease WHERE g.node = p_node AND g.generation = p_generation
    AND EXISTS (SELECT FROM @.state s WHERE s.place = @.place());
  IF FOUND THEN RETURN QUERY SELECT g.node, g.ends, @.now_ms() FROM @.nodes g; END IF;
END $$;

-- No gateway waits for the answer that a room has no user any more: the outbox has it, for one gateway that lives.
CREATE OR REPLACE FUNCTION @.note_vacated(p_room bytea, p_now bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO @.outbox SELECT nextval('@.numbers'), p_now, 'v', '', 0, p_room, '', 0, convert_to(g.node, 'UTF8'), ''
    FROM @.nodes g WHERE g.ends > p_now AND NOT EXISTS (SELECT FROM @.present p WHERE p.room = p_room)
      AND NOT EXISTS (SELECT FROM @.told t WHERE t.room = p_room AND t.told <> 'decided')
    ORDER BY g.node LIMIT 1 $$;

-- Bury a gateway whose lease ended before p_due: a part, at most p_limit entries at a time. Returns whether more is left.
CREATE OR REPLACE FUNCTION @.bury(p_node text, p_grace bigint, p_limit bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE entry record; count bigint := 0; v_now bigint := @.now_ms(); wake text[];
BEGIN
  PERFORM pg_advisory_xact_lock(#);
  PERFORM FROM @.nodes WHERE node = p_node AND ends + p_grace <= v_now FOR UPDATE;
  IF NOT FOUND THEN RETURN false; END IF;
  FOR entry IN SELECT room, who FROM @.present WHERE node = p_node LIMIT p_limit LOOP
    PERFORM @.lock_room(entry.room, gen_random_uuid()::text, v_now);
    PERFORM @.enters(entry.room, p_node, entry.who, 0, '', 0, v_now);
    PERFORM @.note_vacated(entry.room, v_now);
    count := count + 1;
  END LOOP;
  IF count < p_limit THEN
    UPDATE @.rooms SET touched = v_now WHERE room IN (SELECT room FROM @.opened WHERE node = p_node);
    DELETE FROM @.opened WHERE node = p_node;
    DELETE FROM @.nodes WHERE node = p_node;
  ELSE
    UPDATE @.nodes SET generation = 0 WHERE node = p_node; -- it does not come back under this name, without what is buried already
  END IF;
  SELECT array_agg(node) INTO wake FROM @.nodes WHERE ends > v_now;
  PERFORM @.wake(coalesce(wake, '{}'), true, '');
  RETURN count >= p_limit;
END $$;

-- Forget what this gateway said of users before its present connection and did not say again.
CREATE OR REPLACE FUNCTION @.settle(p_node text, p_generation bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE entry record; v_now bigint := @.now_ms(); wake text[];
BEGIN
  PERFORM pg_advisory_xact_lock(#);
  FOR entry IN SELECT room, who FROM @.present WHERE node = p_node AND generation < p_generation LOOP
    PERFORM @.lock_room(entry.room, gen_random_uuid()::text, v_now);
    PERFORM @.enters(entry.room, p_node, entry.who, 0, '', 0, v_now);
    PERFORM @.note_vacated(entry.room, v_now);
  END LOOP;
  SELECT array_agg(node) INTO wake FROM @.nodes WHERE ends > v_now AND node <> p_node;
  PERFORM @.wake(coalesce(wake, '{}'), true, '');
END $$;

-- Delete what is over, a part at a time. One gateway does it; the others pass. Returns whether more is left.
CREATE OR REPLACE FUNCTION @.sweep(p_outbox bigint, p_floor bigint, p_limit bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE old record; v_now bigint := @.now_ms(); v_count bigint; v_most bigint := 0;
BEGIN
  IF NOT pg_try_advisory_xact_lock(# + 1) THEN RETURN false; END IF;
  DELETE FROM @.outbox WHERE seq <= (SELECT max(seq) FROM (SELECT seq FROM @.outbox WHERE at < v_now - p_outbox ORDER BY seq LIMIT p_limit) o);
  GET DIAGNOSTICS v_count = ROW_COUNT;
  v_most := greatest(v_most, v_count);
  DELETE FROM @.keys WHERE ctid = ANY (ARRAY (SELECT ctid FROM @.keys WHERE at < v_now - 300000 LIMIT p_limit));
  GET DIAGNOSTICS v_count = ROW_COUNT;
  v_most := greatest(v_most, v_count);
  DELETE FROM @.history WHERE ctid = ANY (ARRAY (SELECT ctid FROM @.history WHERE until < v_now LIMIT p_limit));
  GET DIAGNOSTICS v_count = ROW_COUNT;
  v_most := greatest(v_most, v_count);
  DELETE FROM @.opened o WHERE NOT EXISTS (SELECT FROM @.nodes g WHERE g.node = o.node);
  DELETE FROM @.told WHERE ends < v_now - 60000;
  v_count := 0;
  FOR old IN SELECT r.room FROM @.rooms r WHERE r.touched + greatest(r.ttl, p_floor) < v_now
    AND NOT EXISTS (SELECT FROM @.opened o WHERE o.room = r.room) LIMIT p_limit FOR UPDATE SKIP LOCKED
  LOOP
    v_count := v_count + 1;
    IF NOT EXISTS (SELECT FROM @.opened o WHERE o.room = old.room) THEN
      DELETE FROM @.history WHERE room = old.room;
      DELETE FROM @.rooms WHERE room = old.room;
    END IF;
  END LOOP;
  RETURN greatest(v_most, v_count) >= p_limit;
END $$;
