import { learnerMachine } from "../chart/chart.ts";
import { chartGraph, type ChartState } from "./chart_graph.ts";
import { type ChartLink, detailsOf, innerLinksOf, linksOf } from "./chart_links.ts";
import { foldChart } from "./fold_chart.ts";

/** Options of {@linkcode chartToMermaid}. */
export interface ChartToMermaidOptions {
  /**
   * `"full"` says everything. `"compact"` opens only the first of states that are built alike, and
   * leaves out what only changes what the machine remembers. Default: `"compact"`.
   */
  form?: "compact" | "full";
}

/**
 * Writes a statechart down in the language of Mermaid, <https://mermaid.js.org>, which many sites
 * draw by themselves.
 *
 * Mermaid draws no line from a state to one inside another: it is drawn between the two states, side
 * by side, that hold its ends. What leads from a state into itself begins at a box with the event.
 *
 * @param machine Any machine of XState 5. Default: that of the Learner.
 * @param options How.
 * @returns A state diagram.
 * @throws {TypeError} If it is not a machine.
 *
 * @example
 * ```ts
 * import { chartToMermaid } from "@trainchart/trainchart/inspect";
 * import { assert } from "@std/assert";
 *
 * assert(chartToMermaid().startsWith("stateDiagram-v2"));
 * ```
 */
export function chartToMermaid(
  machine: unknown = learnerMachine,
  { form = "compact" }: ChartToMermaidOptions = {},
): string {
  const graph = chartGraph(machine);
  const root = form === "full" ? graph : foldChart(graph);
  return [
    "stateDiagram-v2",
    ...insideOf(root, "  ", outerLinksOf(root)),
    "",
  ].join("\n");
}

/** All lines in a chart that do not end inside the state that they begin at. */
function outerLinksOf(state: ChartState): ChartLink[] {
  return [
    ...linksOf(state).filter(({ from }) => from === state.id),
    ...state.states.flatMap(outerLinksOf),
  ];
}

/** What is in a state: its states, its lines, and what leads into it from itself. */
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

/** Letters, digits and underscores are safe in a name. */
function nameOf(id: string): string {
  return id.replaceAll(/[^a-zA-Z0-9]/g, "_");
}

/** What Mermaid would take for its own is written as a character code. */
function textOf(lines: readonly string[]): string {
  return lines.map((line) =>
    line.trim().replaceAll(/\s+/g, " ")
      .replaceAll(/[#;:"<>{}]/g, (it) => `#${it.charCodeAt(0)};`)
  ).join("<br>");
}
