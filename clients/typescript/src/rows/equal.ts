// Whether two values of JSON are equal: then the client keeps the object that the program has already.

/** `old` if it equals `value`; otherwise `value`. */
export function kept<V>(old: unknown, value: V): V {
  return isEqual(old, value) ? (old as V) : value;
}

export function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (!a || !b || typeof a !== "object" || typeof b !== "object" || Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isEqual(a[name as never], b[name as never]))
  );
}
