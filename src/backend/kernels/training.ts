/**
 * Kernels of training alone: updates of a variable in one pass, a loss with its gradient, and masks of
 * dropout.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { areFloats, type Inputs, type Kernel, type KernelTable, sizeOf } from "./kernel.ts";

type Numbers = Record<string, number>;

/**
 * An update of one variable. A tensor that shares its elements with no other is written in place and
 * returned; otherwise the result is a new tensor. Our optimizers call this without the engine.
 */
function update(
  slotNames: string[],
  call: (heap: KernelHeap, from: number[], to: number[], size: number, a: Numbers) => void,
): Kernel {
  return function updateVariable(heap: KernelHeap, inputs: Inputs, attributes: Numbers) {
    const { value, gradient } = inputs;
    if (!areFloats(value, gradient)) {
      throw new TypeError(
        "Cannot update a variable as it and its gradient must be float32: " +
          `they are ${value.dtype} and ${gradient.dtype}`,
      );
    }
    // At each step for each variable, so not by maps.
    const results: tf.TensorInfo[] = [];
    const from: number[] = [], to: number[] = [];
    const add = (tensor: tf.TensorInfo) => {
      const address = heap.at(tensor);
      const result = heap.isSole(tensor) ? tensor : heap.output(tensor.shape);
      results.push(result);
      from.push(address);
      to.push(result === tensor ? address : heap.at(result));
    };
    add(value);
    from.push(heap.at(gradient));
    for (const name of slotNames) if (inputs[name] !== undefined) add(inputs[name]);
    call(heap, from, to, sizeOf(value.shape), attributes);
    return results;
  };
}

const adam = update(["m", "v"], (heap, from, to, size, a) => {
  const numbers = [a.learningRate, a.beta1, a.beta2, a.epsilon, a.correction1, a.correction2];
  const args = [...from, ...to, 0, size, ...numbers, a.weightDecay, a.decoupled, heap.scratch()];
  heap.run("adam", args, { argument: 7, multiple: 4, work: size * 8 });
});

const sgd = update(
  ["momentum"],
  (heap, [value, gradient, slot = 0], [to, newSlot = 0], size, a) => {
    const numbers = [a.learningRate, a.momentum, a.nesterov, a.weightDecay];
    const args = [value, gradient, slot, to, newSlot, 0, size, ...numbers, heap.scratch()];
    heap.run("sgd", args, { argument: 5, multiple: 4, work: size * 4 });
  },
);

const rmsprop = update(
  ["square", "momentum"],
  (heap, [value, gradient, square, slot = 0], [to, newSquare, newSlot = 0], size, a) => {
    const numbers = [a.learningRate, a.decay, a.momentum, a.epsilon, a.weightDecay];
    const args = [
      value,
      gradient,
      square,
      slot,
      to,
      newSquare,
      newSlot,
      0,
      size,
      ...numbers,
      heap.scratch(),
    ];
    heap.run("rmsprop", args, { argument: 7, multiple: 4, work: size * 8 });
  },
);

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

/** The kernels of our optimizers and losses. */
export const TRAINING_KERNELS: KernelTable = {
  TrainchartAdam: adam,
  TrainchartSgd: sgd,
  TrainchartRmsprop: rmsprop,
  TrainchartCrossEntropy: crossEntropy,
};

interface Attributes {
  shape: number[];
  /** The share of the elements that are kept, in (0, 1). */
  kept: number;
  seed?: number | string;
}

/** Factors: 0, or the inverse of the share that is kept. */
function dropoutMask(heap: KernelHeap, _: Inputs, { shape, kept, seed }: Attributes) {
  // Like tfjs, it draws one number for all elements, unless it is given a seed.
  const state = aleaState(String(seed ?? Math.random()));
  const mask = heap.output(shape);
  heap.run("dropoutMask", [heap.at(mask), sizeOf(shape), kept, ...state]);
  return mask;
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

/** The kernels of dropout. */
export const DROPOUT_KERNELS: KernelTable = {
  TrainchartDropoutMask: dropoutMask,
};
