/**
 * The observation of a step: its kernels, calls into WebAssembly, touches of the heap, and random draws.
 *
 * @module
 */
import { type BackendWasm, tf } from "../../deps/tfjs.ts";
import { type Emscripten, emscriptenOf } from "../wasm_modules.ts";
import type { HeapObserver, KernelHeap } from "../kernel_heap.ts";
import { type AnyLayer, layerClass } from "../fix_layers/layer_class.ts";

/** The arguments of a kernel. */
export interface KernelInput {
  inputs: unknown;
  attrs?: unknown;
  backend: unknown;
}

/** Follows all that a step does to a backend. */
export interface StepListener extends HeapObserver {
  /** The engine calls a kernel: calls `run`, and returns its result. */
  kernel(name: string, run: (input: KernelInput) => unknown, input: KernelInput): unknown;
  /** A kernel of TensorFlow.js is called, by numbers and arrays of bytes. */
  stock(name: string, types: readonly string[], args: readonly unknown[]): void;
  /** A tensor was made; `values` are set by JavaScript. */
  made(dataId: object, shape: number[], dtype: tf.DataType, values: unknown): void;
  /** JavaScript reads or writes the heap. */
  touched(): void;
  /** A number was drawn from `Math.random`. */
  drew(value: number): void;
}

/** The parts of the backend that are watched. */
interface WatchedBackend {
  wasm: Emscripten & { cwrap: Wrap };
  makeOutput(
    shape: number[],
    dtype: tf.DataType,
    address?: number,
    values?: unknown,
  ): tf.TensorInfo;
  move(dataId: object, values: unknown, shape: number[], dtype: tf.DataType, refs: number): void;
}

type Kernel = ReturnType<typeof tf.getKernelsForBackend>[number];

type Wrap = (
  name: string,
  result: string | null,
  types: string[],
) => (...args: unknown[]) => unknown;

let listener: StepListener | undefined;

/** Bytes behind each tensor: in two recordings of a step, all addresses differ. */
const PAD = 1024;
let recordings = 0;

const wrapped = new WeakSet<object>();

/**
 * Runs work, and tells a listener all that it does to a backend.
 *
 * Whatever JavaScript does to the heap goes through `backend.wasm.HEAPU8`, so that a view of the
 * module, with that property watched, takes the place of the module meanwhile.
 */
export function listen<T>(heap: KernelHeap, to: StepListener, work: () => T): T {
  const backend = heap.backend as unknown as WatchedBackend;
  wrapStockKernels(heap.backend);
  const { wasm } = backend;
  const kernels = kernelsOnWasm();
  const functions = kernels.map(({ kernelFunc }) => kernelFunc);
  const { random } = Math;
  const { move, makeOutput } = backend;
  const { _malloc } = wasm;
  const pad = PAD * (1 + recordings++ % 2);
  const own = {
    move: Object.hasOwn(backend, "move"),
    makeOutput: Object.hasOwn(backend, "makeOutput"),
  };
  const original = { value: wasm };
  const HEAPU8 = { get: () => (to.touched(), wasm.HEAPU8) };
  backend.wasm = Object.create(wasm, { HEAPU8, original });
  backend.move = function (dataId, values, shape, dtype, refs) {
    const watched = this.wasm;
    this.wasm = wasm;
    try {
      move.call(this, dataId, values, shape, dtype, refs);
    } finally {
      this.wasm = watched;
    }
    to.made(dataId, shape, dtype, values);
  };
  backend.makeOutput = function (shape, dtype, address, values) {
    const output = makeOutput.call(this, shape, dtype, address, values);
    // Memory that a kernel has allocated itself.
    if (address != null) to.made(output.dataId, shape, dtype, "from a kernel");
    return output;
  };
  kernels.forEach((kernel, i) => {
    kernel.kernelFunc = (input) =>
      to.kernel(kernel.kernelName, functions[i] as never, input) as tf.TensorInfo;
  });
  Math.random = () => {
    const value = random();
    to.drew(value);
    return value;
  };
  wasm._malloc = (bytes) => _malloc(bytes + pad);
  heap.observer = to;
  listener = to;
  try {
    return work();
  } finally {
    listener = undefined;
    heap.observer = undefined;
    wasm._malloc = _malloc;
    Math.random = random;
    kernels.forEach((kernel, i) => kernel.kernelFunc = functions[i]);
    backend.wasm = wasm;
    if (own.move) backend.move = move;
    else delete (backend as Partial<WatchedBackend>).move;
    if (own.makeOutput) backend.makeOutput = makeOutput;
    else delete (backend as Partial<WatchedBackend>).makeOutput;
  }
}

