// @vitest-environment happy-dom
// Forms of the console that change a row: they send what was changed, and leave the rest as it was.

import { afterEach, describe, expect, it } from "vitest";
import { object, Shown, TEXT } from "./support/console_form.js";

afterEach(() => document.body.replaceChildren());

describe("a form that changes a row", () => {
  const moment = { type: "string", format: "date-time" };
  const schema = object({
    title: TEXT,
    place: {
      anyOf: [object({ at: moment, lines: TEXT, name: TEXT, none: { type: ["string", "null"] } }), { type: "null" }],
    },
    tags: { type: ["array", "null"], items: TEXT },
  });
  const row = {
    title: "Fog",
    place: { at: "2026-03-01T08:30:00.250Z", lines: "one\ntwo", name: "gate", none: null },
    tags: ["a", "b"],
  };

  it("sends what was changed alone", async () => {
    const shown = new Shown(schema, { editing: true, values: row });
    expect(await shown.send()).toEqual({});
    expect(shown.marked).toEqual([]);
    shown.fill({ title: "Wind" });
    expect(await shown.send()).toEqual({ title: "Wind" });
    shown.press("Remove tags 1");
    expect(await shown.send()).toEqual({ title: "Wind", tags: ["b"] });
    shown.press("Remove tags 1");
    expect(await shown.send(), "an empty list stays a list").toEqual({ title: "Wind", tags: [] });
  });

  it("leaves the rest of an object as it was, also what an input cannot show", async () => {
    const shown = new Shown(schema, { editing: true, values: row });
    shown.fill({ name: "quay" });
    expect(await shown.send()).toEqual({ place: { ...row.place, name: "quay" } });
  });

  it("leaves a value that is older than its schema", async () => {
    const pay = { oneOf: [object({ to: TEXT })] };
    const old = { pay: "cash", place: "quay", tags: "a", state: "lost", frame: { more: 1 } };
    const state = { enum: ["new", "done"] };
    const outer = object({
      name: TEXT,
      pay,
      place: object({ a: TEXT }, []),
      tags: { type: "array", items: TEXT },
      state,
      frame: object({ a: TEXT }, []),
    });
    const shown = new Shown(object({ outer }), { editing: true, values: { outer: { name: "a", ...old } } });
    expect(await shown.send()).toEqual({});
    shown.fill({ name: "b" });
    expect(await shown.send()).toEqual({ outer: { name: "b", ...old } });
    shown.fill({ "Form of pay": "0", to: "Ida" });
    expect(await shown.send()).toEqual({ outer: { name: "b", ...old, pay: { to: "Ida" } } });
  });

  it("leaves what was null and stays empty, also within other values", async () => {
    const nothing = { type: "null" };
    const one = { oneOf: [object({ a: TEXT }), object({ b: TEXT })], type: ["object", "null"] };
    const inner = {
      frame: { anyOf: [object({ a: TEXT }, []), nothing] },
      list: { type: ["array", "null"], items: TEXT },
      one,
    };
    const outer = object({ name: TEXT, ...inner });
    const nulls = { frame: null, list: null, one: null };
    const options = {
      editing: true,
      values: { outer: { name: "a", ...nulls }, several: [{ name: "b", ...nulls }, null] },
    };
    const several = { type: "array", items: { anyOf: [outer, nothing] } };
    const shown = new Shown(object({ outer, several }), options);
    expect(await shown.send()).toEqual({});
    expect([...shown.form.element.querySelectorAll("[required]")].map(({ tagName }) => tagName)).toEqual([
      "INPUT",
      "INPUT",
    ]);
    const [first, second] = [...shown.form.element.querySelectorAll("input")].filter(({ value }) => value);
    (first as HTMLInputElement).value = "c";
    (second as HTMLInputElement).value = "d";
    expect(await shown.send()).toEqual({ outer: { name: "c", ...nulls }, several: [{ name: "d", ...nulls }, null] });
  });

  it("sends null for an object that is emptied, and an empty list for a list", async () => {
    const shown = new Shown(schema, { editing: true, values: { ...row, place: { name: "gate" } } });
    shown.fill({ name: "" });
    for (let times = 0; times < 2; times++) shown.press("Remove tags 1");
    expect(await shown.send()).toEqual({ place: null, tags: [] });
  });

  it("does not ask for a secret again", async () => {
    const options = { editing: true, values: { name: "Ann" }, secret: ["password"] };
    const shown = new Shown(object({ name: TEXT, password: TEXT }), options);
    expect([...shown.form.element.querySelectorAll("input")].map(({ required }) => required)).toEqual([true, false]);
    expect(await shown.send()).toEqual({});
  });
});
