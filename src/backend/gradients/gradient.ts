/**
 * The language in which gradients are written.
 *
 * The rules of every gradient here: its results are float32; each of them is a tensor of its own,
 * as tfjs disposes them one by one; and it is made of operations that have gradients themselves, at
 * least while a tape records it (see {@linkcode isRecorded}).
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import {
  aliasOf,
  type Attributes,
  engineOf,
  type Gradients,
  kernelOf,
  type Scope,
} from "./engine.ts";

export type { Attributes, Gradients } from "./engine.ts";

/** The tensors that an operation keeps for its gradient: inputs by name, then results by position. */
export interface Saved {
  /** Names of inputs, or all of those of an operation with a list of inputs. */
  inputs?: string[] | "all";
  /** Which of the results. */
  results?: boolean[];
}

/** Registers the gradient of an operation with one result, in place of tfjs's. */
export function registerGradient(
  kernelName: string,
  { inputs = [], results = [] }: Saved,
  gradient: (dy: tf.Tensor, saved: tf.Tensor[], attributes: Attributes) => Gradients,
): void {
  tf.registerGradient({
    kernelName,
    ...inputs === "all" ? { saveAllInputs: true } : { inputsToSave: inputs },
    outputsToSave: results,
    gradFunc: gradient as Parameters<typeof tf.registerGradient>[0]["gradFunc"],
  });
}

/** Registers the gradient of an operation with several results. */
export function registerGradients(
  kernelName: string,
  saved: Saved,
  gradient: (dys: tf.Tensor[], saved: tf.Tensor[], attributes: Attributes) => Gradients,
): void {
  registerGradient(kernelName, saved, gradient as never);
}

/**
 * Whether nothing depends on a result of an operation: its gradient is zeros, which are made when
 * it is read.
 */
export function isMissing(dys: tf.Tensor[], index: number): boolean {
  return Object.getOwnPropertyDescriptor(dys, index)?.get !== undefined;
}

/** Whether the current backend has a kernel. */
export function hasKernel(name: string): boolean {
  return kernelOf(name) !== undefined;
}

/** Runs a kernel that has one result. */
export function run(
  name: string,
  inputs: tf.NamedTensorMap,
  attributes: Attributes = {},
): tf.Tensor {
  return tf.engine().runKernel(name, inputs, attributes);
}

/** Runs a kernel that has several results. */
export function runAll(
  name: string,
  inputs: tf.NamedTensorMap,
  attributes: Attributes = {},
): tf.Tensor[] {
  return tf.engine().runKernel(name, inputs, attributes) as unknown as tf.Tensor[];
}

/** Whether what is computed now may be differentiated: a gradient within a gradient. */
export function isRecorded(): boolean {
  return tf.engine().state.gradientDepth > 0;
}

/** Computes what has the gradient 0 by everything: it is no part of the tape. */
export function unrecorded<T>(compute: () => T): T {
  const { state } = engineOf();
  state.kernelDepth++;
  try {
    return compute();
  } finally {
    state.kernelDepth--;
  }
}

/** `x` as float32; itself if it is. */
export function toFloat(x: tf.Tensor): tf.Tensor {
  return x.dtype === "float32" ? x : x.toFloat();
}

/** The gradient of an input that a result does not depend on smoothly. */
export function flat(x: tf.Tensor): tf.Tensor {
  return x.dtype === "float32" ? tf.zerosLike(x) : tf.zeros(x.shape);
}

/** The axes along which a tensor of one shape was broadcast to another shape. */
export function broadcastAxes(shape: number[], whole: number[]): number[] {
  const added = whole.length - shape.length;
  // tfjs's list leaves out axes that are empty.
  return [...whole.keys()].filter((axis) =>
    axis < added || (shape[axis - added] === 1 && whole[axis] !== 1)
  );
}

/** The sum over the axes along which `shape` was broadcast; a tensor of its own. */
export function unbroadcast(x: tf.Tensor, shape: number[]): tf.Tensor {
  const axes = broadcastAxes(shape, x.shape);
  return reshaped(axes.length > 0 ? x.sum(axes) : x, shape);
}

/** `x` under another shape of the same size; a tensor of its own, and an operation only on a tape. */
export function reshaped(x: tf.Tensor, shape: number[]): tf.Tensor {
  return isRecorded() ? x.reshape(shape) : aliasOf(engineOf(), x, shape);
}

/** Whether axes are one after the other. */
export function areNeighbours(axes: number[]): boolean {
  return axes.length > 0 && axes.every((axis, i) => axis === axes[0] + i);
}

/** `x` with axes of size one in place of those that a reduction removed. */
export function keepAxes(x: tf.Tensor, axes: number[], shape: number[]): tf.Tensor {
  return reshaped(x, shape.map((size, axis) => axes.includes(axis) ? 1 : size));
}

/** The current scope. */
export function scopeOf(): Scope {
  return engineOf().state.activeScope;
}

/** Lets a tensor of the current scope live as long as another scope, around this one. */
export function keepOutside(outer: Scope, tensor: tf.Tensor): tf.Tensor {
  const inner = scopeOf();
  const at = inner.track.lastIndexOf(tensor);
  if (inner !== outer && at >= 0) {
    inner.track.splice(at, 1);
    outer.track.push(tensor);
    (tensor as unknown as { scopeId: number }).scopeId = outer.id;
  }
  return tensor;
}

/**
 * Computes when first asked, and then returns the same tensor: for a part that the gradients of
 * several inputs share. Call it in the body of a gradient; the tensor lives as long as its results.
 */
export function once(compute: () => tf.Tensor): () => tf.Tensor {
  const outer = scopeOf();
  let value: tf.Tensor | undefined;
  return () => value ??= keepOutside(outer, tf.tidy(compute));
}

/**
 * The gradients of a function of tensors: the gradient of an operation that other operations can
 * compute, too.
 */
export function pullBack(
  compute: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: tf.Tensor[],
  dy: tf.Tensor,
): tf.Tensor[] {
  const engine = tf.engine();
  const state = engine.state as unknown as { activeTape: unknown };
  // Outside any other gradient, tfjs ends its only tape, although one is just being followed.
  const tape = state.activeTape;
  try {
    return engine.gradients(() => compute(...inputs), inputs, dy).grads;
  } finally {
    state.activeTape = tape;
  }
}
