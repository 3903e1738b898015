/**
 * Builds the site: guides, pages, pictures and the API, as a folder of static files that needs no
 * server and no other address: `deno task docs [FOLDER]`.
 *
 * @module
 */
import { Marked } from "npm:marked@18.2.1";
import { chartToSvg } from "../../src/diagram/chart_to_svg.ts";
import chartStyle from "../../src/live/page/chart.css" with { type: "text" };
import { escapeMarkup } from "../../src/text/text.ts";
import { bundle } from "../build_page.ts";

const ROOT = new URL("../../", import.meta.url);
const HERE = new URL("./", import.meta.url);
const REPOSITORY = "https://github.com/trainchart/trainchart/blob/main/";

/** The list of pages at the left: sections of files, each with its title there. */
const SECTIONS: Record<string, Record<string, string>> = {
  Start: {
    "README.md": "Trainchart",
    "docs/faq.md": "Questions",
    "examples/README.md": "Examples",
    "CHANGELOG.md": "Changes",
  },
  Guides: {
    "docs/guides/first_model.md": "Your first model",
    "docs/guides/data.md": "Data",
    "docs/guides/write_a_callback.md": "Write a callback",
    "docs/guides/cancel_and_steer.md": "Cancel and steer",
    "docs/guides/checkpoints.md": "Checkpoints",
    "docs/guides/fine_tuning.md": "Fine-tuning",
    "docs/guides/own_steps.md": "Steps of your own",
    "docs/guides/pictures.md": "Reading the pictures",
    "docs/guides/speed.md": "Speed",
    "docs/guides/more_processes.md": "More processes",
    "docs/guides/sweeps.md": "Sweeps",
    "docs/guides/deploy.md": "Deploy",
    "docs/guides/permissions.md": "Permissions",
  },
  Everywhere: {
    "docs/guides/everywhere.md": "What works where",
    "docs/guides/node.md": "Node",
    "docs/guides/bun.md": "Bun",
    "docs/guides/browsers.md": "Browsers",
    "docs/guides/workers.md": "Workers and threads",
    "docs/guides/compiled_programs.md": "Compiled programs",
  },
  "Coming from": {
    "docs/coming_from/keras.md": "Keras",
    "docs/coming_from/lightning.md": "Lightning",
    "docs/coming_from/fastai.md": "fast.ai",
    "docs/coming_from/tfjs_fit.md": "TensorFlow.js",
    "docs/from_the_notebook.md": "the notebook",
  },
  "In detail": {
    "docs/hooks.md": "Hooks and cancels",
    "docs/callbacks.md": "Callbacks",
    "docs/checkpoints.md": "Checkpoints",
    "docs/live_page.md": "The live page",
    "docs/inspect.md": "The machine",
    "docs/distributed.md": "Distributed",
    "docs/sweeps.md": "Sweeps",
    "docs/kernels.md": "Kernels",
    "docs/benchmarks.md": "Benchmarks",
    "docs/architecture.md": "Architecture",
    ".github/CONTRIBUTING.md": "Contributing",
    ".github/SECURITY.md": "Security",
  },
};

/** Titles of all pages of the site, by their paths in the repository. */
export const PAGES = Object.assign({}, ...Object.values(SECTIONS)) as Record<string, string>;

