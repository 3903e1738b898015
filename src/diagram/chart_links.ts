import type { ChartAction, ChartState, ChartTransition } from "./chart_graph.ts";

/** Maximum length of a line that can be broken, in characters. */
const LINE_LENGTH = 26;

/** Maximum length of a line that events without actions share, in characters. */
const SHARED_LENGTH = 18;

/** A line of a drawing: all transitions from one state to another. */
export interface ChartLink {
  /** The state that the transitions leave. */
  readonly owner: string;
  /** The box at which the line begins: the state, its dot or a pill in it. */
  readonly from: string;
  readonly to: string;
  /** The text on the line. */
  readonly lines: readonly string[];
}

/** All lines out of a state: one for each target. */
export function linksOf(state: ChartState): ChartLink[] {
  const { id: owner, initial } = state;
  return [
    ...initial ? [{ owner, from: dotOf(owner), to: initial, lines: [] }] : [],
    ...joined(state).filter(({ owner, to }) => !isInside(to, owner)),
    ...innerLinksOf(state).map((link) => ({ ...link, lines: [] })),
  ];
}

/**
 * The lines from a state to one inside it. Each begins at a pill, so that it does not cross the text
 * at the top of the state.
 */
export function innerLinksOf(state: ChartState): ChartLink[] {
  return joined(state).filter(({ owner, to }) => isInside(to, owner))
    .map((link) => ({ ...link, from: `${link.from} to ${link.to}` }));
}

/** The box of the dot that points to the initial state. */
export function dotOf(id: string): string {
  return `${id} initial`;
}

/** The text inside a state: its actions, actors and transitions without a target. */
export function detailsOf(state: ChartState): string[] {
  const { kind, entry, exit, invokes, like, transitions } = state;
  return [
    ...kind === "parallel" || kind === "history" ? [kind] : [],
    ...entry.length > 0 ? wrap("entry /", entry.map(labelOf)) : [],
    ...exit.length > 0 ? wrap("exit /", exit.map(labelOf)) : [],
    ...invokes.length > 0 ? wrap("invoke /", invokes) : [],
    ...transitions.filter(({ targets }) => targets.length === 0).flatMap((transition) =>
      transition.actions.length > 0 ? linesOf(transition) : [`${transition.event} is ignored`]
    ),
    ...like ? [`… like ${like}`] : [],
  ];
}

function joined({ id, transitions }: ChartState): ChartLink[] {
  const links = new Map<string, string[]>();
  for (const transition of transitions) {
    for (const to of transition.targets) {
      const lines = links.get(to) ?? [];
      const [first, ...more] = linesOf(transition);
      const last = lines.at(-1);
      if (last && !`${last}${first}`.includes("/") && last.length + first.length < SHARED_LENGTH) {
        lines[lines.length - 1] += `, ${first}`;
      } else lines.push(first, ...more);
      links.set(to, lines);
    }
  }
  return [...links].map(([to, lines]) => ({ owner: id, from: id, to, lines }));
}

/** The text of a transition: `event [guard] / actions`. */
function linesOf({ event, guard, actions }: ChartTransition): string[] {
  const lines = wrap(event, guard ? [`[${guard}]`] : []);
  if (actions.length === 0) return lines;
  return [...lines.slice(0, -1), ...wrap(`${lines.at(-1)} /`, actions.map(labelOf))];
}

function labelOf({ name, parameters }: ChartAction): string {
  return parameters.length > 0 ? `${name}(${parameters.join(", ")})` : name;
}

/** Joins names after a title, `title one, two`, in lines of limited length. */
function wrap(title: string, names: readonly string[]): string[] {
  const lines = [title];
  for (const [index, name] of names.entries()) {
    const word = index < names.length - 1 ? `${name},` : name;
    if (lines.at(-1)!.length + word.length < LINE_LENGTH) lines[lines.length - 1] += ` ${word}`;
    else lines.push(`  ${word}`);
  }
  return lines;
}

function isInside(id: string, parent: string): boolean {
  return id.startsWith(`${parent}.`);
}
