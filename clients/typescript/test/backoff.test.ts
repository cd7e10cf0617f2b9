// When to reconnect: bounds, chance, and the delays that the gateway names.

import { describe, expect, it } from "vitest";
import { Backoff } from "../src/backoff.js";

const CEILINGS = [500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000];

describe("backoff", () => {
  it("is full jitter: from nothing at all up to a ceiling that doubles until 20 s", () => {
    const [none, half, all] = [0, 0.5, 1].map((chance) => new Backoff(() => chance)) as [Backoff, Backoff, Backoff];
    expect(CEILINGS.map(() => none.next())).toEqual(CEILINGS.map(() => 0));
    expect(CEILINGS.map(() => half.next())).toEqual(CEILINGS.map((ceiling) => ceiling / 2));
    expect(CEILINGS.map(() => all.next())).toEqual(CEILINGS);
  });

  it("stays at 20 s however long nothing answers", () => {
    const backoff = new Backoff(() => 1);
    for (let attempt = 0; attempt < 2000; attempt += 1) backoff.next();
    expect(backoff.next()).toBe(20_000);
  });

  it("starts again after a connection that lived for 5 s, not after a shorter one", () => {
    const backoff = new Backoff(() => 1);
    backoff.next();
    backoff.next();
    expect(backoff.next({ code: 1006, lived: 4999 })).toBe(2000);
    expect(backoff.next({ code: 1006, lived: 5000 })).toBe(500);
  });

  it.each([4200, 4201, 4202, 4299, 1012])("comes back at once after %i", (code) => {
    expect(new Backoff(() => 1).next({ code, lived: 60_000 })).toBe(0);
  });

  it.each([1000, 1001, 1006, 1011, 1013, 4100, 4101, 4102, 4300, 3999])("backs off after %i", (code) => {
    expect(new Backoff(() => 1).next({ code, lived: 60_000 })).toBe(500);
  });

  it("comes back at once only once to a gateway that sends its clients away at once", () => {
    const backoff = new Backoff(() => 1);
    const waits = [1, 2, 3].map(() => backoff.next({ code: 4200, lived: 10 }));
    expect(waits).toEqual([0, 1000, 2000]);
  });

  it("waits at least for as long as the gateway asks", () => {
    expect(new Backoff(() => 0).next({ code: 4201, retryAfter: 1.5, lived: 60_000 })).toBe(1500);
    expect(new Backoff(() => 0).next({ code: 4100, retryAfter: 1.5 })).toBe(1500);
    expect(new Backoff(() => 1).next({ code: 4100, retryAfter: 0.1 })).toBe(500);
  });

  it("knows 4000 to 4099 as final", () => {
    const ends = (code: number | undefined) => new Backoff(() => 1).ends({ code }, false);
    expect([3999, 4000, 4099, 4100, 1000, undefined].map(ends)).toEqual([false, true, true, false, false, false]);
  });
});
