/**
 * Masks of dropout.
 *
 * @module
 */
import type { KernelHeap } from "../kernel_heap.ts";
import { type Inputs, type KernelTable, sizeOf } from "./kernel.ts";

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
