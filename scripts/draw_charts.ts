/**
 * Draws the Learner's statechart for the documentation: `deno task chart`.
 *
 * @module
 */
import { chartToMermaid } from "../src/diagram/chart_to_mermaid.ts";
import { chartToSvg } from "../src/diagram/chart_to_svg.ts";

const ROOT = new URL("../", import.meta.url);

/** The Mermaid diagram in docs/inspect.md. */
const MERMAID = /(?<=```mermaid\n)stateDiagram.*?(?=```)/s;

/** The contents of each file, by its path. */
export async function drawCharts(): Promise<Map<string, string>> {
  const page = await Deno.readTextFile(new URL("docs/inspect.md", ROOT));
  if (!MERMAID.test(page)) {
    throw new Error("Cannot draw the chart: docs/inspect.md has no state diagram");
  }
  return new Map([
    ["docs/chart.svg", await chartToSvg()],
    ["docs/chart-full.svg", await chartToSvg(undefined, { form: "full" })],
    ["docs/inspect.md", page.replace(MERMAID, chartToMermaid())],
  ]);
}

if (import.meta.main) {
  for (const [path, text] of await drawCharts()) {
    await Deno.writeTextFile(new URL(path, ROOT), text);
    console.log(path);
  }
}