/** Where a page is in the site. */
function addressOf(path: string): string {
  if (path === "README.md") return "index.html";
  return path.replace(/^(docs|\.github)\//, "").replace(/README\.md$/, "index.md")
    .replace(/\.md$/, ".html").toLowerCase();
}

/** A part of a page that the search finds. */
interface Section {
  title: string;
  heading: string;
  address: string;
  text: string;
}

const readHere = (file: string) => Deno.readTextFile(new URL(file, HERE));

const slugOf = (heading: string) =>
  heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").trim().replaceAll(" ", "-");

const textOf = (html: string) =>
  html.replace(/<[^>]*>/g, " ").replaceAll("&quot;", '"').replaceAll("&#39;", "'")
    .replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&")
    .replace(/\s+/g, " ").trim();

/** Where a link of a page leads in the site: to another page, to a copied file, or to the repository. */
function linkOf(target: string, path: string, copied: Set<string>): string {
  if (/^(https?:|mailto:|#)/.test(target)) return target;
  const url = new URL(target, new URL(path, ROOT));
  const file = url.pathname.slice(ROOT.pathname.length);
  const up = "../".repeat(addressOf(path).split("/").length - 1);
  const page = PAGES[file] !== undefined ? file : `${file.replace(/\/$/, "")}/README.md`;
  if (PAGES[page] !== undefined) return up + addressOf(page) + url.hash;
  if (file === "docs/guides/README.md") return `${up}guides/first_model.html`;
  if (/\.(svg|png)$/.test(file)) {
    copied.add(file);
    return up + file.replace(/^docs\//, "");
  }
  return REPOSITORY + file + url.hash;
}

/** The frame of every page. */
function frame(title: string, address: string, content: string): string {
  const up = "../".repeat(address.split("/").length - 1);
  const list = Object.entries(SECTIONS).map(([section, pages]) =>
    `<h2>${section}</h2>\n` + Object.entries(pages).map(([path, name]) => {
      const current = addressOf(path) === address ? ' aria-current="page"' : "";
      return `<a href="${up}${addressOf(path)}"${current}>${escapeMarkup(name)}</a>`;
    }).join("\n")
  ).join("\n");
  return `<!doctype html>
<html lang="en" data-root="${up}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeMarkup(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${up}api/prism.css">
<link rel="stylesheet" href="${up}style.css">
<script>document.documentElement.classList.toggle("dark", (localStorage.getItem("theme") ??
(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark")</script>
</head>
<body>
<header class="site">
<a class="name" href="${up}index.html">Trainchart</a>
<a href="${up}guides/first_model.html">Guides</a>
<a href="${up}api.html">API</a>
<input id="search" type="search" placeholder="Search" aria-label="Search">
<button id="theme" type="button" aria-label="Light or dark">◐</button>
<ul id="results"></ul>
</header>
<div class="layout">
<nav class="pages"><details open><summary>All pages</summary>
${list}
<h2>Reference</h2>
<a href="${up}api.html">API</a>
</details></nav>
<main>
${content}
</main>
</div>
<script src="${up}api/prism.js" defer></script>
<script src="${up}site.js" defer></script>
</body>
</html>
`;
}

/** The machine that a reader steps: a part of a page. It works from a disk, as it loads nothing. */
async function renderMachine(): Promise<string> {
  const drawing = (await chartToSvg())
    // As the site, the drawing follows the choice of the reader, else the system.
    .replace("@media(prefers-color-scheme:dark){", ".dark{");
  const script = (await bundle(new URL("machine/machine.ts", HERE))).replaceAll(
    "</script",
    "<\\/script",
  );
  return `<h2 id="step-it">Step it</h2>
<p>The machine and the pump of every run, with a toy for a model: two epochs of two batches. Do each
piece of work by a click, throw in a hook, call <code>cancel()</code>, and read which hooks follow.</p>
<div id="machine"><template>${drawing.trim()}</template></div>
<script type="module">${script}</script>`;
}

/** Renders a page; adds its sections to the search, and its pictures to those to copy. */
async function render(path: string, index: Section[], copied: Set<string>): Promise<string> {
  const marked = new Marked();
  marked.use({
    renderer: {
      heading({ tokens, depth }) {
        const html = this.parser.parseInline(tokens);
        return `<h${depth} id="${slugOf(textOf(html))}">${html}</h${depth}>\n`;
      },
      code({ text, lang }) {
        const language = (lang ?? "").split(" ")[0] || "text";
        return `<pre class="highlight"><code class="language-${language}">${
          escapeMarkup(text)
        }</code></pre>\n`;
      },
      link({ href, tokens }) {
        return `<a href="${linkOf(href, path, copied)}">${this.parser.parseInline(tokens)}</a>`;
      },
      image({ href, text }) {
        return `<img src="${linkOf(href, path, copied)}" alt="${escapeMarkup(text)}">`;
      },
    },
  });
  const source = await Deno.readTextFile(new URL(path, ROOT));
  const html = (await marked.parse(source)).replaceAll("<table>", '<div class="scroll"><table>')
    .replaceAll("</table>", "</table></div>")
    .replace(
      "<!-- machine -->",
      await (source.includes("<!-- machine -->") ? renderMachine() : ""),
    );
  const title = /^# (.*)$/m.exec(source)![1];
  const address = addressOf(path);
  for (const part of html.split(/(?=<h[12] )/)) {
    const [, id, heading] = /^<h[12] id="([^"]*)">(.*?)<\/h/s.exec(part) ?? ["", "", ""];
    index.push({
      title: PAGES[path],
      heading: textOf(heading),
      address: id ? `${address}#${id}` : address,
      text: textOf(part).slice(0, 2000),
    });
  }
  return frame(path === "README.md" ? title : `${title} · Trainchart`, address, html);
}

/** A symbol of `deno doc --json`. */
interface Symbol {
  name: string;
  declarations: {
    kind: string;
    jsDoc?: { doc?: string; tags?: { kind: string; doc?: string }[] };
  }[];
}

async function deno(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (code !== 0) throw new Error(text(stderr));
  return text(stdout);
}

/** The page that lists every export, by entry point and category. */
async function renderApi(entries: string[], index: Section[]): Promise<string> {
  const { nodes } = JSON.parse(await deno("doc", "--json", ...entries)) as {
    nodes: Record<string, { module_doc?: { doc?: string }; symbols: Symbol[] }>;
  };
  const docs = new Map<string, { category: string; summary: string }>();
  for (const { symbols } of Object.values(nodes)) {
    for (const { name, declarations } of symbols) {
      for (const { jsDoc } of declarations) {
        const category = jsDoc?.tags?.find(({ kind }) => kind === "category")?.doc?.trim();
        const summary = (jsDoc?.doc ?? "").split("\n\n")[0]
          .replace(/\{@link(?:code)? ([^}]*)\}/g, "`$1`");
        if (category) docs.set(name, { category, summary });
      }
    }
  }
  const marked = new Marked();
  const parts: string[] = ["<h1>API</h1>"];
  const order = (entry: string) => entry === "mod.ts" ? "" : entry;
  for (const entry of entries.toSorted((a, b) => order(a) < order(b) ? -1 : 1)) {
    const { module_doc, symbols } = nodes[new URL(entry, ROOT).href];
    const name = entry.replace(/\.ts$/, "");
    const folder = entry === "mod.ts" ? "" : `${name}/`;
    const specifier = `@trainchart/trainchart${entry === "mod.ts" ? "" : `/${name}`}`;
    const [summary] = (module_doc?.doc ?? "").split("\n\n");
    parts.push(
      `<h2 id="${name}"><a href="api/${folder}index.html">${specifier}</a></h2>`,
      marked.parse(summary.replace(/\{@link(?:code)? ([^}]*)\}/g, "`$1`")) as string,
    );
    const groups = Map.groupBy(symbols, ({ name }) => docs.get(name)?.category ?? "Other");
    for (const [category, members] of [...groups].sort(([a], [b]) => a < b ? -1 : 1)) {
      parts.push(`<h3>${escapeMarkup(category)}</h3>`, '<dl class="symbols">');
      for (const { name } of members) {
        const { summary } = docs.get(name) ?? { summary: "" };
        const address = `api/${folder}~/${name}.html`;
        parts.push(
          `<dt><a href="${address}"><code>${name}</code></a></dt>`,
          `<dd>${marked.parseInline(summary)}</dd>`,
        );
        index.push({ title: specifier, heading: name, address, text: summary });
      }
      parts.push("</dl>");
    }
  }
  return frame("API · Trainchart", "api.html", parts.join("\n"));
}

