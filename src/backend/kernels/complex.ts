/**
 * Complex numbers, pairs of floats, and their Fourier transforms.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import {
  areFloats,
  type Inputs,
  isSameShape,
  type Kernel,
  type KernelTable,
  runWithMemory,
  sizeOf,
} from "./kernel.ts";

function complex(heap: KernelHeap, { real, imag }: Inputs) {
  if (!areFloats(real, imag)) return;
  const result = heap.output(real.shape, "complex64");
  heap.run("joinComplex", [heap.at(real), heap.at(imag), sizeOf(real.shape), 1, heap.at(result)]);
  return result;
}

/** A kernel that takes one part of each complex number, that at an offset in bytes. */
function partAt(offset: number): Kernel {
  return function takePart(heap: KernelHeap, { input }: Inputs) {
    if (input.dtype !== "complex64") return;
    const result = heap.output(input.shape);
    heap.run("partOfComplex", [heap.at(input), sizeOf(input.shape), offset, heap.at(result)]);
    return result;
  };
}

function absolute(heap: KernelHeap, { x }: Inputs) {
  if (x.dtype !== "complex64") return;
  const result = heap.output(x.shape);
  heap.run("absoluteOfComplex", [heap.at(x), sizeOf(x.shape), heap.at(result)]);
  return result;
}

/** The products of two tensors of complex numbers of one shape. */
export function multiplyComplex(heap: KernelHeap, { a, b }: Inputs): tf.TensorInfo | undefined {
  if (a.dtype !== "complex64" || b.dtype !== "complex64" || !isSameShape(a.shape, b.shape)) return;
  const result = heap.output(a.shape, "complex64"), size = sizeOf(a.shape);
  const addresses = [a, b, result].map((tensor) => heap.at(tensor));
  const split = { argument: 3, multiple: 1, work: size * 8 };
  heap.run("multiplyComplexNumbers", [...addresses, 0, size, heap.scratch()], split);
  return result;
}

/** Parts of complex numbers, in doubles. */
interface Parts {
  real: Float64Array;
  imag: Float64Array;
}

const partsOf = (size: number): Parts => ({
  real: new Float64Array(size),
  imag: new Float64Array(size),
});

/** Transforms as many numbers as a power of two in place (Cooley and Tukey, 1965), once for a plan. */
function transformPower({ real, imag }: Parts): void {
  const size = real.length;
  for (let i = 0, j = 0; i < size; i++) {
    if (i < j) {
      [real[i], real[j]] = [real[j], real[i]];
      [imag[i], imag[j]] = [imag[j], imag[i]];
    }
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
  }
  const cosines = Float64Array.from({ length: size >> 1 }, (_, i) => cos(i, size));
  const sines = Float64Array.from({ length: size >> 1 }, (_, i) => sin(i, size));
  for (let half = 1; half < size; half *= 2) {
    const step = size / (2 * half);
    for (let first = 0; first < size; first += 2 * half) {
      for (let k = 0; k < half; k++) {
        const c = cosines[k * step], s = sines[k * step], i = first + k, j = i + half;
        const x = real[j] * c + imag[j] * s, y = imag[j] * c - real[j] * s;
        real[j] = real[i] - x;
        imag[j] = imag[i] - y;
        real[i] += x;
        imag[i] += y;
      }
    }
  }
}

const cos = (i: number, size: number) => Math.cos(2 * Math.PI * i / size);
const sin = (i: number, size: number) => Math.sin(2 * Math.PI * i / size);

/** The parts of a transform of as many numbers as are no power of two. */
interface Plan {
  /** Number of numbers that steps transform: all, or as many as a convolution with a chirp needs. */
  length: number;
  /** The factors of that number, one for each step. */
  factors: number[];
  /** The powers of its root, as pairs of doubles. */
  roots: Float64Array;
  /** The chirp, then the transform of the numbers with which is convolved. */
  chirp?: Float64Array;
}

/** The largest factor of which a step is faster than a convolution. */
const LARGEST = 40;

/** Plans, by size; they hold no more than the size says. */
const PLANS = new Map<number, Plan>();

/** Most plans that are kept. */
const MOST_PLANS = 16;

function factorsOf(size: number): number[] {
  const factors: number[] = [];
  for (let factor = 4, rest = size; rest > 1;) {
    if (rest % factor === 0) {
      factors.push(factor);
      rest /= factor;
    } else factor = factor === 4 ? 2 : factor === 2 ? 3 : factor + 2;
    // The rest is a prime number.
    if (factor > 4 && factor * factor > rest && rest > 1) {
      factors.push(rest);
      break;
    }
  }
  return factors;
}

