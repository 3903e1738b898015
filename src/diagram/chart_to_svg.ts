import { checkOptions, describeValue } from "../checks/check_options.ts";
import { learnerMachine } from "../chart/chart.ts";
import { chartGraph } from "./chart_graph.ts";
import { checkForm } from "./check_form.ts";
import { drawChart } from "./draw_chart.ts";
import { foldChart } from "./fold_chart.ts";
import { placeChart } from "./place_chart.ts";

/**
 * Options of {@linkcode chartToSvg}.
 *
 * @category Drawing
 */
export interface ChartToSvgOptions {
  /**
   * Paths of the states to light, together with all states around them:
   * `"learner.train.epoch.batch"`. Default: none.
   */
  active?: readonly string[];
  /**
   * `"full"` shows everything. `"compact"` opens only the first of several states with the same
   * structure, and leaves out actions that only assign to the context. Default: `"compact"`.
   */
  form?: "compact" | "full";
  /** The colours; `"auto"` follows the theme of the viewer. Default: `"auto"`. */
  theme?: "light" | "dark" | "auto";
}

/**
 * Draws a statechart: nested states, their transitions and actions.
 *
 * Every state is a `<g class="state" data-state="learner.train.epoch">`, which a page lights by
 * adding the class `active`. The layout is that of the Eclipse Layout Kernel (U. Rüegg,
 * C. D. Schulze, R. von Hanxleden et al., <https://eclipse.dev/elk/>), loaded on the first call.
 *
 * @param machine Any machine of XState 5. Default: the machine of the Learner.
 * @param options The form, the theme and the active states.
 * @returns An SVG document that stands alone.
 * @throws {TypeError} If it is not a machine of XState 5, or an option is unknown.
 *
 * @example
 * ```ts
 * import { chartToSvg } from "@trainchart/trainchart/inspect";
 * import { assert } from "@std/assert";
 *
 * const svg = await chartToSvg(undefined, { active: ["learner.train.epoch.batch.compute"] });
 * assert(svg.includes('class="state compound parent active" data-state="learner.train.epoch"'));
 * ```
 *
 * @category Drawing
 */
export async function chartToSvg(
  machine: unknown = learnerMachine(),
  options: ChartToSvgOptions = {},
): Promise<string> {
  checkChartToSvgOptions(options);
  const { active = [], form = "compact", theme = "auto" } = options;
  const graph = chartGraph(machine);
  const lit = new Set(active.flatMap((id) => {
    const names = id.split(".");
    return names.map((_, index) => names.slice(0, index + 1).join("."));
  }));
  const placed = await placeChart(form === "full" ? graph : foldChart(graph));
  return drawChart(placed, { title: graph.id, active: lit, theme });
}

/**
 * Checks the options of {@linkcode chartToSvg}.
 *
 * @throws {TypeError} If an option is unknown or has a value of the wrong kind.
 */
export function checkChartToSvgOptions(options: ChartToSvgOptions): void {
  checkOptions("draw a chart", options, { active: true, form: true, theme: true });
  const { active = [], form = "compact", theme = "auto" } = options;
  checkForm(form);
  if (!["light", "dark", "auto"].includes(theme)) {
    throw new TypeError(
      `Cannot draw a chart as theme must be "light", "dark" or "auto": current value is ${
        describeValue(theme)
      }`,
    );
  }
  if (Array.isArray(active) && active.every((path) => typeof path === "string")) return;
  throw new TypeError(
    `Cannot draw a chart as active must be an array of paths: current value is ${
      describeValue(active)
    }`,
  );
}