/** An import in a page of the API, from an entry point as Deno names it: `"."`, `"callbacks"`. */
const USAGE = /(import (?:(?!&quot;)[^;])*? from )&quot;([\w.]+)&quot;/g;

/** Makes the name at the top of each page of the API lead back to the site, and imports real. */
async function mendApi(folder: string, up: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) await mendApi(path, `../${up}`);
    if (!name.endsWith(".html")) continue;
    const page = await Deno.readTextFile(path);
    const mended = page
      .replace(
        /<a href="[^"]*" class="contextLink">Trainchart</,
        `<a href="${up}api.html" class="contextLink">Trainchart<`,
      )
      .replace('class="contextLink">default<', 'class="contextLink">main<')
      .replace(
        USAGE,
        (_, start, entry) =>
          `${start}&quot;@trainchart/trainchart${entry === "." ? "" : `/${entry}`}&quot;`,
      );
    await Deno.writeTextFile(path, mended);
  }
}

/** Writes a file of the site, with its folders. */
async function write(folder: string, path: string, content: string | Uint8Array): Promise<void> {
  const file = `${folder}/${path}`;
  await Deno.mkdir(file.replace(/\/[^/]*$/, ""), { recursive: true });
  if (typeof content === "string") await Deno.writeTextFile(file, content);
  else await Deno.writeFile(file, content);
}

/** Builds the site in a folder, which is emptied first. */
export async function buildSite(folder: string): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  const entries = [...Deno.readDirSync(ROOT)].map(({ name }) => name).filter((name) =>
    name.endsWith(".ts")
  );
  // The main entry point comes first: the start page of the API is its page.
  entries.sort((a, b) => Number(b === "mod.ts") - Number(a === "mod.ts") || (a < b ? -1 : 1));
  await deno("doc", "--html", "--name=Trainchart", `--output=${folder}/api`, ...entries);
  const css = await Deno.readTextFile(`${folder}/api/page.css`);
  await Deno.writeTextFile(
    `${folder}/api/page.css`,
    css + await readHere("api.css"),
  );
  await mendApi(`${folder}/api`, "../");
  const index: Section[] = [];
  const copied = new Set<string>();
  for (const path of Object.keys(PAGES)) {
    await write(folder, addressOf(path), await render(path, index, copied));
  }
  await write(folder, "api.html", await renderApi(entries, index));
  for (const file of copied) {
    await write(folder, file.replace(/^docs\//, ""), await Deno.readFile(new URL(file, ROOT)));
  }
  const style = await readHere("style.css") + await readHere("machine/machine.css") + chartStyle;
  await write(folder, "style.css", style);
  await write(folder, "site.js", await readHere("site.js"));
  await write(folder, "index.js", `globalThis.trainchartIndex = ${JSON.stringify(index)};`);
  await write(folder, ".nojekyll", "");
}

if (import.meta.main) {
  const folder = Deno.args[0] ?? new URL("site", ROOT).pathname;
  await buildSite(folder);
  console.log(`${folder}/index.html`);
}
