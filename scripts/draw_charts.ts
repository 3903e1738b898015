/**
 * Draws the Learner's statechart for the documentation: `deno task chart`.
 *
 * @module
 */
import { chartToMermaid } from "../src/diagram/chart_to_mermaid.ts";
import { chartToSvg } from "../src/diagram/chart_to_svg.ts";

const ROOT = new URL("../", import.meta.url);

/** The Mermaid diagram in the README. */
const MERMAID = /(?<=```mermaid\n)stateDiagram.*?(?=```)/s;

/** The contents of each file, by its path. */
export async function drawCharts(): Promise<Map<string, string>> {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  if (!MERMAID.test(readme)) {
    throw new Error("Cannot draw the chart: README.md has no state diagram");
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
