import type { ChartAction, ChartState, ChartTransition } from "./chart_graph.ts";

/**
 * Reduces a chart to its essentials. Left out are actions that only assign to the context, actions of
 * transitions, and transitions that an outer state has as well. Of several states with the same
 * structure (inner states of the same names) only the first is opened.
 */
export function foldChart(root: ChartState): ChartState {
  const opened = new Map<string, string>();
  const folds = new Map<string, string>();
  const visit = ({ id, key, states }: ChartState): void => {
    const inside = states.map(({ key }) => key).sort().join();
    const like = opened.get(inside);
    if (like) folds.set(id, like);
    else {
      if (inside) opened.set(inside, key);
      states.forEach(visit);
    }
  };
  visit(root);
  return fold(root, folds, new Set());
}

function fold(
  state: ChartState,
  folds: ReadonlyMap<string, string>,
  outer: ReadonlySet<string>,
): ChartState {
  const { id, entry, exit, states } = state;
  const like = folds.get(id);
  const transitions = new Map<string, ChartTransition>();
  for (const transition of like ? leaving(state, id) : state.transitions) {
    if (transition.targets.length === 0) continue;
    const targets = transition.targets.map((target) => shownState(target, folds));
    const reduced = { ...transition, actions: [], targets };
    const key = JSON.stringify(reduced);
    if (!outer.has(key)) transitions.set(key, reduced);
  }
  const known = new Set([...outer, ...transitions.keys()]);
  return {
    ...state,
    entry: essentialsOf(entry),
    exit: essentialsOf(exit),
    ...like ? { like, initial: undefined } : {},
    states: like ? [] : states.map((state) => fold(state, folds, known)),
    transitions: [...transitions.values()],
  };
}

/** The transitions that leave a state, from itself or from inside. */
function leaving({ states, transitions }: ChartState, id: string): ChartTransition[] {
  return [...transitions, ...states.flatMap((state) => leaving(state, id))]
    .filter(({ targets }) => !targets.some((target) => `${target}.`.startsWith(`${id}.`)));
}

/** The state itself, or the folded state that contains it. */
function shownState(target: string, folds: ReadonlyMap<string, string>): string {
  return [...folds.keys()].find((id) => target.startsWith(`${id}.`)) ?? target;
}

function essentialsOf(actions: readonly ChartAction[]): ChartAction[] {
  return actions.filter(({ assigns }) => !assigns).map((action) => ({ ...action, parameters: [] }));
}
