// The SQL statement that the page shows in development mode: one to type and to see its effect.

/** An SQL statement that changes a text in this row, or undefined where none is plain enough. */
export function exampleStatement({ table, key, update }, row) {
  const isText = ([, schema]) =>
    [schema.type].flat()[0] === "string" && !schema.format && !schema.enum && !schema.pattern;
  const [column] = Object.entries(update.properties).find(isText) ?? [];
  if (column === undefined) return undefined;
  const name = (word) => (/^[a-z_][a-z0-9_]*$/.test(word) ? word : `"${word.replaceAll('"', '""')}"`);
  const value = (found) => (typeof found === "number" ? found : `'${String(found).replaceAll("'", "''")}'`);
  const where = key.map((part) => `${name(part)} = ${value(row[part])}`).join(" and ");
  return `update ${name(table)} set ${name(column)} = ${value(/name/i.test(column) ? "Ada" : "Hello")} where ${where}`;
}