/** The kernels of the backend: `tf.getKernelsForBackend()` takes as long as a small step. */
function kernelsOnWasm(): Kernel[] {
  const { _tfGlobals: globals } = globalThis as {
    _tfGlobals?: Map<string, Map<string, Kernel>>;
  };
  const registry = globals?.get("kernelRegistry");
  if (!registry) return tf.getKernelsForBackend("wasm");
  return [...registry.values()].filter(({ backendName }) => backendName === "wasm");
}

/**
 * Sets the kernels of TensorFlow.js up again, so that their calls into WebAssembly are heard. The
 * wrapper stays, as each `tf.setBackend` sets them up once more.
 */
function wrapStockKernels(backend: BackendWasm): void {
  if (wrapped.has(backend)) return;
  wrapped.add(backend);
  const module = emscriptenOf(backend) as WatchedBackend["wasm"];
  const { cwrap } = module;
  module.cwrap = (name, result, types) => {
    const call = cwrap(name, result, types);
    return (...args) => {
      listener?.stock(name, types, args);
      return call(...args);
    };
  };
  for (const { setupFunc } of tf.getKernelsForBackend("wasm")) setupFunc?.(backend);
}

/** A normal distribution. */
export interface Normal {
  readonly mean: number;
  readonly deviation: number;
}

/** The distributions that layers of noise draw from. */
const NOISE: Readonly<Record<string, (layer: AnyLayer) => Normal>> = {
  GaussianNoise: ({ stddev }) => ({ mean: 0, deviation: stddev }),
  GaussianDropout: ({ rate }) => ({ mean: 1, deviation: Math.sqrt(rate / (1 - rate)) }),
};

/** The classes of layers that may keep states from batch to batch. */
const RECURRENT = ["RNN", "LSTM", "GRU", "SimpleRNN", "ConvLSTM2D"];

/** Follows the layers that a step calls: a model of a user's own may hold layers anywhere. */
export interface LayerObserver {
  /** A layer draws random numbers. */
  drawsFrom(normal: Normal): void;
  /** A layer begins with the states that it has kept. */
  keeps(layer: string, states: readonly tf.Tensor[]): void;
}

/** Does work, and tells an observer about the layers that it calls. */
export function watchLayers<T>(observer: LayerObserver, work: () => T): T {
  const watch = (name: string, look: (layer: AnyLayer) => void) => {
    const { prototype } = layerClass(name);
    const { call } = prototype;
    prototype.call = function (...args: unknown[]) {
      look(this);
      return call.apply(this, args);
    };
    return { prototype, call };
  };
  const classes = [
    ...Object.entries(NOISE).map(([name, normalOf]) =>
      watch(name, (layer) => observer.drawsFrom(normalOf(layer)))
    ),
    ...RECURRENT.map((name) =>
      watch(name, ({ name, stateful, states_ }) => {
        if (stateful && states_) observer.keeps(name, states_);
      })
    ),
  ];
  try {
    return work();
  } finally {
    for (const { prototype, call } of classes) prototype.call = call;
  }
}

/** Random numbers, as a function of one draw from `Math.random`. */
export interface RecognizedDraw {
  /** For comparisons. */
  readonly name: string;
  /** Makes the numbers. */
  draw(value: number): tf.Tensor;
}

/**
 * Finds the distribution that random numbers were drawn from: TensorFlow.js seeds the generator of a
 * tensor with one draw from `Math.random`. It is proved by drawing all of them again.
 *
 * @param value The draw.
 * @param shape Shape of the tensor.
 * @param numbers The numbers.
 * @param normals The normal distributions that layers draw from; the standard one is known.
 */
export function recognizeDraw(
  value: number,
  shape: number[],
  numbers: Float32Array,
  normals: readonly Normal[],
): RecognizedDraw | undefined {
  const candidates: RecognizedDraw[] = [
    {
      name: `uniform [${shape}]`,
      draw: (value) => tf.randomUniform(shape, 0, 1, "float32", value),
    },
    ...[{ mean: 0, deviation: 1 }, ...normals].map(({ mean, deviation }) => ({
      name: `normal ${mean} ${deviation} [${shape}]`,
      draw: (value: number) => tf.randomNormal(shape, mean, deviation, "float32", value),
    })),
  ];
  return candidates.find(({ draw }) => {
    const again = tf.tidy(() => draw(value).dataSync<"float32">());
    return again.every((number, i) => Object.is(number, numbers[i]));
  });
}
