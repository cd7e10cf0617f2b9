// @vitest-environment happy-dom
// Forms of the console by the shapes of schemas: which fields they have, what they read, and where a problem stands.

import { afterEach, describe, expect, it } from "vitest";
// @ts-expect-error the console is JavaScript
import { alternatives, fits, isFrame, isList } from "../../../server/tidegate/console/shapes.js";
import { NUMBER, object, type Schema, Shown, TEXT } from "./support/console_form.js";

afterEach(() => document.body.replaceChildren());

describe("the shape of a value", () => {
  it("has fields where all properties are known", () => {
    expect(isFrame(object({ a: TEXT }))).toBe(true);
    for (const [change] of [
      [{ additionalProperties: true }],
      [{ patternProperties: {} }],
      [{ properties: {} }],
      [{ type: undefined }],
    ])
      expect(isFrame({ ...object({ a: TEXT }), ...change }), JSON.stringify(change)).toBe(false);
  });

  it("is a list where all items have one schema", () => {
    expect(isList({ type: "array", items: TEXT })).toBe(true);
    for (const schema of [
      { type: "array" },
      { type: "array", items: TEXT, prefixItems: [TEXT] },
      { type: "array", items: true },
      { items: TEXT },
    ])
      expect(isList(schema), JSON.stringify(schema)).toBe(false);
  });

  it("is one of several forms, which are named by their titles or their constants", () => {
    const forms = [
      object({ kind: { const: "card" } }),
      { ...object({ to: TEXT }), title: "Bill" },
      { $ref: "#/$defs/Cash" },
    ];
    const definitions = { Cash: object({ amount: NUMBER }) };
    const names = (schema: Schema) => alternatives(schema, definitions)?.map(({ name }: { name: string }) => name);
    expect(names({ oneOf: forms })).toEqual(["card", "Bill", "form 3"]);
    expect(names({ anyOf: forms, type: "object" })).toEqual(["card", "Bill", "form 3"]);
    for (const schema of [
      { oneOf: [...forms, TEXT] },
      { oneOf: forms, properties: {} },
      { oneOf: forms, type: "array" },
      {},
    ])
      expect(names(schema), JSON.stringify(schema)).toBe(undefined);
  });

  it("fits a value with the same constants and nothing too little or too much", () => {
    const form = object({ kind: { const: "card" }, number: TEXT, note: TEXT }, ["kind", "number"]);
    const fitting = (value: unknown) => fits(form, value, {});
    expect(fitting({ kind: "card", number: "1" })).toBe(true);
    expect(fitting({ kind: "bill", number: "1" })).toBe(false);
    expect(fitting({ kind: "card" })).toBe(false);
    expect(fitting({ kind: "card", number: "1", more: 1 })).toBe(false);
  });
});

