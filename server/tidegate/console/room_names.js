// Which kind of room covers a name.

const ANY = "*";
/** What stands for characters in a pattern: `*`, and parameters such as `{id}`. */
const VARIES = /\*|\{[A-Za-z_]\w*\}/;

/** The kinds of rooms as they are shown: the one that covers every name comes last. */
export function sortedPatterns(patterns) {
  return [...patterns].sort((one, other) => (one === ANY) - (other === ANY));
}

/** A name that this pattern covers, to begin with. */
export function exampleName(pattern) {
  return pattern.replaceAll(/\{[A-Za-z_]\w*\}/g, "1").split(ANY).join("lobby");
}

/** Whether the names have parameters, which usually are keys of rows that may not be there. */
export function hasParameters(pattern) {
  return pattern.replaceAll(ANY, "").split(VARIES).length > 1;
}

/** Whether one name alone fits. */
export function isFixed(pattern) {
  return pattern.split(VARIES).length === 1;
}

/** The pattern that covers this name: any other goes before `*`. */
export function kindOf(name, patterns) {
  const covers = (pattern) =>
    new RegExp(
      `^${pattern
        .split(VARIES)
        .map(RegExp.escape ?? escaped)
        .join(".*")}$`,
      "s",
    ).test(name);
  return patterns.filter((pattern) => pattern !== ANY).find(covers) ?? (patterns.includes(ANY) ? ANY : undefined);
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
}
