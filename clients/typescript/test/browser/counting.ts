// An application with two messages. One counts: parts, an acknowledgement, an error of the application, and an endless
// wait. The other one has objects, lists and alternatives.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Write its schema and its handlers into `folder`; they are `counting:gateway`. */
export function writeCounting(folder: string): void {
  mkdirSync(join(folder, "schema", "client"), { recursive: true });
  const amount = { type: "integer", title: "<img src=x onerror=alert(1)>" };
  const count = {
    title: "CountRequest",
    description: "<b>Count</b> to a number.",
    type: "object",
    "x-access": { send: "anyone" },
    "x-part": { type: "object", properties: { n: amount }, required: ["n"], additionalProperties: false },
    "x-refusals": { too_far: { type: "object", properties: { most: amount }, additionalProperties: false } },
    properties: { type: { const: "count" }, ref: { $ref: "../types/ref.schema.json" }, to: amount },
    required: ["type", "to"],
    additionalProperties: false,
  };
  const text = { type: "string", minLength: 2, maxLength: 20 };
  const object = (properties: Record<string, unknown>) => {
    return { type: "object", properties, required: Object.keys(properties), additionalProperties: false };
  };
  const plan = {
    title: "PlanRequest",
    type: "object",
    "x-access": { send: "anyone" },
    properties: {
      type: { const: "plan" },
      ref: { $ref: "../types/ref.schema.json" },
      steps: { type: "array", items: object({ word: text, place: object({ lat: { type: "number" } }) }) },
      tags: { type: "array", items: text },
      pay: {
        oneOf: [object({ kind: { const: "card" }, number: text }), object({ kind: { const: "bill" }, to: text })],
      },
    },
    required: ["type", "steps", "pay"],
    additionalProperties: false,
  };
  writeFileSync(join(folder, "schema", "client", "count.schema.json"), JSON.stringify(count));
  writeFileSync(join(folder, "schema", "client", "plan.schema.json"), JSON.stringify(plan));
  writeFileSync(
    join(folder, "counting.py"),
    `import asyncio
from collections.abc import AsyncIterator

from tidegate.handlers import Call, Gateway, Refused

gateway = Gateway()


@gateway.on("count")
async def count(request: dict, call: Call) -> AsyncIterator[dict]:
    if request["to"] > 9:
        raise Refused("too_far", "that is too far", pointer="/to", data={"most": 9})
    for n in range(request["to"]):
        yield {"n": n + 1}
    if request["to"] == 1:
        await asyncio.Event().wait()


@gateway.on("plan")
async def plan(request: dict, call: Call) -> None: ...
`,
  );
}
