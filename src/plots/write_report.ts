import { encodeBase64, escapeMarkup } from "../text/text.ts";
import { checkOptions } from "../checks/check_options.ts";
import { writeFile } from "../io/files.ts";
import type { Plot } from "../pictures.ts";

/**
 * The parts of a report; a part that is missing is left out.
 *
 * @category Plots
 */
export interface Report {
  /** The title of the page. Default: `"Training report"`. */
  title?: string;
  /** The settings of the run, by name: epochs, learning rate, seed. */
  settings?: Readonly<Record<string, unknown>>;
  /** The results, by name, such as `result.metrics`. */
  results?: Readonly<Record<string, unknown>>;
  /** Pictures by title, such as `{ Training: recorder.plot() }`. */
  pictures?: Readonly<Record<string, Plot>>;
  /** Values whose strings are tables, by title, such as `{ Model: learner.summary() }`. */
  texts?: Readonly<Record<string, { toString(): string }>>;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #24292f; --soft: #57606a; --line: #d0d7de; --grid: #eaeef2;
  --ground: #fff; --block: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --line: #3d444d;
  --grid: #21262d; --ground: #0d1117; --block: #161b22; } }
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: var(--ink);
  background: var(--ground); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin-bottom: .2rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; padding-bottom: .3rem;
  border-bottom: 1px solid var(--line); }
time { color: var(--soft); }
.tables { display: flex; flex-wrap: wrap; gap: 0 3rem; }
table { border-collapse: collapse; }
th, td { padding: .2rem 1.2rem .2rem 0; text-align: left; font-weight: normal;
  vertical-align: top; border-bottom: 1px solid var(--grid); }
th { color: var(--soft); }
td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.picture { overflow-x: auto; }
img { display: block; max-width: 100%; height: auto; }
pre { overflow-x: auto; padding: .8rem 1rem; border-radius: 6px; background: var(--block);
  font: 12.5px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; }
@media (max-width: 40rem) { img { max-width: none; } }`;

/**
 * Writes one page of HTML that needs no other file: settings, results, pictures and tables. It is
 * dark where the reader's system is.
 *
 * @param path The path of the page; missing folders are made.
 * @param report The parts of the page.
 * @throws {TypeError} If a part is unknown.
 *
 * @example
 * ```ts
 * import { curvePlot, writeReport } from "@trainchart/trainchart/plots";
 *
 * const path = await Deno.makeTempFile({ suffix: ".html" });
 * await writeReport(path, {
 *   title: "Baseline",
 *   settings: { epochs: 3, learningRate: 1e-3 },
 *   pictures: { Loss: curvePlot([{ x: 0, y: 2 }, { x: 1, y: 1 }]) },
 * });
 * await Deno.remove(path);
 * ```
 *
 * @category Plots
 */
export async function writeReport(path: string | URL, report: Report): Promise<void> {
  const known = { title: true, settings: true, results: true, pictures: true, texts: true };
  checkOptions("write a report", report, known);
  const { title = "Training report", settings, results, pictures = {}, texts = {} } = report;
  const drawn = await Promise.all(
    Object.entries(pictures).map(async ([name, picture]) =>
      imageOf(name, await picture.svg(), await picture.svg({ scheme: "dark" }))
    ),
  );
  const now = new Date().toISOString();
  const page = [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeMarkup(title)}</title>`,
    `<style>${STYLE}</style>`,
    "</head>",
    "<body>",
    `<h1>${escapeMarkup(title)}</h1>`,
    `<time datetime="${now}">${now.slice(0, 16).replace("T", " ")} UTC</time>`,
    '<div class="tables">',
    tableOf("Results", results),
    tableOf("Settings", settings),
    "</div>",
    ...drawn,
    ...Object.entries(texts).map(([name, text]) =>
      `<h2>${escapeMarkup(name)}</h2>\n<pre>${escapeMarkup(String(text))}</pre>`
    ),
    "</body>",
    "</html>",
    "",
  ];
  await writeFile(path, page.filter((part) => part !== "").join("\n"));
}

/** An image of its own: names inside one SVG would collide with those inside another. */
function imageOf(name: string, light: string, dark: string): string {
  const [, width] = /width="([\d.]+)"/.exec(light) ?? [];
  const [text, ...sources] = [
    escapeMarkup(name),
    ...[light, dark].map((svg) =>
      `data:image/svg+xml;base64,${encodeBase64(new TextEncoder().encode(svg))}`
    ),
  ];
  return [
    `<h2>${text}</h2>`,
    '<div class="picture">',
    "<picture>",
    `<source media="(prefers-color-scheme: dark)" srcset="${sources[1]}">`,
    `<img alt="${text}" width="${width}" src="${sources[0]}">`,
    "</picture>",
    "</div>",
  ].join("\n");
}

function tableOf(title: string, rows: Readonly<Record<string, unknown>> | undefined): string {
  if (!rows) return "";
  const cells = Object.entries(rows).map(([name, value]) =>
    `<tr><th scope="row">${escapeMarkup(name)}</th><td>${escapeMarkup(textOf(value))}</td></tr>`
  );
  return `<section>\n<h2>${title}</h2>\n<table>\n${cells.join("\n")}\n</table>\n</section>`;
}

function textOf(value: unknown): string {
  if (typeof value === "number") return String(Number(value.toPrecision(6)));
  if (typeof value === "object" && value !== null) return JSON.stringify(value);
  return value === undefined ? "-" : String(value);
}
