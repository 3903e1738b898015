/**
 * Kernels of training alone: updates of a variable in one pass, losses with their gradients, and random
 * numbers.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import { type FunctionName, numberOf } from "../kernel_constants.ts";
import { type KernelHeap, WORTHWHILE } from "../kernel_heap.ts";
import { type Inputs, type Kernel, type KernelTable, sizeOf } from "./kernel.ts";

/** The rule by which an optimizer updates a variable. */
interface UpdateRule {
  /** The kernel of one variable; that of many has the same name and "All". */
  readonly kernel: string;
  /** Largest number of slots of a variable. */
  readonly slots: number;
  /** Multiply-adds for an element. */
  readonly work: number;
  /** The numbers that the kernels are given, in their order. */
  numbers(attributes: Record<string, number>): number[];
}

/**
 * Multiply-adds from which threads share an update where a native library makes the gradients: below,
 * they are in the caches of the main thread's processor.
 */
const LARGE = 2 ** 24;

/**
 * An update of variables. The inputs are a list: of each variable the value, the gradient and the slots,
 * `tensors` in all. The results are, of each variable, the new value and the new slots: a tensor that
 * shares its elements with no other is written in place and returned, otherwise there is a new one.
 *
 * All variables are one call, except for large ones, which threads share. Our optimizers call this
 * without the engine.
 */
function update({ kernel, slots, work, numbers }: UpdateRule): Kernel {
  return function updateVariables(heap, inputs, attributes: Record<string, number>) {
    const list = inputs as unknown as tf.TensorInfo[];
    const { tensors } = attributes;
    // At each step for each variable: neither maps nor spreads, each tensor is looked up once, and no
    // array grows.
    const width = 2 * slots + 4, count = list.length / tensors;
    const results = new Array<tf.TensorInfo>(count * (tensors - 1));
    const table = new Array<number>(count * width).fill(0), large: number[][] = [];
    const { dataIdMap } = heap.backend;
    const least = !heap.threads ? Infinity : heap.native ? LARGE : WORTHWHILE;
    let first = 0, result = 0;
    for (let at = 0; at < list.length; at += tensors) {
      const value = list[at], gradient = list[at + 1];
      checkFloats(value, gradient);
      const size = sizeOf(value.shape), news = first + slots + 2;
      table[first + 1] = heap.at(gradient);
      for (let i = 0; i < tensors; i++) {
        if (i === 1) continue;
        const tensor = list[at + i];
        const { memoryOffset, refCount } = dataIdMap.get(tensor.dataId);
        const own = refCount === 1 ? tensor : heap.output(tensor.shape);
        results[result++] = own;
        table[first + i] = memoryOffset;
        table[news + (i && i - 1)] = own === tensor ? memoryOffset : heap.at(own);
      }
      table[first + width - 1] = size;
      // Threads share a large one: its row is taken out of the table.
      if (size * work >= least) large.push(table.splice(first, width));
      else first += width;
    }
    const last = [...numbers(attributes), heap.scratch()];
    if (table.length > 0) {
      heap.run(`${kernel}All`, [heap.table(table), table.length / width, ...last]);
    }
    for (const row of large) {
      const argument = row.length - 1, size = row[argument];
      row.splice(argument, 0, 0);
      heap.run(kernel, [...row, ...last], { argument, multiple: 4, work: size * work });
    }
    return results;
  };
}

function checkFloats(value: tf.TensorInfo, gradient: tf.TensorInfo): void {
  if (value.dtype === "float32" && gradient.dtype === "float32") return;
  throw new TypeError(
    "Cannot update a variable as it and its gradient must be float32: " +
      `they are ${value.dtype} and ${gradient.dtype}`,
  );
}

const adam = update({
  kernel: "adam",
  slots: 2,
  work: 8,
  numbers: (a) => [
    ...[a.learningRate, a.beta1, a.beta2, a.epsilon, a.correction1, a.correction2],
    ...[a.weightDecay, a.decoupled],
  ],
});

const sgd = update({
  kernel: "sgd",
  slots: 1,
  work: 4,
  numbers: (a) => [a.learningRate, a.momentum, a.nesterov, a.weightDecay],
});

const rmsprop = update({
  kernel: "rmsprop",
  slots: 2,
  work: 8,
  numbers: (a) => [a.learningRate, a.decay, a.momentum, a.epsilon, a.weightDecay],
});

const stockUpdate = update({
  kernel: "stockUpdate",
  slots: 3,
  work: 8,
  numbers: ({ rule, a, b = 0, c = 0, d = 0, e = 0 }) => [rule, a, b, c, d, e],
});

/** Clips a list of gradients, all in one call; the results are new. */
function clip(heap: KernelHeap, inputs: Inputs, { value, norm }: { value: number; norm: number }) {
  const list = inputs as unknown as tf.TensorInfo[];
  const results = list.map(({ shape }) => heap.output(shape));
  const table = list.flatMap((tensor, i) => [
    ...[heap.at(tensor), heap.at(results[i]), sizeOf(tensor.shape)],
  ]);
  const addresses = list.flatMap((_, i) => [3 * i, 3 * i + 1]);
  heap.run("clip", [heap.table(table, addresses), list.length, value, norm]);
  return results;
}

