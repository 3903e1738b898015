/**
 * The parts of tfjs's engine that this folder changes, which are private for TypeScript.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import type { Attributes, Gradients } from "./gradient.ts";

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

/** The engine. */
export interface Engine {
  state: {
    activeTape: TapeNode[];
    gradientDepth: number;
    kernelDepth: number;
    nextTapeNodeId: number;
    scopeStack: { name: string }[];
  };
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
