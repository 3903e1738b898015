import { writeFile } from "../io/write_file.ts";
import type { Plot } from "../pictures/plotters.ts";
import { escapeMarkup } from "../text/escape_markup.ts";

/**
 * What a report is made of; whatever is missing is left out.
 *
 * @category Plots
 */
export interface Report {
  /** Of the page. Default: `"Training report"`. */
  title?: string;
  /** What the run was told, by name: epochs, learning rate, seed. */
  settings?: Readonly<Record<string, unknown>>;
  /** What came out, by name, such as `result.metrics`. */
  results?: Readonly<Record<string, unknown>>;
  /** Pictures by title, such as `{ Training: recorder.plot() }`. */
  pictures?: Readonly<Record<string, Plot>>;
  /** Whatever is a table as a string, by title, such as `{ Model: learner.summary() }`. */
  texts?: Readonly<Record<string, { toString(): string }>>;
}

const STYLE = `
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #24292f; background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.6rem; margin-bottom: 0; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; padding-bottom: .3rem; border-bottom: 1px solid #d0d7de; }
time { color: #57606a; }
.tables { display: flex; flex-wrap: wrap; gap: 0 3rem; }
table { border-collapse: collapse; }
th, td { padding: .2rem 1.2rem .2rem 0; text-align: left; font-weight: normal;
  border-bottom: 1px solid #eaeef2; }
th { color: #57606a; }
td { font-variant-numeric: tabular-nums; }
img { display: block; max-width: 100%; height: auto; }
pre { overflow-x: auto; padding: .8rem 1rem; border-radius: 6px; background: #f6f8fa;
  font: 12.5px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; }`;

/**
 * Writes one page of HTML that needs nothing else: settings, results, pictures and tables.
 *
 * @param path Of the page; missing folders are made.
 * @param report What is in it.
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
  const { title = "Training report", settings, results, pictures = {}, texts = {} } = report;
  const drawn = await Promise.all(
    Object.entries(pictures).map(async ([name, picture]) => imageOf(name, await picture.svg())),
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

/** A picture of its own: names inside one SVG would collide with those inside another. */
function imageOf(name: string, svg: string): string {
  const [, width] = /width="([\d.]+)"/.exec(svg) ?? [];
  const source = `data:image/svg+xml;base64,${new TextEncoder().encode(svg).toBase64()}`;
  return `<h2>${escapeMarkup(name)}</h2>\n<img alt="${
    escapeMarkup(name)
  }" width="${width}" src="${source}">`;
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