/** The loss, `[]`, and its gradient, `[rows, classes]`. */
function crossEntropy(
  heap: KernelHeap,
  { logits, labels, weights }: Inputs,
  { labelSmoothing }: { labelSmoothing: number },
) {
  const [rows, classes] = logits.shape;
  const loss = heap.output([]), gradient = heap.output(logits.shape);
  const dense = Number(labels.shape.length === 2);
  heap.run("crossEntropy", [
    ...[heap.at(logits), heap.at(labels), dense, rows, classes, labelSmoothing],
    ...[weights ? heap.at(weights) : 0, heap.at(gradient), heap.at(loss)],
  ]);
  return [loss, gradient];
}

/** The attributes of losses of elements. */
export interface ElementLossAttributes {
  f: FunctionName<"loss_functions">;
  /** Delta, epsilon, or the weight of labels of 1. */
  p: number;
}

/** The losses of predictions, element by element. */
function elementLoss(heap: KernelHeap, { x, labels }: Inputs, { f, p }: ElementLossAttributes) {
  const result = heap.output(x.shape), size = sizeOf(x.shape);
  const addresses = [x, labels, result].map((tensor) => heap.at(tensor));
  const args = [numberOf("loss_functions", f), ...addresses, 0, size, p, heap.scratch()];
  heap.run("elementLoss", args, { argument: 4, multiple: 4, work: size * 16 });
  return result;
}

/** The gradients of those losses by the predictions, times `dy`. */
function elementLossSlope(
  heap: KernelHeap,
  { dy, x, labels }: Inputs,
  { f, p }: ElementLossAttributes,
) {
  const result = heap.output(x.shape), size = sizeOf(x.shape);
  const addresses = [dy, x, labels, result].map((tensor) => heap.at(tensor));
  const args = [numberOf("loss_functions", f), ...addresses, 0, size, p, heap.scratch()];
  heap.run("elementLossSlope", args, { argument: 5, multiple: 4, work: size * 16 });
  return result;
}

/** The kernels of our optimizers and losses. */
export const TRAINING_KERNELS: KernelTable = {
  TrainchartElementLoss: elementLoss,
  TrainchartElementLossSlope: elementLossSlope,
  TrainchartAdam: adam,
  TrainchartClip: clip,
  TrainchartSgd: sgd,
  TrainchartRmsprop: rmsprop,
  TrainchartStockUpdate: stockUpdate,
  TrainchartCrossEntropy: crossEntropy,
};

interface Attributes {
  shape: number[];
  /** The share of the elements that are kept, in (0, 1). */
  kept: number;
  seed?: number | string;
}

/** The state of the generator. Like tfjs, it draws one number for all elements, unless it is given a seed. */
function stateOf(seed: number | string | undefined): number[] {
  return aleaState(String(seed ?? Math.random()));
}

/** Factors: 0, or the inverse of the share that is kept. */
function dropoutMask(heap: KernelHeap, _: Inputs, { shape, kept, seed }: Attributes) {
  const state = stateOf(seed);
  const mask = heap.output(shape);
  heap.run("dropoutMask", [heap.at(mask), sizeOf(shape), kept, ...state]);
  return mask;
}

/** Attributes of random numbers. */
export interface RandomAttributes {
  shape: number[];
  dtype: "float32" | "int32";
  seed?: number | string;
  /** The smallest number and the width of their range, or mean and standard deviation. */
  p: number;
  q: number;
  /** Number of standard deviations beyond which normal numbers are drawn again. */
  limit?: number;
}

function uniform(heap: KernelHeap, _: Inputs, { shape, dtype, seed, p, q }: RandomAttributes) {
  const state = stateOf(seed);
  const result = heap.output(shape, dtype), isInteger = Number(dtype === "int32");
  heap.run("uniformNumbers", [heap.at(result), sizeOf(shape), isInteger, p, q, ...state]);
  return result;
}

function normal(
  heap: KernelHeap,
  _: Inputs,
  { shape, seed, p, q, limit = Infinity }: RandomAttributes,
) {
  // tfjs takes a seed of 0 for none.
  const state = stateOf(seed || undefined);
  const result = heap.output(shape);
  heap.run("normalNumbers", [heap.at(result), sizeOf(shape), p, q, limit, ...state]);
  return result;
}

/** The first three numbers of the generator Alea, times 2 ** 32. */
function aleaState(seed: string): number[] {
  const hash = mash();
  const numbers = [0, 1, 2].map(() => hash(" "));
  return numbers.map((number) => (number - hash(seed)) | 0);
}

/** Baagøe's hash function Mash, whose state is changed by each text. */
function mash(): (text: string) => number {
  let n = 0xefc8249d;
  return (text) => {
    for (let i = 0; i < text.length; i++) {
      n += text.charCodeAt(i);
      let h = 0.02519603282416938 * n;
      n = h >>> 0;
      h -= n;
      h *= n;
      n = h >>> 0;
      h -= n;
      n += h * 2 ** 32;
    }
    return n >>> 0;
  };
}

/** The kernels of random numbers. */
export const RANDOM_KERNELS: KernelTable = {
  TrainchartDropoutMask: dropoutMask,
  TrainchartNormal: normal,
  TrainchartUniform: uniform,
};
