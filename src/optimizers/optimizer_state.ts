/**
 * The state of an optimizer, by variable name. The optimizers of TensorFlow.js are read field by
 * field: their own `getWeights()` omits the powers of beta, so that a resumed Adam would differ.
 *
 * @module
 */
import { setMomentum } from "./momentum.ts";
import { tf } from "../deps/tfjs.ts";
import { disposeTensors } from "../tensors/nested_tensors.ts";
import { SlotOptimizer } from "./slot_optimizer.ts";

/** A slot of a variable in an optimizer of TensorFlow.js. */
interface StockSlot {
  originalName: string;
  variable: tf.Variable;
}

/** The state of an optimizer: slots by name, or for TensorFlow.js by field. */
export interface OptimizerState {
  /** The slots of a `SlotOptimizer`. */
  readonly slots?: tf.NamedTensorMap;
  /** The fields of an optimizer of TensorFlow.js that are variables, or lists of slots. */
  readonly fields?: Record<string, tf.Tensor | [name: string, tensor: tf.Tensor][]>;
  /** Number of updates so far. */
  readonly iterations: number;
  /** The current momentum, which schedules change; `undefined` without momentum. */
  readonly momentum?: number;
}

/** Reads the state. The caller disposes the tensors in `slots`, not those in `fields`. */
export function readOptimizer(optimizer: tf.Optimizer): OptimizerState {
  const { iterations } = optimizer;
  const { momentum: own, beta1 } = optimizer as { momentum?: number; beta1?: number };
  const momentum = own ?? beta1;
  if (optimizer instanceof SlotOptimizer) return { slots: optimizer.state(), iterations, momentum };
  const fields: Record<string, tf.Tensor | [string, tf.Tensor][]> = {};
  for (const [field, value] of Object.entries(optimizer)) {
    if (value instanceof tf.Variable) fields[field] = value;
    else if (isSlots(value)) {
      fields[field] = value.filter(Boolean).map((slot) => [slot.originalName, slot.variable]);
    }
  }
  return { fields, iterations, momentum };
}

/**
 * Restores the state. The tensors become the optimizer's, or are disposed.
 *
 * @param optimizer The optimizer.
 * @param state The state.
 * @param rename Converts a name that begins with a variable's name in the checkpoint.
 */
export function restoreOptimizer(
  optimizer: tf.Optimizer,
  { slots, fields, iterations, momentum }: OptimizerState,
  rename: (name: string) => string,
): void {
  if (momentum !== undefined) setMomentum(optimizer, momentum);
  if (optimizer instanceof SlotOptimizer) {
    optimizer.restore(slots ?? {});
    return tf.dispose(slots ?? {});
  }
  const target = optimizer as unknown as Record<string, unknown>;
  target.iterations_ = iterations;
  for (const [field, saved] of Object.entries(fields ?? {})) {
    if (!Object.hasOwn(target, field)) {
      disposeTensors(saved);
      continue;
    }
    const old = target[field];
    if (old instanceof tf.Variable && saved instanceof tf.Tensor) {
      old.assign(saved);
      saved.dispose();
    } else if (Array.isArray(saved)) {
      if (isSlots(old)) old.forEach((slot) => slot?.variable.dispose());
      target[field] = saved.map(([name, tensor]) => {
        const variable = tf.tidy(() => tf.variable(tensor, false));
        tensor.dispose();
        return { originalName: rename(name), variable };
      });
    }
  }
}

function isSlots(value: unknown): value is StockSlot[] {
  return Array.isArray(value) && value.every((slot) => slot?.variable instanceof tf.Variable);
}
