/**
 * The parts of tfjs's engine that this folder changes, which are private for TypeScript.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";

/** The slope of each input, by its name. */
export type Gradients = Record<string, () => tf.Tensor>;

/** The arguments of a kernel beside its tensors. */
// deno-lint-ignore no-explicit-any
export type Attributes = any;

/** One operation on the tape. */
export interface TapeNode {
  id: number;
  kernelName: string;
  inputs: tf.NamedTensorMap;
  outputs: tf.Tensor[];
  gradient?: (dys: (tf.Tensor | null)[]) => Gradients;
  saved: tf.Tensor[];
}

/** A gradient as tfjs calls it. */
export type GradientFunction = (
  dy: tf.Tensor | tf.Tensor[],
  saved: tf.Tensor[],
  attributes: Attributes,
) => Gradients;

/** A function with a gradient of its own, as `tf.customGrad` takes it. */
export type CustomFunction = (...inputs: unknown[]) => { value: tf.Tensor; gradFunc: unknown };

/** A scope: the tensors that it disposes when it ends. */
export interface Scope {
  /** Its number. */
  id: number;
  /** The function that it surrounds. */
  name: string;
  /** The tensors made in it. */
  track: tf.Tensor[];
}

/** The engine. */
export interface Engine {
  state: {
    activeTape: TapeNode[];
    gradientDepth: number;
    kernelDepth: number;
    nextTapeNodeId: number;
    scopeStack: Scope[];
    activeScope: Scope;
  };
  tidy<T>(name: string, work: () => T): T;
  tidy<T>(work: () => T): T;
  endScope(result?: unknown): void;
  track(tensor: tf.Tensor): void;
  startTape(): void;
  endTape(): void;
  addTapeNode(
    kernelName: string,
    inputs: Record<string, tf.Tensor | null | undefined>,
    outputs: tf.Tensor[],
    gradientFunction: GradientFunction | null,
    saved: tf.Tensor[],
    attributes: Attributes,
  ): void;
  runKernel(name: string, inputs: tf.NamedTensorMap, attributes?: Attributes): unknown;
  customGrad(f: CustomFunction): (...inputs: tf.Tensor[]) => tf.Tensor;
  saveTensorsForBackwardMode(tensors: (tf.Tensor | null | undefined)[]): tf.Tensor[];
  gradients(
    f: () => tf.Tensor,
    xs: tf.Tensor[],
    dy?: tf.Tensor,
    allowNoGradients?: boolean,
  ): { value: tf.Tensor; grads: tf.Tensor[] };
}

/** The only engine. */
export function engineOf(): Engine {
  return tf.engine() as unknown as Engine;
}
