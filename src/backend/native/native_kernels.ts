/**
 * A native library on the heap of the WebAssembly backend, and the calls of kernels that it adds.
 *
 * @module
 */
import type { tf } from "../../deps/tfjs.ts";
import { type Convolution, type Extent, pointsOf, volumeOf } from "../geometry.ts";
import type { KernelHeap } from "../kernel_heap.ts";
import { sumInParts } from "../kernels/reductions.ts";
import type { Kernels } from "../wasm_modules.ts";
import { addressOf } from "./foreign.ts";
import {
  type LibraryOnHeap,
  type NativeLibrary,
  type Operation,
  pairsOf,
  type Pass,
  type PoolOperation,
  type Products,
  type RowOperation,
} from "./native_library.ts";

/**
 * Multiply-adds of products and convolutions, elements of other operations, and elements of their
 * rows from which a call of the library pays; and multiply-adds from which the share of a thread does.
 * Tests set them to 0.
 */
export const WORTHWHILE = {
  product: 20_000,
  convolution: 100_000,
  elements: 8192,
  columns: 32,
  share: 1_000_000,
};

/** Numbers of rows and columns whose sums are made in floats. */
const MANY_ROWS = 2 ** 14, MANY_COLUMNS = 2 ** 16;

/** Address and number of floats of a tensor; missing for one that is not there. */
type Place = [at: number, size: number] | undefined;

/** The heap; its bytes are replaced when it grows. */
export interface Bytes {
  HEAPU8: Uint8Array;
}

/** Number of elements from the first one of a matrix to the last one. */
function sizeOf(rows: number, columns: number, width: number, transposed: boolean): number {
  return transposed ? (columns - 1) * width + rows : (rows - 1) * width + columns;
}

/** A native library on a heap: addresses are those on the heap, in bytes. */
export class NativeKernels implements LibraryOnHeap {
  readonly addresses: Readonly<Record<string, readonly number[]>> = {
    nativeConvolve: [0, 1, 2],
    nativePool: [0, 1, 2, 3],
    nativeLayerNormGradient: [0, 1, 2, 3, 4, 5, 6],
  };
  #bytes: Uint8Array | undefined;
  #base = 0n;

  constructor(readonly library: NativeLibrary, readonly heap: Bytes) {}

