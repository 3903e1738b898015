import type { ChartAction, ChartState, ChartTransition } from "./chart_graph.ts";

/** How many characters a line has at most, where it can be broken. */
const MEASURE = 26;

/** How many characters of events without actions share a line. */
const SHARED = 18;

/** What one line of a drawing stands for. */
export interface ChartLink {
  /** The state that it leads out of. */
  readonly owner: string;
  /** The box that it begins at: the state, its dot or a pill in it. */
  readonly from: string;
  readonly to: string;
  /** What is written on it. */
  readonly lines: readonly string[];
}

/** All lines out of a state: one for all that leads to the same other one. */
export function linksOf(state: ChartState): ChartLink[] {
  const { id: owner, initial } = state;
  return [
    ...initial ? [{ owner, from: dotOf(owner), to: initial, lines: [] }] : [],
    ...joined(state).filter(({ owner, to }) => !isInside(to, owner)),
    ...innerLinksOf(state).map((link) => ({ ...link, lines: [] })),
  ];
}

/** What leads into a state itself begins at a pill, so that no line crosses the text above. */
export function innerLinksOf(state: ChartState): ChartLink[] {
  return joined(state).filter(({ owner, to }) => isInside(to, owner))
    .map((link) => ({ ...link, from: `${link.from} to ${link.to}` }));
}

/** The box that points at the initial state of a state. */
export function dotOf(id: string): string {
  return `${id} initial`;
}

/** What is written into a state: what is done in it, and what it takes without leaving. */
export function detailsOf(state: ChartState): string[] {
  const { kind, entry, exit, invokes, like, transitions } = state;
  return [
    ...kind === "parallel" || kind === "history" ? [kind] : [],
    ...entry.length > 0 ? wrap("entry /", entry.map(called)) : [],
    ...exit.length > 0 ? wrap("exit /", exit.map(called)) : [],
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
      if (last && !`${last}${first}`.includes("/") && last.length + first.length < SHARED) {
        lines[lines.length - 1] += `, ${first}`;
      } else lines.push(first, ...more);
      links.set(to, lines);
    }
  }
  return [...links].map(([to, lines]) => ({ owner: id, from: id, to, lines }));
}

/** `event [guard] / actions` */
function linesOf({ event, guard, actions }: ChartTransition): string[] {
  const lines = wrap(event, guard ? [`[${guard}]`] : []);
  if (actions.length === 0) return lines;
  return [...lines.slice(0, -1), ...wrap(`${lines.at(-1)} /`, actions.map(called))];
}

function called({ name, given }: ChartAction): string {
  return given.length > 0 ? `${name}(${given.join(", ")})` : name;
}

/** `title one, two,` and the rest on lines of their own. */
function wrap(title: string, names: readonly string[]): string[] {
  const lines = [title];
  for (const [index, name] of names.entries()) {
    const word = index < names.length - 1 ? `${name},` : name;
    if (lines.at(-1)!.length + word.length < MEASURE) lines[lines.length - 1] += ` ${word}`;
    else lines.push(`  ${word}`);
  }
  return lines;
}

function isInside(id: string, parent: string): boolean {
  return id.startsWith(`${parent}.`);
}
