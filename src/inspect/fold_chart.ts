import type { ChartState, ChartTransition } from "./chart_graph.ts";

/**
 * The gist of a chart: what only changes what the machine remembers is left out, and of states that
 * are built alike, with inner states of the same names, only the first one is opened.
 */
export function foldChart(root: ChartState): ChartState {
  const opened = new Map<string, string>();
  const folds = new Map<string, string>();
  const visit = (state: ChartState): void => {
    const inside = state.states.map(({ key }) => key).sort().join();
    const like = opened.get(inside);
    if (inside && like) folds.set(state.id, like);
    else {
      opened.set(inside, state.key);
      state.states.forEach(visit);
    }
  };
  visit(root);
  return fold(root, folds);
}

function fold(state: ChartState, folds: ReadonlyMap<string, string>): ChartState {
  const { id, states, transitions } = state;
  const like = folds.get(id);
  const all = like ? leavingTransitions(state, id) : transitions;
  return {
    ...state,
    entry: state.entry.map(plain),
    exit: state.exit.map(plain),
    invokes: [...state.invokes],
    ...like ? { like, initial: undefined } : {},
    states: like ? [] : states.map((state) => fold(state, folds)),
    transitions: unique(
      all.filter(({ targets }) => targets.length > 0).map((transition) => ({
        ...transition,
        actions: [],
        targets: transition.targets.map((target) => shown(target, folds)),
      })),
    ),
  };
}

/** What leads out of a state, from itself or from inside. */
function leavingTransitions({ states, transitions }: ChartState, id: string): ChartTransition[] {
  return [
    ...transitions,
    ...states.flatMap((state) => leavingTransitions(state, id)),
  ].filter(({ targets }) => !targets.some((target) => `${target}.`.startsWith(`${id}.`)));
}

/** The state itself, or the folded one that it is in. */
function shown(target: string, folds: ReadonlyMap<string, string>): string {
  return [...folds.keys()].find((id) => target.startsWith(`${id}.`)) ?? target;
}

function unique(transitions: ChartTransition[]): ChartTransition[] {
  return [...new Map(transitions.map((it) => [JSON.stringify(it), it])).values()];
}

/** The name of an action without what it is given. */
function plain(action: string): string {
  return action.replace(/\(.*$/, "");
}