  kernelsOver({ addBiasInPlace, spreadNaN }: Kernels): ReturnType<LibraryOnHeap["kernelsOver"]> {
    return {
      gemm: (...args) => {
        const [a, b, c, , widthC, depth, m0, m1, n0, n1, tA, tB, widthA, widthB] = args;
        const [bias, activation, scratch] = args.slice(14);
        const rows = m1 - m0, columns = n1 - n0, work = rows * columns * depth;
        // Bias and activation are added to whole rows.
        const isPart = columns < widthC && (bias || activation);
        const isSmall = !this.canMultiply(work) || rows < this.library.leastRows;
        if (isSmall || isPart) return false;
        const transposeA = tA === 1, transposeB = tB === 1, isBiased = bias !== 0 && !activation;
        const first = c + 4 * (m0 * widthC + n0);
        const tensors: [at: number, size: number][] = [
          [a + 4 * (transposeA ? m0 : m0 * widthA), sizeOf(rows, depth, widthA, transposeA)],
          [b + 4 * (transposeB ? n0 * widthB : n0), sizeOf(depth, columns, widthB, transposeB)],
          [first, sizeOf(rows, columns, widthC, false)],
        ];
        const product: Products = {
          ...{ kind: "products", count: 1, rows, columns, depth, nextA: 0, nextB: 0 },
          ...{ transposeA, transposeB, widthA, widthB, widthC, bias: isBiased },
        };
        const last: Place = isBiased ? [bias, columns] : undefined;
        const isDone = this.#compute(product, ...tensors, last);
        if (!isDone) {
          const at = this.#addresses(...tensors);
          this.library.multiply(product, at[0], at[1], at[2]);
        }
        if (!(isDone && isBiased) && (bias || activation)) {
          addBiasInPlace(first, 0, rows, columns, bias, activation, scratch);
        }
        return true;
      },
      gemmBatch: (...args) => {
        const [a, b, c, rows, columns, depth, first, end, nextA, nextB, tA, tB] = args;
        const [bias, activation, scratch] = args.slice(12);
        const work = rows * columns * depth, count = end - first, last = count - 1;
        if (!this.canMultiply(work * count)) return false;
        const nextC = rows * columns, top = c + 4 * first * nextC;
        const tensors: [at: number, size: number][] = [
          [a + 4 * first * nextA, last * nextA + rows * depth],
          [b + 4 * first * nextB, last * nextB + depth * columns],
          [top, count * nextC],
        ];
        const product: Products = {
          ...{ kind: "products", count, rows, columns, depth, nextA, nextB, bias: false },
          ...{ transposeA: tA === 1, widthA: tA === 1 ? rows : depth },
          ...{ transposeB: tB === 1, widthB: tB === 1 ? depth : columns, widthC: columns },
        };
        if (!this.#compute(product, ...tensors)) {
          if (!this.canMultiply(work)) return false;
          const [atA, atB, atC] = this.#addresses(...tensors);
          for (let i = 0; i < count; i++) {
            const [fromA, fromB, to] = [nextA, nextB, nextC].map((next) => BigInt(4 * i * next));
            this.library.multiply(product, atA + fromA, atB + fromB, atC + to);
          }
        }
        if (bias || activation) {
          addBiasInPlace(top, 0, count * rows, columns, bias, activation, scratch);
        }
        return true;
      },
      softmax: (x, y, first, end, columns, logarithm) => {
        const rows = end - first, from = 4 * first * columns, size = rows * columns;
        // The library makes the logarithm of a sum of floats, which is less precise near 0.
        if (logarithm || !this.#isWorthwhile(rows, columns)) return false;
        const operation = { kind: "softmax", rows, columns } as const;
        if (!this.#compute(operation, [x + from, size], [y + from, size])) return false;
        // The library's maximum hides a NaN: only its own result is NaN.
        spreadNaN(y, first, end, columns, 0);
        return true;
      },
      softmaxGradient: (dy, y, dx, first, end, columns, logarithm) => {
        const rows = end - first, from = 4 * first * columns;
        // The library's exponential hides NaN.
        if (logarithm || !this.#isWorthwhile(rows, columns)) return false;
        const tensors = [dy, y, dx].map((at): Place => [at + from, rows * columns]);
        return this.#compute({ kind: "softmaxGradient", rows, columns }, ...tensors);
      },
      layerNorm: (x, scale, offset, y, first, end, columns, epsilon) => {
        const rows = end - first, from = 4 * first * columns, size = rows * columns;
        if (!this.#isWorthwhile(rows, columns)) return false;
        const has = { scale: scale !== 0, offset: offset !== 0 };
        const operation: RowOperation = { kind: "layerNorm", rows, columns, epsilon, ...has };
        const factors = [scale, offset].map((at): Place => at === 0 ? undefined : [at, columns]);
        return this.#compute(operation, [x + from, size], [y + from, size], ...factors);
      },
      nativeLayerNormGradient: (dy, x, dx, scale, scaleSlope, offsetSlope, memory, ...sizes) => {
        const [rows, columns, epsilon] = sizes;
        return this.#compute(
          { kind: "layerNormGradient", rows, columns, epsilon },
          ...[dy, x, dx].map((at): Place => [at, rows * columns]),
          ...[scale, scaleSlope, offsetSlope].map((at): Place => [at, columns]),
          ...[memory, memory + 4 * rows].map((at): Place => [at, rows]),
        );
      },
      nativeConvolve: (source, filter, result, pass, ...geometry) => {
        this.#convolve(PASSES[pass], decode(geometry), source, filter, result);
        return true;
      },
      nativePool: (x, y, dx, memory, operation, ...geometry) => {
        this.#pool(POOLS[operation], decode(geometry), x, y, dx, memory);
        return true;
      },
    };
  }

  canMultiply(work: number): boolean {
    return work > 0 && work >= WORTHWHILE.product;
  }

  canCompute(operation: RowOperation): boolean {
    return this.#isWorthwhile(operation.rows, operation.columns) &&
      (this.library.can?.(operation) ?? false);
  }

  #isWorthwhile(rows: number, columns: number): boolean {
    const elements = rows * columns;
    return elements > 0 && elements >= WORTHWHILE.elements && columns >= WORTHWHILE.columns &&
      rows <= MANY_ROWS && columns <= MANY_COLUMNS;
  }

  /** Computes an operation; returns whether the library has a fast way for it. */
  #compute(operation: Operation, ...tensors: Place[]): boolean {
    return this.library.compute?.(operation, this.#addresses(...tensors)) ?? false;
  }

  canConvolve(pass: Pass, c: Convolution): boolean {
    const { batch, output, filter } = c;
    const work = [...output, ...filter].reduce((a, b) => a * b, batch * pairsOf(c));
    return work > 0 && work >= WORTHWHILE.convolution &&
      (this.library.canConvolve?.(pass, c) ?? false);
  }

  #convolve(pass: Pass, c: Convolution, source: number, filter: number, result: number): void {
    const at = this.#addresses(
      [source, c.batch * volumeOf(c.input) * c.channels],
      [filter, volumeOf(c.filter) * pairsOf(c)],
      [result, pointsOf(c) * c.outChannels],
    );
    this.library.convolve!(pass, c, at[0], at[1], at[2]);
  }

