// A recording of the log: a JSON file that `tidegate replay` sends to a gateway again.
// Messages stand in it as they were written, so that large integers stay as they are. Tokens are never part of it.

const FORMAT = "tidegate-recording-1";

/**
 * The text of the file. `records`: {kind, type, text, time, connection}, the oldest first, with secrets replaced.
 * A text that is no JSON is kept as `text`. `complete` is false where the log no longer has the beginning.
 */
export function recording(records, contract) {
  const begun = records[0]?.time ?? new Date();
  const complete = records[0]?.type === "welcome";
  const frames = records.map(({ kind, text, time, connection }) => {
    const from = kind === "out" ? "client" : "gateway";
    const body = isJson(text) ? `"message": ${text.trim()}` : `"text": ${JSON.stringify(text)}`;
    return `    {"connection": ${connection}, "at": ${(time - begun) / 1000}, "from": "${from}", ${body}}`;
  });
  const head = { format: FORMAT, contract, recorded: begun.toISOString(), complete };
  const lines = Object.entries(head).map(([name, value]) => `  "${name}": ${JSON.stringify(value)},`);
  return ["{", ...lines, '  "frames": [', frames.join(",\n"), "  ]", "}", ""].join("\n");
}

/** Offer `text` to the user as a file to save. */
export function save(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function isJson(text) {
  try {
    JSON.parse(text);
    return !text.includes("\n"); // one frame, one line
  } catch {
    return false;
  }
}
