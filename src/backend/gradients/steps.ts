/**
 * Operations that make integers or booleans of floats: comparisons, casts, positions of extremes.
 *
 * Their slope is 0 everywhere, so they are no part of the tape. That is cheaper than slopes of
 * zeros, and exact where zeros would meet an infinite slope.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { engineOf, type TapeNode } from "./engine.ts";

/** Such an operation: ids of its tensors, and of the tape's next node when it ran. */
interface Step {
  next: number;
  inputs: number[];
  outputs: number[];
}

/** The steps beside each tape. */
const stepsOf = new WeakMap<TapeNode[], Step[]>();

/** Whether an operation is a step. */
export function isStep(inputs: tf.Tensor[], outputs: tf.Tensor[]): boolean {
  return !hasSlope(outputs) && hasSlope(inputs);
}

function hasSlope(tensors: tf.Tensor[]): boolean {
  return tensors.some(({ dtype }) => dtype === "float32" || dtype === "complex64");
}

/** Notes a step beside the tape. */
export function noteStep(inputs: tf.Tensor[], outputs: tf.Tensor[]): void {
  const { activeTape, nextTapeNodeId } = engineOf().state;
  if (!stepsOf.has(activeTape)) stepsOf.set(activeTape, []);
  stepsOf.get(activeTape)!.push({
    next: nextTapeNodeId,
    inputs: inputs.map(({ id }) => id),
    outputs: outputs.map(({ id }) => id),
  });
}

/**
 * Connects a result with the inputs that it depends on in steps only, as in
 * `x.greater(0).toFloat()`: there the slope is 0, where tfjs would find no connection.
 */
export function connectSteps(xs: tf.Tensor[], y: tf.Tensor): void {
  const { state } = engineOf();
  const tape = state.activeTape, steps = stepsOf.get(tape);
  if (!steps) return;
  const smooth = idsBefore(y, tape, []);
  const missing = xs.filter(({ id }) => !smooth.has(id));
  if (missing.length === 0) return;
  const all = idsBefore(y, tape, steps);
  const connected = missing.filter(({ id }) => all.has(id));
  if (connected.length === 0) return;
  const inputs = Object.fromEntries(connected.map((x, i) => [i, x]));
  const slopes = connected.map((x, i) => [i, () => tf.zeros(x.shape)]);
  tape.push({
    id: state.nextTapeNodeId++,
    kernelName: "Step",
    inputs,
    outputs: [y],
    saved: [],
    gradient: () => Object.fromEntries(slopes),
  });
}

/** The ids of the tensors that `y` depends on, through the tape and the steps beside it. */
function idsBefore(y: tf.Tensor, tape: TapeNode[], steps: Step[]): Set<number> {
  const ids = new Set([y.id]);
  const left = [...steps];
  /** Follows the steps that ran after a node. */
  const followSteps = (node: number) => {
    while (left.length > 0 && left.at(-1)!.next > node) {
      const { inputs, outputs } = left.pop()!;
      if (outputs.some((id) => ids.has(id))) inputs.forEach((id) => ids.add(id));
    }
  };
  for (const { id, inputs, outputs } of tape.toReversed()) {
    followSteps(id);
    if (!outputs.some(({ id }) => ids.has(id))) continue;
    for (const name in inputs) ids.add(inputs[name].id);
  }
  followSteps(-1);
  return ids;
}
