/**
 * A machine as plain data for a drawing: nested states, transitions and their names.
 *
 * @module
 */

import { describeValue } from "../checks/check_options.ts";

/** An action of a state or a transition. */
export interface ChartAction {
  readonly name: string;
  /** Its parameters, flat: `["batch", "epoch"]`. */
  readonly parameters: readonly string[];
  /** Whether it only assigns to the context. */
  readonly assigns: boolean;
}

/** A state of a machine. */
export interface ChartState {
  /** Path of the state: `"learner.train.epoch"`. */
  readonly id: string;
  /** Name of the state, the last part of its path. */
  readonly key: string;
  readonly kind: "atomic" | "compound" | "parallel" | "final" | "history";
  readonly entry: readonly ChartAction[];
  readonly exit: readonly ChartAction[];
  /** Names of the actors that it invokes. */
  readonly invokes: readonly string[];
  /** Id of the initial state inside it. */
  readonly initial?: string;
  /** Name of the state with the same structure, if this one is folded. */
  readonly like?: string;
  /** The states inside it. */
  readonly states: readonly ChartState[];
  /** Its transitions, also those without a target. */
  readonly transitions: readonly ChartTransition[];
}

/** A transition of a state on an event. */
export interface ChartTransition {
  /** Name of the event; `"done"`, `"after 100 ms"` and the like for events of XState itself. */
  readonly event: string;
  /** Name of the guard, if there is one. */
  readonly guard?: string;
  readonly actions: readonly ChartAction[];
  /** Ids of the target states; empty if the machine stays where it is. */
  readonly targets: readonly string[];
}

/** The fields of XState's nodes that are read: the same for every machine of version 5. */
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
 * Reads a machine as plain data.
 *
 * @throws {TypeError} If it is not a machine of XState 5.
 */
export function chartGraph(machine: unknown): ChartState {
  const root = (machine as { root?: StateNode } | null | undefined)?.root;
  if (typeof root?.states === "object" && root.transitions instanceof Map) return stateOf(root);
  throw new TypeError(
    `Cannot draw a chart as the machine must be one of XState 5: current value is ${
      describeValue(machine)
    }`,
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
    const { name, parameters } = describe(action);
    const does = machine.implementations.actions[name] ?? action;
    return { name, parameters, assigns: (does as { type?: string }).type === "xstate.assign" };
  });
}

/** Name and parameters of an action or a guard, which is a name, an object or a function. */
function describe(it: unknown): { name: string; parameters: string[] } {
  if (typeof it === "string") return { name: it, parameters: [] };
  const { type, name, params, guards } = it as {
    type?: string;
    name?: string;
    params?: unknown;
    guards?: unknown[];
  };
  return {
    name: (type ?? name ?? "").replace(/^xstate\./, "") || "inline",
    parameters: guards ? guards.map(guardOf) : typeof params === "object" ? leaves(params) : [],
  };
}

function guardOf(guard: unknown): string {
  const { name, parameters } = describe(guard);
  return parameters.length > 0 ? `${name}(${parameters.join(", ")})` : name;
}

function leaves(params: unknown): string[] {
  if (typeof params !== "object" || params === null) return [String(params)];
  return Object.values(params).flatMap(leaves);
}

/** Name of an event; events of XState itself get a readable one. */
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
