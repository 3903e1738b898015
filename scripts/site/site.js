// The search box and the theme of every page. `index.js` has a title, a heading, an address and the
// text of each section; it is a script, as a page from a disk may fetch nothing.

const root = document.documentElement.dataset.root;

/** Follows the choice of the reader, else the system. The pages of the API use the same key. */
function setTheme(theme) {
  document.documentElement.classList.toggle("dark", theme === "dark");
}
const dark = matchMedia("(prefers-color-scheme: dark)");
setTheme(localStorage.getItem("theme") ?? (dark.matches ? "dark" : "light"));
document.querySelector("#theme").addEventListener("click", () => {
  const theme = document.documentElement.classList.contains("dark") ? "light" : "dark";
  localStorage.setItem("theme", theme);
  setTheme(theme);
});

const input = document.querySelector("#search");
const results = document.querySelector("#results");

/** The sections of all pages, loaded with the first search. */
let index;
const load = () =>
  index ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${root}index.js`;
    script.onload = () => resolve(globalThis.trainchartIndex);
    script.onerror = reject;
    document.head.append(script);
  });

/** Sections that have all words; those with a word in the title or heading come first. */
function find(index, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  return index
    .map((section) => {
      const head = `${section.title} ${section.heading}`.toLowerCase();
      const all = `${head} ${section.text.toLowerCase()}`;
      if (!words.every((word) => all.includes(word))) return undefined;
      return { section, score: words.filter((word) => head.includes(word)).length };
    })
    .filter((hit) => hit !== undefined)
    .sort((a, b) => b.score - a.score)
    .slice(0, 20)
    .map(({ section }) => section);
}

input.addEventListener("input", async () => {
  const sections = await load();
  results.replaceChildren(
    ...find(sections, input.value).map(({ title, heading, address }) => {
      const link = document.createElement("a");
      link.href = root + address;
      link.textContent = heading || title;
      const small = document.createElement("small");
      small.textContent = title;
      link.append(small);
      const item = document.createElement("li");
      item.append(link);
      return item;
    }),
  );
});
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape") results.replaceChildren();
  if (key === "/" && document.activeElement !== input) setTimeout(() => input.focus());
});
document.addEventListener("click", ({ target }) => {
  if (!results.contains(target) && target !== input) results.replaceChildren();
});

// On a narrow screen the list of pages is folded.
if (matchMedia("(max-width: 760px)").matches) {
  document.querySelector("nav.pages details").open = false;
}
