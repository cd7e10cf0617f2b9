// Which kind of room covers a name.

const ANY = "*";
/** Such as `{id}`. */
const PARAMETER = /\{[A-Za-z_]\w*\}/;
/** What stands for characters in a pattern. */
const VARIES = new RegExp(`\\*|${PARAMETER.source}`);

/** The kinds of rooms as they are shown: the one that covers every name comes last. */
export function sortedPatterns(patterns) {
  return [...patterns].sort((one, other) => (one === ANY) - (other === ANY));
}

/** A name that this pattern covers, to begin with. */
export function exampleName(pattern) {
  return pattern.split(PARAMETER).join("1").split(ANY).join("lobby");
}

/** Whether the names have parameters, which usually are keys of rows that may not be there. */
export function hasParameters(pattern) {
  return PARAMETER.test(pattern);
}

/** Whether one name alone fits. */
export function isFixed(pattern) {
  return !VARIES.test(pattern);
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
