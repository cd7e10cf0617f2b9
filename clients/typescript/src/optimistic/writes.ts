// The writes of a program that are under way, and what its live queries show of them.
//
// A live query shows the rows that the gateway told, up to some position of the change feed, with the writes after that
// position on top, in their order. The reply to a write, and the updates with its key as their origin, say where the
// feed has it; either may come first.
// Invariant: a write is on top of a copy of rows until the copy is at the write's position, or the write is refused.

import type { FeedPosition, Row, Rows, Update } from "../../../../generated/typescript/protocol.js";
import type { Options, ResourceShape } from "../options.js";
import { isKnown } from "../positions.js";
import { isEqual, kept } from "../rows/equal.js";
import { nameOf, picked } from "../rows/key.js";
import type { Queries } from "../rows/queries.js";
import type { Overlay, Push, Subscription } from "../rows/subscription.js";
import { plain, type WriteMessage } from "../wire.js";
import { canonical, matches } from "./filters.js";

type Copy = Subscription<never>;

/** One row of a write. */
interface Target {
  /** The key; of a row whose key the database makes, an invented one until the gateway told the key. */
  key: Row;
  isInvented: boolean;
  /** A new row, or the properties that change. */
  data: Row;
  position?: FeedPosition | undefined;
}

interface Write extends WriteMessage {
  targets: Target[];
  isAnswered: boolean;
}

/** A row as it is with the writes before; `whole`: what it does not have is null. */
interface Known {
  row: Row;
  whole: boolean;
}

export class Writes implements Overlay {
  readonly #queries: Queries;
  readonly #shapes: NonNullable<Options["resources"]>;
  /** For a row whose key was invented once: its name now, and its name then. */
  readonly #names = new Map<string, string>();
  /** What each copy shows. */
  readonly #shown = new WeakMap<Copy, Map<string, Row>>();
  #pending: Write[] = [];
  #invented = 0;

  constructor(queries: Queries, options: Options) {
    this.#queries = queries;
    this.#shapes = options.resources ?? {};
    queries.overlay = this;
  }

