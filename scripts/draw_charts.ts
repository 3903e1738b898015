/**
 * Draws the Learner's statechart for the documentation: `deno task chart`.
 *
 * @module
 */
import { chartToMermaid } from "../src/diagram/chart_to_mermaid.ts";
import { chartToSvg } from "../src/diagram/chart_to_svg.ts";

const ROOT = new URL("../", import.meta.url);

/** Where the README has the Mermaid form. */
const MERMAID = /(?<=```mermaid\n)stateDiagram.*?(?=```)/s;

/** What each file is to contain, by its path. */
export async function drawCharts(): Promise<Map<string, string>> {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  if (!MERMAID.test(readme)) {
    throw new Error("Cannot draw the chart as README.md must have a state diagram: it has none");
  }
  return new Map([
    ["docs/chart.svg", await chartToSvg()],
    ["docs/chart-full.svg", await chartToSvg(undefined, { form: "full" })],
    ["README.md", readme.replace(MERMAID, chartToMermaid())],
  ]);
}

if (import.meta.main) {
  for (const [path, text] of await drawCharts()) {
    await Deno.writeTextFile(new URL(path, ROOT), text);
    console.log(path);
  }
}
