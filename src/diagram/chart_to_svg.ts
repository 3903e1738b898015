import { learnerMachine } from "../chart/chart.ts";
import { chartGraph } from "./chart_graph.ts";
import { drawChart } from "./draw_chart.ts";
import { foldChart } from "./fold_chart.ts";
import { placeChart } from "./place_chart.ts";

/** Options of {@linkcode chartToSvg}. */
export interface ChartToSvgOptions {
  /**
   * The ids of the states that are lit, together with all that they are in: the names on the way to
   * each, joined by dots, as in `"learner.train.epoch.batch"`. Default: none.
   */
  active?: readonly string[];
  /**
   * `"full"` draws everything. `"compact"` opens only the first of states that are built alike, and
   * leaves out what only changes what the machine remembers. Default: `"compact"`.
   */
  form?: "compact" | "full";
  /** `"auto"` follows whoever looks at it. Default: `"auto"`. */
  theme?: "light" | "dark" | "auto";
}

/**
 * Draws a statechart: what is in what, what leads where, and what is done on the way.
 *
 * Every state is a `<g class="state" data-state="learner.train.epoch">`, which a page lights by
 * giving it the class `active`. The layout is that of the Eclipse Layout Kernel (U. Rüegg,
 * C. D. Schulze, R. von Hanxleden et al., <https://eclipse.dev/elk/>), loaded on the first call.
 *
 * @param machine Any machine of XState 5. Default: that of the Learner.
 * @param options How.
 * @returns An SVG document that needs nothing else.
 * @throws {TypeError} If it is not a machine.
 *
 * @example
 * ```ts
 * import { chartToSvg } from "@trainchart/trainchart/inspect";
 * import { assert } from "@std/assert";
 *
 * const svg = await chartToSvg(undefined, { active: ["learner.train.epoch.batch.compute"] });
 * assert(svg.includes('class="state compound parent active" data-state="learner.train.epoch"'));
 * ```
 */
export async function chartToSvg(
  machine: unknown = learnerMachine,
  options: ChartToSvgOptions = {},
): Promise<string> {
  const { active = [], form = "compact", theme = "auto" } = options;
  const graph = chartGraph(machine);
  const lit = new Set(active.flatMap((id) => {
    const names = id.split(".");
    return names.map((_, index) => names.slice(0, index + 1).join("."));
  }));
  const placed = await placeChart(form === "full" ? graph : foldChart(graph));
  return drawChart(placed, { title: graph.id, active: lit, theme });
}