  /** Send a write, and show it until the rows have it or it is refused. */
  async run(message: WriteMessage, send: () => Promise<Rows>): Promise<Rows> {
    const sent = send();
    // Sent once more under its key, it is shown already.
    if (this.#pending.some(({ key, targets }) => targets[0] && key === message.key)) return sent;
    const write = this.#begin(message);
    this.#pending.push(write);
    this.#show(write.resource);
    try {
      this.#answered(write, await sent);
      return sent;
    } catch (error) {
      write.targets = [];
      throw error;
    } finally {
      write.isAnswered = true;
      this.#show(write.resource);
    }
  }

  /** A name for a row that stays when the gateway gives it another key. */
  nameOf(resource: string, row: Row): string {
    const name = nameOf(this.#queries.keyOf(resource), row);
    return this.#names.get(resource + name) ?? name;
  }

  // -- what the copies ask --------------------------------------------------------------------------------------------

  over(copy: Copy): ReadonlyMap<string, Row> {
    const rows = copy.rows as Map<string, Row>;
    const { resource, filters, fields } = copy.about;
    this.#pending = this.#pending.filter((write) => !this.#isOver(write));
    const types = this.#shapes[resource]?.types;
    const touched = new Map<string, Known | undefined>();
    const find = (name: string) => (touched.has(name) ? touched.get(name) : this.#known(copy, name));
    for (const write of this.#of(resource)) {
      const targets = write.targets.filter((target) => !isAt(copy, target));
      const old = targets.map(({ key }) => find(nameOf(copy.key, key)));
      const refuses = (known: Known | undefined) => known && matches(known.row, write.if, types, known.whole) === false;
      if (old.some(refuses)) continue;
      for (const [at, { key, data }] of targets.entries()) {
        const name = nameOf(copy.key, key);
        const known = old[at];
        // What the gateway will refuse has no effect: a new row that is there already, a change of one that is not.
        if (write.type === "create") {
          if (!known) touched.set(name, { row: data, whole: true });
        } else if (known)
          touched.set(name, write.type === "update" ? { ...known, row: { ...known.row, ...data } } : undefined);
      }
    }
    const before = this.#shown.get(copy);
    const shown = touched.size > 0 ? new Map(rows) : rows;
    this.#shown.set(copy, shown);
    for (const [name, known] of touched) {
      const isShown = known && (matches(known.row, filters, types, known.whole) ?? rows.has(name));
      const row = isShown && (fields ? picked(known.row, [...copy.key, ...fields]) : known.row);
      if (row) shown.set(name, kept(before?.get(name), row));
      else shown.delete(name);
    }
    return shown;
  }

  holds(copy: Copy, push: Push): boolean {
    const { origin, done }: { origin?: string; done?: boolean } = push;
    const { resource } = copy.about;
    const writes = this.#of(resource);
    const write = writes.find(({ key }) => key === origin);
    if (write) this.#place(write, push as Update, copy.key);
    // What one copy knows, another shows with the writes.
    if (writes.length > 0) this.#show(resource);
    const open = writes.filter(({ isAnswered }) => !isAnswered);
    if (done && open.length > 0) copy.held ??= { pushes: [], until: open };
    copy.held?.pushes.push(push);
    return copy.held !== undefined;
  }

  forget(): void {
    this.#pending = [];
  }

  // -- within ---------------------------------------------------------------------------------------------------------

  #of(resource: string): Write[] {
    return this.#pending.filter((write) => write.resource === resource);
  }

  #begin(message: WriteMessage): Write {
    const { resource, type, id, ids, data } = message;
    const write: Write = { ...message, targets: [], isAnswered: false };
    const key = this.#queries.keyOf(resource);
    const shape = this.#shapes[resource];
    try {
      const rows = [plain(type, data ?? {})].flat().map((row) => this.#spelled(row as Row, shape));
      write.targets =
        type === "create"
          ? rows.map((row) => this.#invent(row, key, shape))
          : (ids ?? [id]).map((each) => ({
              key: this.#spelled(typeof each === "object" ? (each as Row) : { [key[0] as string]: each }, shape),
              isInvented: false,
              data: { ...rows[0] },
            }));
    } catch {} // what JSON cannot say is refused, and never shown
    return write;
  }

  /** A new row as the database will make it, as far as that is known. */
  #invent(data: Row, key: readonly string[], shape: ResourceShape | undefined): Target {
    const row: Row = { ...shape?.defaults, ...data };
    for (const name of shape?.now ?? []) row[name] ??= canonical(new Date().toISOString(), "date-time");
    const missing = key.filter((name) => row[name] === undefined);
    for (const name of missing) {
      this.#invented -= 1;
      row[name] = (shape?.types[name] ?? "integer") === "integer" ? this.#invented : String(this.#invented);
    }
    return { key: picked(row, key), isInvented: missing.length > 0, data: row };
  }

  #spelled(row: Row, shape: ResourceShape | undefined): Row {
    return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, canonical(value, shape?.types[name])]));
  }

  #answered({ type, resource, targets }: Write, { rows, position }: Rows): void {
    const key = this.#queries.keyOf(resource);
    // Where the user may not read all rows that were written, the live queries tell which.
    if (type === "create" && rows.length < targets.length) targets.length = 0;
    for (const [at, target] of targets.entries()) {
      target.position ??= position;
      if (type === "create") this.#identify(resource, target, rows[at] as Row);
      else {
        const row = rows.find((each) => nameOf(key, each as Row) === nameOf(key, target.key));
        Object.assign(target.data, picked((row ?? {}) as Row, Object.keys(target.data)));
      }
    }
  }

  /** An update is a row of `write`. */
  #place({ targets, resource }: Write, { data, position }: Update, key: readonly string[]): void {
    const name = nameOf(key, data);
    const open = targets.filter(({ isInvented }) => isInvented);
    const target =
      targets.find((each) => nameOf(key, each.key) === name) ??
      open.find((each) => Object.keys(each.data).every((of) => of in each.key || isEqual(each.data[of], data[of]))) ??
      open[0];
    if (!target) return;
    target.position = position;
    if (target.isInvented) this.#identify(resource, target, data);
  }

  /** The gateway told a new row. */
  #identify(resource: string, target: Target, row: Row): void {
    const key = this.#queries.keyOf(resource);
    if (target.isInvented) this.#names.set(resource + nameOf(key, row), nameOf(key, target.key));
    target.isInvented = false;
    target.key = picked(row, key);
    target.data = { ...target.data, ...row }; // the old object is shown: it stays as it is
  }

  /** The row with this name below the writes, from this copy or from another that has all its properties. */
  #known(copy: Copy, name: string): Known | undefined {
    const own = copy.rows.get(name) as Row | undefined;
    const { resource, fields, filters } = copy.about;
    if (own && !fields) return { row: own, whole: true };
    if (!own && !filters) return undefined; // it has all rows
    for (const other of this.#queries.of(resource)) {
      const row = other.about.fields ? undefined : other.rows.get(name);
      if (row) return { row: { ...(row as Row), ...own }, whole: true };
    }
    return own && { row: own, whole: false };
  }

  /** Whether every copy has the write. */
  #isOver({ isAnswered, resource, targets }: Write): boolean {
    const copies = this.#queries.of(resource);
    return isAnswered && targets.every((target) => copies.every((copy) => isAt(copy, target)));
  }

  #show(resource: string): void {
    for (const copy of this.#queries.of(resource)) {
      const { held } = copy;
      if (held?.until.every(({ isAnswered }) => isAnswered)) {
        copy.held = undefined;
        for (const push of held.pushes) copy.received(push);
      }
      copy.touch();
    }
  }
}

/** Whether the rows of a copy have the write already. A position of another epoch is of a feed that is no more. */
function isAt({ at, status }: Copy, { position }: Target): boolean {
  const here = at?.position;
  if (!position || !here) return false;
  return isKnown(here, position) || (here.epoch !== position.epoch && status === "live");
}