describe("a form", () => {
  const place = object({ lat: NUMBER, name: TEXT }, ["lat"]);

  it("reads an object that may be left out as nothing where nothing of it is filled in", async () => {
    const shown = new Shown(object({ title: TEXT, place }, ["title"]), { base: "" });
    expect(shown.marked).toEqual(["title"]);
    shown.fill({ title: "Fog" });
    expect(await shown.send()).toEqual({ title: "Fog" });
    shown.fill({ lat: "1.5" });
    expect(await shown.send()).toEqual({ title: "Fog", place: { lat: 1.5 } });
    shown.form.reset();
    expect([shown.value("title"), shown.value("lat")]).toEqual(["", ""]);
  });

  it("marks what an object needs that may not be left out, and reads it also where it is empty", async () => {
    const shown = new Shown(object({ place: { ...place, required: [] }, tags: { type: "array", items: TEXT } }), {
      base: "",
    });
    expect(shown.marked).toEqual(["place", "tags"]);
    expect(await shown.send()).toEqual({ place: {}, tags: [] });
    expect(new Shown(object({ outer: object({ place }) }), { base: "" }).marked).toEqual(["outer", "place", "lat"]);
  });

  it("has a list with items that come and go, each with its number and value", async () => {
    const shown = new Shown(object({ places: { type: "array", items: place } }, []), { base: "" });
    expect(await shown.send()).toEqual({});
    for (const number of [1, 2, 3]) {
      shown.press("Add to places");
      const inputs = [...shown.form.element.querySelectorAll("input")];
      expect(document.activeElement).toBe(inputs[2 * number - 2]);
      (inputs[2 * number - 2] as HTMLInputElement).value = `${number}`;
    }
    expect(await shown.send()).toEqual({ places: [{ lat: 1 }, { lat: 2 }, { lat: 3 }] });
    shown.press("Remove places 2");
    expect(shown.names.filter((name) => name.startsWith("places"))).toEqual(["places", "places 1", "places 2"]);
    expect((document.activeElement as HTMLInputElement).value).toBe("3");
    expect(await shown.send()).toEqual({ places: [{ lat: 1 }, { lat: 3 }] });
    shown.press("Remove places 2");
    expect(shown.focused("Add to places")).toBe(true);
    shown.form.reset();
    expect(shown.names).toEqual(["places"]);
    expect(await shown.send()).toEqual({});
  });

  it("keeps items that it cannot read, and says so, when an item before them is removed", async () => {
    const shown = new Shown(object({ items: { type: "array", items: {} } }), { base: "" });
    for (const text of ["1", "{", "3"]) {
      shown.press("Add to items");
      const inputs = shown.form.element.querySelectorAll("textarea");
      (inputs[inputs.length - 1] as HTMLTextAreaElement).value = text;
    }
    for (let times = 0; times < 2; times++) shown.press("Remove items 1");
    expect(shown.value("items 2")).toBe("{");
    expect(shown.problems).toEqual([expect.stringContaining("This is no JSON")]);
    expect(await shown.send()).toBe(undefined);
    shown.fill({ "items 2": "2" });
    shown.press("Remove items 1");
    expect(await shown.send()).toEqual({ items: [2, 3] });
    expect(shown.problems).toEqual([]);
  });

  it("has the fields of the form that is chosen", async () => {
    const pay = {
      oneOf: [object({ kind: { const: "card" }, number: TEXT }), object({ kind: { const: "bill" }, to: TEXT })],
    };
    const shown = new Shown(object({ pay }, []), { base: "" });
    expect(shown.names).toEqual(["pay"]);
    expect(await shown.send()).toEqual({});
    shown.fill({ "Form of pay": "1" });
    expect(shown.names).toEqual(["pay", "kind", "to"]);
    shown.fill({ to: "Ida" });
    expect(await shown.send()).toEqual({ pay: { kind: "bill", to: "Ida" } });
    shown.fill({ "Form of pay": "" });
    expect(await shown.send()).toEqual({});

    const known = new Shown(object({ pay }, []), { base: "", values: { pay: { kind: "bill", to: "Ada" } } });
    expect([known.value("Form of pay"), known.value("to")]).toEqual(["1", "Ada"]);
    known.fill({ "Form of pay": "0" });
    known.form.reset();
    expect([known.value("Form of pay"), known.value("to")]).toEqual(["1", "Ada"]);
  });

  it("has text in JSON for what lies too deep, and for what may not be shown", async () => {
    const node = { $ref: "#/$defs/Node" };
    const deep = new Shown(node, { base: "" }, { Node: object({ next: node }, []) });
    expect(deep.names).toEqual(["next", "next", "next", "next", "next", "next"]);
    expect(deep.form.element.querySelectorAll("textarea.json").length).toBe(1);
    const lists = new Shown(node, { base: "" }, { Node: object({ items: { type: "array", items: node } }, []) });
    for (let times = 0; times < 3; times++) {
      const innermost = [...lists.form.element.querySelectorAll("fieldset")].at(-1);
      (innermost?.lastElementChild as HTMLButtonElement | undefined)?.click();
    }
    expect(lists.names).toEqual(["items", "items 1", "items", "items 1", "items", "items 1"]);
    expect(new Shown(object({ place }), { secret: ["place"], base: "" }).names).toEqual(["place"]);
  });

  it("has a yes-or-no with a default as a checkbox, and leaves out what is null by default", async () => {
    const schema = object({ done: { type: "boolean" }, note: { type: ["string", "null"] } }, ["done"]);
    const shown = new Shown(schema, { base: "", values: { done: true, note: null } });
    expect(shown.marked).toEqual([]);
    expect(await shown.send()).toEqual({ done: true });
    const optional = new Shown({ ...schema, required: [] }, { base: "", values: { done: true } });
    expect(optional.form.element.querySelector("input")?.type).toBe("checkbox");
  });

  it("reads a property with the name __proto__", async () => {
    const shown = new Shown(object(JSON.parse('{"__proto__": {"type": "string", "maxLength": 9}}')), { base: "" });
    shown.fill(JSON.parse('{"__proto__":"x"}'));
    expect(JSON.stringify(await shown.send())).toBe('{"__proto__":"x"}');
  });

  it("shows nothing that objects and texts inherit", async () => {
    const names = { constructor: TEXT, length: TEXT };
    const shown = new Shown(object({ ...names, inner: object(names, []), old: object(names, []) }, []), {
      base: "",
      values: { inner: {}, old: "text" },
    });
    expect([...shown.form.element.querySelectorAll("input")].map(({ value }) => value)).toEqual(Array(6).fill(""));
    const form = object({ constructor: TEXT });
    expect([fits(form, {}, {}), fits(object({}), { constructor: "x" }, {})]).toEqual([false, false]);
  });

  it("sends with Enter where it is one input", () => {
    const classes = (properties: Schema) => new Shown(object(properties), { base: "" }).form.element.className;
    expect(classes({ a: TEXT })).toBe("fields single");
    expect(classes({})).toBe("fields single");
    expect([classes({ a: TEXT, b: TEXT }), classes({ place })]).toEqual(["fields", "fields"]);
  });

  it("shows a problem at the innermost field that its pointer names, and otherwise above it", async () => {
    const pay = { oneOf: [object({ number: TEXT })] };
    const shown = new Shown(object({ "a~1b": place, tags: { type: "array", items: TEXT }, pay }), { base: "/data" });
    shown.press("Add to tags");
    shown.fill({ lat: "1", "tags 1": "x", "Form of pay": "0", number: "1" });
    const at = [
      "/data/a~01b/lat",
      "/data/a~01b/more",
      "/data/tags/0",
      "/data/tags",
      "/data/tags/7",
      "/data/pay/number",
      "/data/pay",
      "/data/more",
      "/data",
      "/ref",
    ];
    const problems = await shown.refused(...at.map((pointer): [string, string] => [pointer, "no"]));
    expect([...problems].sort()).toEqual(at.map((pointer) => `no ${pointer}`).sort());
    const owner = (pointer: string) => {
      const code = [...shown.form.element.querySelectorAll("code")].find(({ textContent }) => textContent === pointer);
      const problem = code?.closest(".problem");
      return `${problem?.closest(".field, .part, form")?.querySelector("label, legend")?.firstChild?.textContent} ${problem?.parentNode?.nodeName}`;
    };
    expect(Object.fromEntries(at.map((pointer) => [pointer, owner(pointer)]))).toEqual({
      "/data/a~01b/lat": "lat SMALL",
      "/data/a~01b/more": "a~1b FIELDSET",
      "/data/tags/0": "tags 1 SMALL",
      "/data/tags": "tags FIELDSET",
      "/data/tags/7": "tags FIELDSET",
      "/data/pay/number": "number SMALL",
      "/data/pay": "pay FIELDSET",
      "/data/more": "a~1b FORM",
      "/data": "a~1b FORM",
      "/ref": "a~1b FORM",
    });
    expect(shown.form.element.querySelectorAll('[aria-invalid="true"]').length).toBe(6);
    await shown.send();
    expect([shown.problems, shown.form.element.querySelectorAll('[aria-invalid="true"]').length]).toEqual([[], 0]);
  });

  it("says at a value that is written as a whole what is wrong inside it", async () => {
    const shown = new Shown({}, {});
    shown.fill({ value: '{"a":1}' });
    const problems = await shown.refused(["/data/a", "too small"], ["/data", "too little"], ["/database", "closed"]);
    expect(problems).toEqual(["too small /data/a", "too little /data", "closed /database"]);
    expect(shown.form.element.querySelector(".field .problem")?.children.length).toBe(2);
    expect(await shown.send()).toEqual({ a: 1 });
  });
});
