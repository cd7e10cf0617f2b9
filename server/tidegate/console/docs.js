// The search of the protocol page, and the mark at the entry that one is reading. The page is whole without it.

const search = document.getElementById("search");
const found = document.getElementById("found");
const nothing = document.getElementById("nothing");
const links = new Map([...document.querySelectorAll("#contents a")].map((link) => [link.getAttribute("href").slice(1), link]));
const entries = [...document.querySelectorAll("main .entry")].map((element) => ({
  element,
  link: links.get(element.id),
  text: element.textContent.toLowerCase(),
}));
const groups = [...document.querySelectorAll("main .group")].map((element) => ({
  element,
  contents: links.get(element.id).closest("section"),
}));

function narrow() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const { element, link, text } of entries) {
    const hit = words.every((word) => text.includes(word));
    element.hidden = !hit;
    link.parentElement.hidden = !hit;
    if (hit) count += 1;
  }
  for (const { element, contents } of groups) {
    element.hidden = !element.querySelector(".entry:not([hidden])");
    contents.hidden = element.hidden;
  }
  nothing.hidden = count > 0;
  found.textContent = words.length ? `${count} of ${entries.length}` : "";
  mark(words);
}

/** Highlight the words that were found. A browser that cannot highlight finds them too. */
function mark(words) {
  if (!window.Highlight) return;
  const ranges = [];
  for (const { element } of words.length ? entries.filter((entry) => !entry.element.hidden) : []) {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode.data.toLowerCase();
      if (text.length !== walker.currentNode.length) continue; // some capitals grow, and places with them
      for (const word of words) {
        for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
          const range = new Range();
          range.setStart(walker.currentNode, at);
          range.setEnd(walker.currentNode, at + word.length);
          ranges.push(range);
        }
      }
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
}

function clear() {
  search.value = "";
  narrow();
}

search.addEventListener("input", narrow);
search.addEventListener("keydown", (event) => {
  if (event.key === "Escape") clear();
  if (event.key === "Enter") {
    const first = entries.find(({ element }) => !element.hidden);
    if (first) location.hash = first.element.id;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    search.focus();
  }
});

// A link may lead to what the search has hidden.
window.addEventListener("hashchange", () => {
  const target = document.getElementById(location.hash.slice(1));
  if (target?.closest("[hidden]")) {
    clear();
    target.scrollIntoView();
  }
});

/** Scroll the table of contents, and it alone, to `link`. */
function show(link) {
  const contents = document.getElementById("contents");
  const { top, bottom } = contents.getBoundingClientRect();
  const { top: above, bottom: below } = link.getBoundingClientRect();
  if (above < top) contents.scrollTop -= top - above + 60;
  if (below > bottom) contents.scrollTop += below - bottom + 60;
}

let current;
const near = new IntersectionObserver(
  (changes) => {
    const reading = changes.find((change) => change.isIntersecting);
    if (!reading) return;
    current?.removeAttribute("aria-current");
    current = links.get(reading.target.id);
    current.setAttribute("aria-current", "true");
    show(current);
  },
  { rootMargin: "-15% 0px -80% 0px" },
);
for (const { element } of entries) near.observe(element);

if (search.value) narrow();
