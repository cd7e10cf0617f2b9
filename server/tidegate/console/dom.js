// Elements, and the one dialog that the page shows at a time.

export const byId = (id) => document.getElementById(id);

/** Make an element. `given` has its properties (`onclick`, `textContent` ...); names with a dash or `role` are attributes. */
export function element(name, given = {}, ...children) {
  const made = document.createElement(name);
  for (const [word, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (word.includes("-") || word === "role") made.setAttribute(word, value);
    else made[word] = value;
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** Text in which what stands between backquotes is code, as nodes. */
export function words(text) {
  return text.split("`").map((part, index) => (index % 2 ? element("code", { textContent: part }) : part));
}

/** A paragraph of such text. */
export function prose(text, given = {}) {
  return element("p", given, ...words(text));
}

/** A <select> of these values, in which `chosen` is selected; with one value alone it is as good as plain text. */
export function fillSelect(select, values, chosen) {
  select.replaceChildren(...values.map((value) => element("option", { value, textContent: value })));
  select.value = chosen;
  select.disabled = values.length < 2;
}

/** Open a modal dialog with this heading and content; it is removed from the page when it closes. */
export function openDialog(heading, ...content) {
  const title = element("h2", { id: "dialog-title", textContent: heading });
  const close = element("button", {
    type: "button",
    className: "close quiet",
    "aria-label": "Close",
    textContent: "×",
  });
  const dialog = element(
    "dialog",
    { "aria-labelledby": "dialog-title" },
    element("div", { className: "head" }, title, close),
    ...content,
  );
  close.onclick = () => dialog.close();
  dialog.onclose = () => dialog.remove();
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector("input, select, textarea")?.focus(); // and not the button that closes it
  return dialog;
}

/** What the address remembers after `#`, so that a reload shows the same again. */
export function remembered(name) {
  return new URLSearchParams(location.hash.slice(1)).get(name);
}

/** All that it remembers under one name. */
export function allRemembered(name) {
  return new URLSearchParams(location.hash.slice(1)).getAll(name);
}

/** `values`: one, or several. */
export function remember(name, ...values) {
  const known = new URLSearchParams(location.hash.slice(1));
  known.delete(name);
  for (const value of values) known.append(name, value);
  history.replaceState(null, "", `#${known}`);
}
