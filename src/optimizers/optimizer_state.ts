/**
 * The state of an optimizer, by variable name. The optimizers of TensorFlow.js are read field by
 * field: their own `getWeights()` omits the powers of beta, so that a resumed Adam would differ.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { disposeTensors } from "../tensors/nested_tensors.ts";
import { isOneCall } from "../backend/fuse_optimizers.ts";
import { canUpdateFrom, SlotOptimizer, updateFrom, variableOf } from "./slot_optimizer.ts";

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

/**
 * The names of the weights that each optimizer of TensorFlow.js has seen. These optimizers keep their
 * slots by position: a frozen weight has to leave a gap, and a thawed one has to come last.
 */
const ORDERS = new WeakMap<tf.Optimizer, Set<string>>();

/** Updates weights by their gradients, which are given by the names of the weights. */
export function applyGradients(optimizer: tf.Optimizer, gradients: tf.NamedTensorMap): void {
  if (optimizer instanceof SlotOptimizer) return optimizer.applyGradients(gradients);
  applyInOrder(optimizer, new Map(Object.entries(gradients)));
}

function applyInOrder(
  optimizer: tf.Optimizer,
  gradients: ReadonlyMap<string, tf.Tensor | tf.TensorInfo>,
): void {
  let order = ORDERS.get(optimizer);
  if (!order) ORDERS.set(optimizer, order = new Set());
  for (const [name, gradient] of gradients) {
    if (gradient) variableOf(name, gradient);
    order.add(name);
  }
  const list = Array.from(order, (name) => ({ name, tensor: gradients.get(name) ?? null }));
  optimizer.applyGradients(list as { name: string; tensor: tf.Tensor }[]);
}

/** Gradients that are no tensors: the elements of each, by the name of its weight. */
export type GradientMemory = ReadonlyMap<string, tf.TensorInfo>;

/** An optimizer that is made of others. */
interface JointOptimizer {
  /** Updates weights by gradients that are no tensors; returns whether it could. */
  applyMemory?(gradients: GradientMemory): boolean;
}

/** Whether an optimizer can update weights by gradients that are no tensors. */
export function takesMemory(optimizer: tf.Optimizer): boolean {
  return canUpdateFrom(optimizer) || isOneCall(optimizer);
}

/** Updates weights by gradients that are no tensors; returns whether it could. */
export function applyMemory(optimizer: tf.Optimizer, gradients: GradientMemory): boolean {
  const joint = optimizer as JointOptimizer;
  if (joint.applyMemory) return joint.applyMemory(gradients);
  if (!takesMemory(optimizer)) return false;
  if (optimizer instanceof SlotOptimizer) updateFrom(optimizer, gradients);
  else applyInOrder(optimizer, gradients);
  return true;
}

/** Returns the name of the weight of a slot of an optimizer of TensorFlow.js: `"dense/kernel/m"`. */
export function weightOfSlot(name: string): string {
  return name.slice(0, name.lastIndexOf("/"));
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
      ORDERS.set(optimizer, new Set(saved.map(([name]) => weightOfSlot(rename(name)))));
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

interface WithLearningRate {
  learningRate?: number;
  setLearningRate?(rate: number): void;
}

/**
 * The learning rate of any optimizer, including those of TensorFlow.js.
 *
 * @throws {TypeError} If the optimizer has none.
 */
export function learningRateOf(optimizer: tf.Optimizer): number {
  const { learningRate } = optimizer as unknown as WithLearningRate;
  if (typeof learningRate === "number") return learningRate;
  throw new TypeError(
    `Cannot read the learning rate: ${optimizer.getClassName()} has no learningRate`,
  );
}

/**
 * Sets the learning rate of any optimizer, also where the optimizer keeps a tensor made of it.
 *
 * @throws {TypeError} If the optimizer has none.
 */
export function setLearningRate(optimizer: tf.Optimizer, rate: number): void {
  learningRateOf(optimizer);
  const settable = optimizer as unknown as WithLearningRate;
  if (settable.setLearningRate) settable.setLearningRate(rate);
  else settable.learningRate = rate;
}

/** The fields in which optimizers, including those of TensorFlow.js, keep their momentum. */
interface WithMomentum {
  momentum?: number;
  beta1?: number;
  setMomentum?(momentum: number): void;
}

/** Whether an optimizer has a momentum; for Adam, `beta1`. */
export function hasMomentum(optimizer: tf.Optimizer): boolean {
  const { momentum, beta1 } = optimizer as unknown as WithMomentum;
  return typeof (momentum ?? beta1) === "number";
}

/**
 * The momentum of an optimizer; for Adam, `beta1`.
 *
 * @throws {TypeError} If the optimizer has none.
 */
export function momentumOf(optimizer: tf.Optimizer): number {
  const { momentum, beta1 } = optimizer as unknown as WithMomentum;
  const found = momentum ?? beta1;
  if (typeof found === "number") return found;
  throw new TypeError(
    `Cannot schedule the momentum: ${optimizer.getClassName()} was made without momentum`,
  );
}

/** Sets the momentum of an optimizer, also where it keeps a tensor made of it; for Adam, `beta1`. */
export function setMomentum(optimizer: tf.Optimizer, momentum: number): void {
  const settable = optimizer as unknown as WithMomentum;
  if (settable.setMomentum) settable.setMomentum(momentum);
  else if (settable.momentum === undefined) settable.beta1 = momentum;
  else settable.momentum = momentum;
}
