import { checkOptions } from "../checks/check_options.ts";
import { learnerMachine } from "../chart/chart.ts";
import { chartGraph, type ChartState } from "./chart_graph.ts";
import { type ChartLink, detailsOf, innerLinksOf, linksOf } from "./chart_links.ts";
import { checkForm } from "./check_form.ts";
import { foldChart } from "./fold_chart.ts";

/**
 * Options of {@linkcode chartToMermaid}.
 *
 * @category Drawing
 */
export interface ChartToMermaidOptions {
  /**
   * `"full"` shows everything. `"compact"` opens only the first of several states with the same
   * structure, and leaves out actions that only assign to the context. Default: `"compact"`.
   */
  form?: "compact" | "full";
}

/**
 * Writes a statechart in the language of Mermaid, <https://mermaid.js.org>, which many sites draw.
 *
 * Mermaid cannot draw a line into another state: the line is drawn between the two outermost states
 * that contain its ends. A line from a state to one inside it begins at a box with the event.
 *
 * @param machine Any machine of XState 5. Default: the machine of the Learner.
 * @param options The form.
 * @returns A state diagram.
 * @throws {TypeError} If it is not a machine of XState 5, or an option is unknown.
 *
 * @example
 * ```ts
 * import { chartToMermaid } from "@trainchart/trainchart/inspect";
 * import { assert } from "@std/assert";
 *
 * assert(chartToMermaid().startsWith("stateDiagram-v2"));
 * ```
 *
 * @category Drawing
 */
export function chartToMermaid(
  machine: unknown = learnerMachine(),
  options: ChartToMermaidOptions = {},
): string {
  checkOptions("draw a chart", options, { form: true });
  const { form = "compact" } = options;
  checkForm(form);
  const graph = chartGraph(machine);
  const root = form === "full" ? graph : foldChart(graph);
  return [
    "stateDiagram-v2",
    ...insideOf(root, "  ", outerLinksOf(root)),
    "",
  ].join("\n");
}

/** All lines that leave the state at which they begin. */
function outerLinksOf(state: ChartState): ChartLink[] {
  return [
    ...linksOf(state).filter(({ from }) => from === state.id),
    ...state.states.flatMap(outerLinksOf),
  ];
}

/** The contents of a state: its states, and all lines between them. */
function insideOf(state: ChartState, indent: string, links: readonly ChartLink[]): string[] {
  const { id, states, initial } = state;
  const holder = (end: string) => states.find((inner) => `${end}.`.startsWith(`${inner.id}.`))?.id;
  const lines = new Set(links.flatMap(({ from, to, lines }) => {
    const [source, target] = [holder(from), holder(to)];
    if (!source || !target || (source === target && source !== from)) return [];
    return [`${indent}${nameOf(source)} --> ${nameOf(target)} : ${textOf(lines)}`];
  }));
  return [
    ...initial && holder(initial) ? [`${indent}[*] --> ${nameOf(holder(initial)!)}`] : [],
    ...states.flatMap((inner) => declare(inner, indent, links)),
    ...lines,
    ...innerLinksOf(state).flatMap(({ from, to, lines }) => [
      `${indent}state "on ${textOf(lines)}" as ${nameOf(from)}`,
      `${indent}${nameOf(from)} --> ${nameOf(holder(to) ?? id)}`,
    ]),
    ...states.filter(({ kind }) => kind === "final").map(({ id }) =>
      `${indent}${nameOf(id)} --> [*]`
    ),
  ];
}

function declare(state: ChartState, indent: string, links: readonly ChartLink[]): string[] {
  const { id, key, states } = state;
  const details = detailsOf(state);
  if (states.length === 0) {
    const title = `${indent}state "${textOf([key])}" as ${nameOf(id)}`;
    return [title, ...details.length > 0 ? [`${indent}${nameOf(id)} : ${textOf(details)}`] : []];
  }
  return [
    `${indent}state "${textOf([[key, ...details].join(" ")])}" as ${nameOf(id)} {`,
    ...insideOf(state, `${indent}  `, links),
    `${indent}}`,
  ];
}

/** Makes a name of letters, digits and underscores, which are safe in Mermaid. */
function nameOf(id: string): string {
  return id.replaceAll(/[^a-zA-Z0-9]/g, "_");
}

/** Escapes characters that have a meaning in Mermaid, as character codes. */
function textOf(lines: readonly string[]): string {
  return lines.map((line) =>
    line.trim().replaceAll(/\s+/g, " ")
      .replaceAll(/[#;:"<>{}]/g, (it) => `#${it.charCodeAt(0)};`)
  ).join("<br>");
}