function planOf(size: number): Plan {
  let plan = PLANS.get(size);
  if (!plan) {
    if (PLANS.size >= MOST_PLANS) PLANS.clear();
    PLANS.set(size, plan = makePlan(size));
  }
  return plan;
}

function makePlan(size: number): Plan {
  const own = factorsOf(size);
  const isDirect = Math.max(...own, 1) <= LARGEST;
  let length = isDirect ? size : 1;
  while (length < size || (!isDirect && length < 2 * size)) length *= 2;
  const roots = new Float64Array(2 * length);
  for (let i = 0; i < length; i++) {
    roots[2 * i] = cos(i, length);
    roots[2 * i + 1] = -sin(i, length);
  }
  if (isDirect) return { length, factors: own, roots };
  const chirp = new Float64Array(2 * (size + length)), kernel = partsOf(length);
  for (let i = 0; i < size; i++) {
    // The square of i modulo 2 n keeps the angles small.
    const square = i * i % (2 * size);
    chirp[2 * i] = cos(square, 2 * size);
    chirp[2 * i + 1] = sin(square, 2 * size);
    for (const at of [i, (length - i) % length]) {
      kernel.real[at] = chirp[2 * i];
      kernel.imag[at] = chirp[2 * i + 1];
    }
  }
  transformPower(kernel);
  for (let i = 0; i < length; i++) {
    chirp[2 * (size + i)] = kernel.real[i] / length;
    chirp[2 * (size + i) + 1] = kernel.imag[i] / length;
  }
  return { length, factors: factorsOf(length), roots, chirp };
}

/** The transforms along the last axis. */
function fourier(isInverse: boolean): Kernel {
  return function transform(heap: KernelHeap, { input }: Inputs) {
    const size = input.shape.at(-1) ?? 0;
    if (input.dtype !== "complex64" || size === 0) return;
    const result = heap.output(input.shape, "complex64");
    const rows = sizeOf(input.shape) / size;
    const isPower = size >= 16 && (size & (size - 1)) === 0;
    (isPower ? transformQuickly : transformAny)(heap, input, result, rows, size, isInverse);
    return result;
  };
}

/** A tensor of doubles. */
function doubles(heap: KernelHeap, values: Float64Array): tf.TensorInfo {
  return heap.outputOf([values.length * 2], "float32", new Float32Array(values.buffer));
}

/** The transforms of rows of any number of numbers. */
function transformAny(
  heap: KernelHeap,
  x: tf.TensorInfo,
  y: tf.TensorInfo,
  rows: number,
  size: number,
  isInverse: boolean,
): void {
  const { length, factors, ...plan } = planOf(size);
  const roots = doubles(heap, plan.roots), chirp = plan.chirp && doubles(heap, plan.chirp);
  const table = heap.table(factors);
  const [from, to, powers] = [x, y, roots].map((tensor) => heap.at(tensor));
  const args = [from, 0, rows, size, to, Number(isInverse), table, powers, length];
  const split = { argument: 1, multiple: 1, work: rows * length * 40 };
  runWithMemory(heap, "fourierOfAny", [...args, chirp ? heap.at(chirp) : 0], length * 32, split);
  for (const tensor of [roots, chirp]) if (tensor) heap.backend.disposeData(tensor.dataId);
}

/** The transforms of rows of as many numbers as a power of two, from 16 on. */
function transformQuickly(
  heap: KernelHeap,
  x: tf.TensorInfo,
  y: tf.TensorInfo,
  rows: number,
  size: number,
  isInverse: boolean,
): void {
  // Six lists of factors for a quarter of a turn, and the roots from which they are made.
  const factors = heap.output([size * 6 / 4]), roots = heap.output([size]);
  heap.run("fourierFactors", [size, heap.at(factors), heap.at(roots)]);
  const [from, to, numbers] = [x, y, factors].map((tensor) => heap.at(tensor));
  const args = [from, 0, rows, size, to, Number(isInverse), numbers];
  const split = { argument: 1, multiple: 1, work: rows * size * Math.log2(size) };
  runWithMemory(heap, "fourier", args, size * 16, split);
  for (const tensor of [factors, roots]) heap.backend.disposeData(tensor.dataId);
}

/** The kernels of complex numbers. */
export const COMPLEX_KERNELS: KernelTable = {
  Complex: complex,
  ComplexAbs: absolute,
  FFT: fourier(false),
  IFFT: fourier(true),
  Imag: partAt(4),
  Real: partAt(0),
};
