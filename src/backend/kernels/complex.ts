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
  const result = heap.output(a.shape, "complex64");
  const [x, y, to] = [a, b, result].map((tensor) => heap.elements(tensor));
  for (let i = 0; i < to.length; i += 2) {
    const real = x[i] * y[i] - x[i + 1] * y[i + 1];
    to[i + 1] = x[i] * y[i + 1] + x[i + 1] * y[i];
    to[i] = real;
  }
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

/** Transforms as many numbers as a power of two in place (Cooley and Tukey, 1965). */
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

/**
 * Transforms any number of numbers, as a convolution with a chirp (Bluestein, 1970), of which the
 * transform is made once.
 */
function transformerOf(size: number): (parts: Parts) => void {
  if ((size & (size - 1)) === 0) return transformPower;
  let length = 1;
  while (length < 2 * size) length *= 2;
  // The square of i modulo 2 n keeps the angles small.
  const chirp = partsOf(size), kernel = partsOf(length);
  for (let i = 0; i < size; i++) {
    const square = i * i % (2 * size);
    chirp.real[i] = cos(square, 2 * size);
    chirp.imag[i] = sin(square, 2 * size);
    for (const at of [i, (length - i) % length]) {
      kernel.real[at] = chirp.real[i];
      kernel.imag[at] = chirp.imag[i];
    }
  }
  transformPower(kernel);
  return ({ real, imag }) => {
    const { real: re, imag: im } = partsOf(length);
    for (let i = 0; i < size; i++) {
      re[i] = real[i] * chirp.real[i] + imag[i] * chirp.imag[i];
      im[i] = imag[i] * chirp.real[i] - real[i] * chirp.imag[i];
    }
    transformPower({ real: re, imag: im });
    for (let i = 0; i < length; i++) {
      const x = re[i] * kernel.real[i] - im[i] * kernel.imag[i];
      // The conjugate: its transform is the inverse one.
      im[i] = -(re[i] * kernel.imag[i] + im[i] * kernel.real[i]);
      re[i] = x;
    }
    transformPower({ real: re, imag: im });
    for (let i = 0; i < size; i++) {
      const x = re[i] / length, y = -im[i] / length;
      real[i] = x * chirp.real[i] + y * chirp.imag[i];
      imag[i] = y * chirp.real[i] - x * chirp.imag[i];
    }
  };
}

/** The transforms along the last axis. */
function fourier(isInverse: boolean): Kernel {
  return function transform(heap: KernelHeap, { input }: Inputs) {
    const size = input.shape.at(-1) ?? 0;
    if (input.dtype !== "complex64" || size === 0) return;
    const result = heap.output(input.shape, "complex64");
    const rows = sizeOf(input.shape) / size;
    if (size >= 16 && (size & (size - 1)) === 0) {
      transformQuickly(heap, input, result, rows, size, isInverse);
      return result;
    }
    const [from, to] = [input, result].map((tensor) => heap.elements(tensor));
    const parts = partsOf(size), transformAll = transformerOf(size);
    const sign = isInverse ? -1 : 1, factor = isInverse ? 1 / size : 1;
    for (let first = 0; first < from.length; first += 2 * size) {
      for (let i = 0; i < size; i++) {
        parts.real[i] = from[first + 2 * i];
        parts.imag[i] = sign * from[first + 2 * i + 1];
      }
      transformAll(parts);
      for (let i = 0; i < size; i++) {
        to[first + 2 * i] = factor * parts.real[i];
        to[first + 2 * i + 1] = sign * factor * parts.imag[i];
      }
    }
    return result;
  };
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
