// JSON text read without losing how it was written: numbers stay text, because JavaScript rounds large integers.
// A value is {text} for a number, true, false or null, {string}, {items} or {members: [[name, value]]}.

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gy;
const SPACE = /\s*/y;

const WORDS = {
  python: { true: "True", false: "False", null: "None" },
};
const NAME = /^[A-Za-z_$][\w$]*$/;

/** Read JSON text. Throws a SyntaxError for anything else. */
export function read(text) {
  JSON.parse(text); // so that the rest looks for no mistakes
  const tokens = [];
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    SPACE.lastIndex = at;
    SPACE.exec(text);
    TOKEN.lastIndex = SPACE.lastIndex;
    const found = TOKEN.exec(text);
    if (found === null) break;
    tokens.push(found[0]);
  }
  return value(tokens.reverse());
}

/** The value of a member of an object; undefined if there is none. */
export function member({ members = [] }, name) {
  return members.find(([each]) => each === name)?.[1];
}

/** The object without these members. */
export function without({ members }, ...names) {
  return { members: members.filter(([name]) => !names.includes(name)) };
}

/** JSON text on one line. */
export function json(value) {
  return write(value, { language: "json" });
}

/** Text on several lines, as `language`: "json", "typescript" or "python". `margin` is put before each line but the first. */
export function pretty(value, language = "json", margin = "") {
  return write(value, { language, step: language === "python" ? "    " : "  ", margin });
}

/** `tokens` are the rest of the text, the next one last. */
function value(tokens) {
  const token = tokens.pop();
  if (token === "[") {
    const items = [];
    while (tokens.at(-1) !== "]") {
      items.push(value(tokens));
      if (tokens.at(-1) === ",") tokens.pop();
    }
    tokens.pop();
    return { items };
  }
  if (token === "{") {
    const members = [];
    while (tokens.at(-1) !== "}") {
      const name = JSON.parse(tokens.pop());
      tokens.pop();
      members.push([name, value(tokens)]);
      if (tokens.at(-1) === ",") tokens.pop();
    }
    tokens.pop();
    return { members };
  }
  return token.startsWith('"') ? { string: JSON.parse(token) } : { text: token };
}

function write(value, { language, step, margin = "" }) {
  if (value.string !== undefined) return JSON.stringify(value.string);
  if (value.text !== undefined) return WORDS[language]?.[value.text] ?? value.text;
  const [open, close] = value.items ? "[]" : "{}";
  const inside = { language, step, margin: step === undefined ? "" : margin + step };
  const parts = (value.items ?? value.members).map((part) => (value.items ? write(part, inside) : pair(part, inside)));
  if (parts.length === 0) return open + close;
  if (step === undefined) return `${open}${parts.join(",")}${close}`;
  return `${open}\n${parts.map((part) => inside.margin + part).join(",\n")}\n${margin}${close}`;
}

function pair([name, value], how) {
  const written = how.language === "typescript" && NAME.test(name) ? name : JSON.stringify(name);
  return `${written}:${how.step === undefined ? "" : " "}${write(value, how)}`;
}
