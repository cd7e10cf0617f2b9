// refine's filters in the words of the protocol.
//
// Every operator of refine is an operator of Tidegate with the same name. What the protocol has no value for is decided
// here: a filter without a value is no filter, and an empty list has nothing in it.

import type { ConditionalFilter, CrudFilter } from "@refinedev/core";
import type { Filters } from "../../../../generated/typescript/protocol.js";
import type { Table } from "./table.js";

/** What an empty list means: whether every row meets the filter, or none. */
const OF_NOTHING: Readonly<Record<string, boolean>> = { in: false, nin: true, ina: true, nina: false };

/** All of these filters. False where no row meets them, undefined where every row does. */
export function filtersOf(value: CrudFilter[], table: Table): Filters | false | undefined {
  const all = condition({ operator: "and", value }, table);
  return all === true ? undefined : all;
}

/** The properties that decide whether a row meets these filters. */
export function propertiesOf(filters: readonly CrudFilter[]): string[] {
  return filters.flatMap((filter) => ("field" in filter ? filter.field : propertiesOf(filter.value)));
}

function condition(filter: CrudFilter, table: Table): Filters | boolean | undefined {
  if (!("field" in filter)) return group(filter, table);
  const { field, operator } = filter;
  const value = table.typed(field, filter.value);
  if (operator === "null" || operator === "nnull") return { [field]: { [operator]: `${value}` !== "false" } };
  if (value === undefined || value === null) {
    // A table whose filter the user emptied leaves it there. `eq` and `ne` compare with null.
    const compares = value === null && /^(eq|ne)s?$/.test(operator);
    return compares ? { [field]: { null: operator.startsWith("e") } } : undefined;
  }
  const ofNothing = Array.isArray(value) && value.length === 0 ? OF_NOTHING[operator] : undefined;
  return ofNothing ?? { [field]: { [operator]: value } };
}

function group({ operator, value }: ConditionalFilter, table: Table): Filters | boolean | undefined {
  const parts = value.map((part) => condition(part, table)).filter((part) => part !== undefined);
  const decides = operator === "or";
  if (parts.includes(decides)) return decides;
  const open = parts.filter((part) => typeof part === "object");
  return open.length > 1 ? { [operator]: open } : (open[0] ?? parts[0]);
}