  canPool(operation: PoolOperation, c: Convolution): boolean {
    const work = pointsOf(c) * c.channels * volumeOf(c.filter);
    return work > 0 && work >= WORTHWHILE.convolution &&
      (this.library.canPool?.(operation, c) ?? false);
  }

  #pool(
    ...[operation, c, x, y, dx, memory]: [
      ...[PoolOperation, Convolution],
      ...[number, number, number, number],
    ]
  ): void {
    const inputs = c.batch * volumeOf(c.input) * c.channels, results = pointsOf(c) * c.channels;
    const [result] = this.#addresses([y, results]);
    const [source] = operation === "averageGradient" ? [0n] : this.#addresses([x, inputs]);
    const [slope] = operation === "average" ? [0n] : this.#addresses([dx, inputs]);
    const [extra] = operation === "maximumGradient" ? this.#addresses([memory, 2 * results]) : [0n];
    this.library.pool!(operation, c, source, result, slope, extra);
  }

  /** The addresses in the process of tensors on the heap; 0 for one that is missing. */
  #addresses(...tensors: Place[]): bigint[] {
    const bytes = this.heap.HEAPU8;
    // A heap that grows may move: then its bytes are another array.
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#base = addressOf(bytes);
    }
    return tensors.map((tensor) => {
      if (!tensor) return 0n;
      const [at, size] = tensor;
      // The library would write past the end, and the process would die or compute nonsense.
      if (!(at > 0 && at % 4 === 0 && size > 0 && at + size * 4 <= bytes.length)) {
        throw new RangeError(
          `Cannot compute natively as each tensor must be on the heap of ${bytes.length} bytes: ` +
            `one has ${size} numbers at ${at}`,
        );
      }
      return this.#base + BigInt(at);
    });
  }
}

/** Number of points whose products are summed in floats: those of few channels are cheap to part. */
const MANY_POINTS = { plain: 2 ** 17, depthwise: 2 ** 14 };

/** Passes of a convolution, by the number that stands for each in a call. */
const PASSES: readonly Pass[] = ["forward", "input", "filter"];

/** Arguments of the kernel `nativeConvolve`. */
export function convolveArguments(
  ...[pass, c, source, filter, result]: [Pass, Convolution, number, number, number]
): number[] {
  return [source, filter, result, PASSES.indexOf(pass), ...encode(c)];
}

/** Poolings, by the number that stands for each in a call. */
const POOLS: readonly PoolOperation[] = ["average", "averageGradient", "maximumGradient"];

