/**
 * A machine as plain data to be drawn: what is in what, what leads where, and what it is called.
 *
 * @module
 */

/** What is done on the way. */
export interface ChartAction {
  readonly name: string;
  /** What it is given, flat: `["batch", "epoch"]`. */
  readonly given: readonly string[];
  /** Whether all that it does is to change what the machine remembers. */
  readonly assigns: boolean;
}

/** A state of a machine. */
export interface ChartState {
  /** Names it among all: the names on the way to it, joined by dots, `"learner.train.epoch"`. */
  readonly id: string;
  /** Its own name. */
  readonly key: string;
  readonly kind: "atomic" | "compound" | "parallel" | "final" | "history";
  readonly entry: readonly ChartAction[];
  readonly exit: readonly ChartAction[];
  /** The names of the actors that it runs. */
  readonly invokes: readonly string[];
  /** The id of the state inside that is entered first. */
  readonly initial?: string;
  /** The name of the state that it is built like, where it is folded. */
  readonly like?: string;
  /** What is inside it. */
  readonly states: readonly ChartState[];
  /** What leads out of it, or is done inside it. */
  readonly transitions: readonly ChartTransition[];
}

/** What happens in a state on an event. */
export interface ChartTransition {
  /** The event; `"done"`, `"after 5 s"` and the like for what the machine sends itself. */
  readonly event: string;
  /** The name of the guard, if there is one. */
  readonly guard?: string;
  readonly actions: readonly ChartAction[];
  /** The ids of the states that it leads to; none where the machine stays where it is. */
  readonly targets: readonly string[];
}

/** What is read of XState's own nodes: they are the same for every machine of version 5. */
interface StateNode {
  key: string;
  path: string[];
  machine: { id: string; implementations: { actions: Record<string, unknown> } };
  type: ChartState["kind"];
  config: { entry?: unknown; exit?: unknown };
  invoke: { id: string; src: unknown }[];
  initial?: { target?: StateNode[] };
  states: Record<string, StateNode>;
  transitions: Map<string, Transition[]>;
  always?: Transition[];
}

interface Transition {
  eventType: string;
  guard?: unknown;
  actions: unknown[];
  target?: StateNode[];
}

/**
 * Reads a machine.
 *
 * @throws {TypeError} If it is not a machine of XState, version 5.
 */
export function chartGraph(machine: unknown): ChartState {
  const root = (machine as { root?: StateNode } | null | undefined)?.root;
  if (typeof root?.states === "object" && root.transitions instanceof Map) return stateOf(root);
  throw new TypeError(
    `Cannot draw a chart as the machine must be one of XState 5: current value is ${machine}`,
  );
}

function stateOf(node: StateNode): ChartState {
  const transitions = [...node.transitions.values()].flat().concat(node.always ?? []);
  const first = node.initial?.target?.[0];
  return {
    id: idOf(node),
    key: node.path.length > 0 ? node.key : node.machine.id,
    kind: node.type,
    entry: actionsOf(node, node.config.entry),
    exit: actionsOf(node, node.config.exit),
    invokes: node.invoke.map(({ id, src }) => typeof src === "string" ? src : id),
    ...first ? { initial: idOf(first) } : {},
    states: Object.values(node.states).map(stateOf),
    transitions: transitions.map(({ eventType, guard, actions, target = [] }) => ({
      event: eventName(eventType),
      ...guard ? { guard: guardOf(guard) } : {},
      actions: actionsOf(node, actions),
      targets: target.map(idOf),
    })),
  };
}

function idOf({ machine, path }: StateNode): string {
  return [machine.id, ...path].join(".");
}

function actionsOf({ machine }: StateNode, actions: unknown = []): ChartAction[] {
  return (Array.isArray(actions) ? actions : [actions]).map((action) => {
    const { name, given } = named(action);
    const does = machine.implementations.actions[name] ?? action;
    return { name, given, assigns: (does as { type?: string }).type === "xstate.assign" };
  });
}

/** What an action or a guard is called: by name, in an object, or as the function that it is. */
function named(it: unknown): { name: string; given: string[] } {
  if (typeof it === "string") return { name: it, given: [] };
  const { type, name, params, guards } = it as {
    type?: string;
    name?: string;
    params?: unknown;
    guards?: unknown[];
  };
  return {
    name: (type ?? name ?? "").replace(/^xstate\./, "") || "inline",
    given: guards ? guards.map(guardOf) : typeof params === "object" ? leaves(params) : [],
  };
}

function guardOf(guard: unknown): string {
  const { name, given } = named(guard);
  return given.length > 0 ? `${name}(${given.join(", ")})` : name;
}

function leaves(params: unknown): string[] {
  if (typeof params !== "object" || params === null) return [String(params)];
  return Object.values(params).flatMap(leaves);
}

/** What XState's own events mean. */
function eventName(type: string): string {
  if (type === "") return "always";
  if (type === "*") return "any event";
  if (!type.startsWith("xstate.")) return type;
  const [, kind, detail, ...rest] = type.split(".");
  if (kind === "after") return Number(detail) >= 0 ? `after ${detail} ms` : `after ${detail}`;
  if (kind === "done") return detail === "actor" ? `done: ${rest.join(".")}` : "done";
  if (kind === "error") return `error: ${rest.join(".")}`;
  return kind;
}