function encode(c: Convolution): number[] {
  const { batch, channels, outChannels, depthwise = false } = c;
  return [
    ...[batch, channels, outChannels, Number(depthwise)],
    ...[...c.input, ...c.output, ...c.filter, ...c.stride, ...c.dilation, ...c.pad],
  ];
}

/** A geometry from the arguments of a call. */
function decode(
  [batch, channels, outChannels, depthwise, ...extents]: number[],
): Convolution {
  const [input, output, filter, stride, dilation, pad] = Array.from(
    { length: 6 },
    (_, i) => extents.slice(i * 3, i * 3 + 3) as Extent,
  );
  const sizes = { batch, channels, outChannels, input, output, filter };
  return { ...sizes, depthwise: depthwise === 1, stride, dilation, pad };
}

/**
 * Computes results, or the gradient of an input.
 *
 * @returns Whether the library computed it; otherwise nothing is written.
 */
export function convolveNatively(
  heap: KernelHeap,
  pass: Exclude<Pass, "filter">,
  c: Convolution,
  ...tensors: [source: tf.TensorInfo, filter: tf.TensorInfo, result: tf.TensorInfo]
): boolean {
  if (!heap.native?.canConvolve(pass, c)) return false;
  const [source, filter, result] = tensors.map((tensor) => heap.at(tensor));
  heap.run("nativeConvolve", convolveArguments(pass, c, source, filter, result));
  return true;
}

/**
 * Computes an average pooling, or the gradient of a pooling.
 *
 * @param x Address of the input.
 * @param y Address of the results or their gradient.
 * @param dx Address of the input's gradient, for gradients.
 * @returns Whether the library computed it; otherwise nothing is written.
 */
export function poolNatively(
  heap: KernelHeap,
  operation: PoolOperation,
  c: Convolution,
  ...[x, y, dx]: [x: number, y: number, dx: number]
): boolean {
  if (!heap.native?.canPool(operation, c)) return false;
  const memory = operation === "maximumGradient" ? heap.shared(8 * pointsOf(c) * c.channels) : 0;
  heap.run("nativePool", [x, y, dx, memory, POOLS.indexOf(operation), ...encode(c)]);
  return true;
}

/** Computes `activation(y + bias)` in place. */
export function addBias(
  heap: KernelHeap,
  c: Convolution,
  y: tf.TensorInfo,
  bias: tf.TensorInfo | undefined,
  activation: number,
): void {
  if (!bias && !activation) return;
  const rows = pointsOf(c), columns = c.outChannels;
  const args = [heap.at(y), 0, rows, columns, bias ? heap.at(bias) : 0, activation];
  const split = { argument: 1, multiple: 1, work: rows * columns };
  heap.run("addBiasInPlace", [...args, heap.scratch()], split);
}

/** The gradient of the filter; `undefined` if the library does not compute it. */
export function filterGradientNatively(
  heap: KernelHeap,
  c: Convolution,
  shape: number[],
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
): tf.TensorInfo | undefined {
  const { native } = heap;
  if (!native) return;
  // The library sums over all examples of a call in floats, so that there are not too many of them.
  const points = pointsOf(c) / c.batch;
  const most = Math.floor(MANY_POINTS[c.depthwise ? "depthwise" : "plain"] / points);
  if (!(most >= 1)) return;
  const step = Math.ceil(c.batch / Math.max(Math.ceil(c.batch / most), 1));
  const rest = c.batch % step || step;
  const can = [step, rest].every((batch) => native.canConvolve("filter", { ...c, batch }));
  if (!can) return;
  const elements = (extent: Extent, channels: number) => volumeOf(extent) * channels * 4;
  return sumInParts(heap, shape, c.batch, most, (to, first, last) => {
    const source = heap.at(x) + first * elements(c.input, c.channels);
    const result = heap.at(dy) + first * elements(c.output, c.outChannels);
    const some = { ...c, batch: last - first };
    heap.run("nativeConvolve", convolveArguments("filter", some, source, to, result));
  });
}
