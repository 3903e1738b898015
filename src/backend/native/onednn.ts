/**
 * Products and convolutions by oneDNN.
 *
 * @module
 */
import { type Convolution, pointsOf } from "../geometry.ts";
import { allocate, integersAt, openLibrary, textAt, withVariables } from "./foreign.ts";
import type { NativeLibrary, Pass, PoolOperation, Product, Refusal } from "./native_library.ts";
import {
  AVERAGE,
  check,
  COMMON_SYMBOLS,
  type Descriptions,
  descriptions2,
  descriptions3,
  make,
  MAXIMUM,
  Scope,
  sizes,
} from "./onednn_api.ts";

/** The generations whose headers were read, and the last minor version of each. */
const KNOWN: Record<number, { last: number; describe: typeof descriptions2 } | undefined> = {
  2: { last: 7, describe: descriptions2 },
  3: { last: 14, describe: descriptions3 },
};

/** Number of OpenMP among the runtimes of threads that the library may be built for. */
const OPENMP = 2;
/** Numbers of an engine on the CPU and of a stream that works in order. */
const CPU = 1, IN_ORDER = 1;
/** Queries: the name of an implementation, and layouts of the filter and of its gradient. */
const IMPLEMENTATION = 8, FILTER_LAYOUT = 131, FILTER_GRADIENT_LAYOUT = 132;
const WORKSPACE_LAYOUT = 135;
/** Names of arguments. */
const SOURCE = 1, RESULT = 17, FILTER = 33, WORKSPACE = 64;
const SOURCE_GRADIENT = 129, RESULT_GRADIENT = 145, FILTER_GRADIENT = 161;
/** Makes the library allocate a tensor. */
const ALLOCATE = 2n ** 64n - 1n;
/** Flags of `dnnl_sgemm`: the letters N and T. */
const PLAIN = 78, TRANSPOSED = 84;

/** Number of pixels whose mean is made in floats. */
const MANY_PIXELS = 64;

/** Number of operations on shapes that are kept prepared; the one not used longest goes. */
const KEPT = 512;

/** The primitives of an operation on one shape. */
interface Plan {
  scope: Scope;
  /** The tensors whose addresses each call sets. */
  places: bigint[];
  steps: { primitive: bigint; args: bigint; count: number }[];
}

/** Opens oneDNN. */
export function openOneDnn(names: readonly string[]): NativeLibrary | Refusal {
  // Threads that wait without sleeping take the processor from everything else.
  const { result: first } = withVariables(
    { OMP_WAIT_POLICY: "PASSIVE" },
    () => openLibrary(names, { dnnl_version: { parameters: [], result: "pointer" } }),
  );
  if ("refused" in first) return first;
  // Three integers, a pointer at 16, and the runtimes of CPU and GPU.
  const [major, minor, patch, , , , runtime] = integersAt(first.symbols.dnnl_version(), 7);
  const found = [major, minor, patch].join(".");
  const known = KNOWN[major];
  const isKnown = known && minor <= known.last;
  const opened = isKnown && runtime === OPENMP ? openLibrary(names, COMMON_SYMBOLS) : undefined;
  const describe = opened && "symbols" in opened && known!.describe(names);
  if (describe) return new OneDnn(`oneDNN ${found}`, opened.symbols, describe);
  if (opened && "symbols" in opened) opened.close();
  first.close();
  if (!isKnown) return { refused: "version", found };
  if (runtime !== OPENMP) return { refused: "threads", found: "it is not built for OpenMP" };
  return { refused: "symbols" };
}

type Symbols = Deno.DynamicLibrary<typeof COMMON_SYMBOLS>["symbols"];

function isPool(pass: Pass | PoolOperation): pass is PoolOperation {
  return pass === "average" || pass.endsWith("Gradient");
}

/** Returns the extents along the axes that images have: the depth is left out if it is 1. */
function extentOf(c: Convolution): (values: readonly number[]) => number[] {
  const axes = c.input[0] === 1 && c.output[0] === 1 && c.filter[0] === 1 ? [1, 2] : [0, 1, 2];
  return (values) => axes.map((axis) => values[axis]);
}

/** The padding behind the input; less than 0 where pixels are left out. */
function behind(c: Convolution): number[] {
  return c.input.map((size, axis) => {
    const window = (c.filter[axis] - 1) * c.dilation[axis] + 1;
    return (c.output[axis] - 1) * c.stride[axis] + window - size - c.pad[axis];
  });
}

/** oneDNN on one engine. */
class OneDnn implements NativeLibrary {
  readonly leastRows = 1;
  readonly #engine: bigint;
  readonly #stream: bigint;
  /** Passes by their geometry, the newest last; `null` for those that it has no fast way for. */
  readonly #plans = new Map<string, Plan | null>();

  constructor(
    readonly name: string,
    readonly symbols: Symbols,
    readonly describe: Descriptions,
  ) {
    this.#engine = make("engine", (out) => symbols.dnnl_engine_create(out, CPU, 0n));
    this.#stream = make(
      "stream",
      (out) => symbols.dnnl_stream_create(out, this.#engine, IN_ORDER),
    );
  }

  setThreads(count: number): void {
    this.symbols.omp_set_num_threads(count);
  }

  multiply(p: Product, a: bigint, b: bigint, c: bigint): void {
    const status = this.symbols.dnnl_sgemm(
      p.transposeA ? TRANSPOSED : PLAIN,
      p.transposeB ? TRANSPOSED : PLAIN,
      ...[BigInt(p.rows), BigInt(p.columns), BigInt(p.depth), 1] as const,
      ...[a, BigInt(p.widthA), b, BigInt(p.widthB), 0, c, BigInt(p.widthC)] as const,
    );
    check(status, "product");
  }

  canConvolve(pass: Pass, c: Convolution): boolean {
    return this.#plan(pass, c) !== null;
  }

  convolve(pass: Pass, c: Convolution, source: bigint, filter: bigint, result: bigint): void {
    this.#execute(this.#plan(pass, c)!, [source, filter, result]);
  }

  canPool(operation: PoolOperation, c: Convolution): boolean {
    return this.#plan(operation, c) !== null;
  }

  pool(
    operation: PoolOperation,
    c: Convolution,
    ...[x, y, dx, memory]: [bigint, bigint, bigint, bigint]
  ): void {
    // The first half of the memory is for the results, the second one for the places of maxima.
    const half = BigInt(4 * pointsOf(c) * c.channels);
    const places: Record<PoolOperation, bigint[]> = {
      average: [x, y],
      averageGradient: [dx, y],
      maximumGradient: [x, memory, memory + half, dx, y],
    };
    this.#execute(this.#plan(operation, c)!, places[operation]);
  }

  #execute({ places, steps }: Plan, addresses: bigint[]): void {
    const { dnnl_memory_set_data_handle: place, dnnl_primitive_execute: execute } = this.symbols;
    places.forEach((memory, i) => check(place(memory, addresses[i]), "address"));
    for (const { primitive, args, count } of steps) {
      check(execute(primitive, this.#stream, count, args), "operation");
    }
  }

  /** Number of passes that are prepared. */
  get prepared(): number {
    return this.#plans.size;
  }

  /** Returns an operation ready to be executed, `null` if the library has no fast way for it. */
  #plan(pass: Pass | PoolOperation, c: Convolution): Plan | null {
    const { batch, channels, outChannels } = c;
    const key = [
      ...[pass, batch, channels, outChannels, c.depthwise, c.input, c.output],
      ...[c.filter, c.stride, c.dilation, c.pad],
    ].join();
    let plan = this.#plans.get(key);
    if (plan === undefined) plan = this.#prepare(pass, c);
    else this.#plans.delete(key);
    this.#plans.set(key, plan);
    if (this.#plans.size > KEPT) {
      const [oldest, dropped] = this.#plans.entries().next().value!;
      this.#plans.delete(oldest);
      dropped?.scope.close();
    }
    return plan;
  }

  #prepare(pass: Pass | PoolOperation, c: Convolution): Plan | null {
    const scope = new Scope(), temporary = new Scope();
    try {
      return isPool(pass)
        ? this.#buildPool(pass, c, scope, temporary)
        : this.#build(pass, c, scope, temporary);
    } catch {
      scope.close();
      return null;
    } finally {
      temporary.close();
    }
  }

  /** Builds a plan, `null` if the library would compute it in its slow, general way. */
  #build(pass: Pass, c: Convolution, scope: Scope, temporary: Scope): Plan | null {
    const extent = extentOf(c);
    const source = this.#image(temporary, c.batch, extent(c.input), c.channels);
    const result = this.#image(temporary, c.batch, extent(c.output), c.outChannels);
    const window = extent(c.filter);
    // A depthwise filter is one of as many groups as channels.
    const [perGroup, pair] = c.depthwise
      ? [c.outChannels / c.channels, c.outChannels]
      : [c.outChannels, c.channels * c.outChannels];
    const shape = c.depthwise
      ? [c.channels, perGroup, 1, ...window]
      : [c.outChannels, c.channels, ...window];
    const steps = window.map((_, i) => window.slice(i + 1).reduce((a, b) => a * b, pair));
    const channels = c.depthwise ? [perGroup, 1, 1] : [1, c.outChannels];
    const ours = this.describe.tensor(temporary, shape, [...channels, ...steps]);
    const described = {
      ...{ source, result, filter: this.describe.tensor(temporary, shape) },
      strides: sizes(extent(c.stride)),
      dilations: sizes(extent(c.dilation).map((n) => n - 1)),
      before: sizes(extent(c.pad)),
      behind: sizes(extent(behind(c))),
    };
    const describe = (pass: Pass, forward: bigint) =>
      this.describe.convolution(temporary, pass, described, this.#engine, forward);
    const forward = describe("forward", 0n);
    const chosen = pass === "forward" ? forward : describe(pass, forward);
    const name = this.#nameOf(chosen);
    if (/^(ref|gemm:ref)/.test(name) || (c.depthwise && !name.includes("dw"))) return null;
    const { dnnl_primitive_desc_query_md: layoutOf, dnnl_memory_desc_equal: equal } = this.symbols;
    const layout = layoutOf(chosen, pass === "filter" ? FILTER_GRADIENT_LAYOUT : FILTER_LAYOUT, 0);
    const plan: Plan = {
      scope,
      places: [source, ours, result].map((description) => this.#memory(scope, description, 0n)),
      steps: [],
    };
    const [images, plain, results] = plan.places;
    const same = equal(layout, ours) === 1;
    const filter = same ? plain : this.#memory(scope, layout, ALLOCATE);
    const names: Record<Pass, [number, number, number]> = {
      forward: [SOURCE, FILTER, RESULT],
      input: [SOURCE_GRADIENT, FILTER, RESULT_GRADIENT],
      filter: [SOURCE, FILTER_GRADIENT, RESULT_GRADIENT],
    };
    const memories = [images, filter, results];
    const main = this.#step(scope, chosen, names[pass].map((name, i) => [name, memories[i]]));
    if (same) plan.steps.push(main);
    else if (pass === "filter") {
      plan.steps.push(main, this.#reorder(scope, temporary, layout, filter, ours, plain));
    } else {plan.steps.push(
        this.#reorder(scope, temporary, ours, plain, layout, filter),
        main,
      );}
    return plan;
  }

  /** Builds a plan of a pooling; that of the gradient of a maximum finds the maxima first. */
  #buildPool(
    ...[operation, c, scope, temporary]: [PoolOperation, Convolution, Scope, Scope]
  ): Plan | null {
    const size = c.filter[0] * c.filter[1] * c.filter[2];
    // Our kernel sums many pixels in doubles.
    if (c.dilation.some((n) => n !== 1) || size > MANY_PIXELS) return null;
    const extent = extentOf(c);
    const source = this.#image(temporary, c.batch, extent(c.input), c.channels);
    const result = this.#image(temporary, c.batch, extent(c.output), c.channels);
    const described = {
      ...{ source, result, window: sizes(extent(c.filter)), strides: sizes(extent(c.stride)) },
      ...{ before: sizes(extent(c.pad)), behind: sizes(extent(behind(c))) },
    };
    const describe = (forward: bigint) =>
      this.describe.pool(temporary, kind, described, this.#engine, forward);
    const kind = operation === "maximumGradient" ? MAXIMUM : AVERAGE;
    const forward = describe(0n);
    const backward = operation === "average" ? forward : describe(forward);
    if (![forward, backward].every((chosen) => this.#nameOf(chosen).includes("jit"))) return null;
    const memory = (description: bigint) => this.#memory(scope, description, 0n);
    const [images, results] = [memory(source), memory(result)];
    if (operation === "average") {
      const step = this.#step(scope, forward, [[SOURCE, images], [RESULT, results]]);
      return { scope, places: [images, results], steps: [step] };
    }
    const slopes: [number, bigint][] = [[SOURCE_GRADIENT, images], [RESULT_GRADIENT, results]];
    if (operation === "averageGradient") {
      return { scope, places: [images, results], steps: [this.#step(scope, backward, slopes)] };
    }
    const { dnnl_primitive_desc_query_md: layoutOf, dnnl_memory_desc_get_size: sizeOf } =
      this.symbols;
    const maxima = layoutOf(forward, WORKSPACE_LAYOUT, 0);
    if (!maxima || sizeOf(maxima) > sizeOf(result)) return null;
    const [x, y, places] = [memory(source), memory(result), memory(maxima)];
    return {
      scope,
      places: [x, y, places, images, results],
      steps: [
        this.#step(scope, forward, [[SOURCE, x], [RESULT, y], [WORKSPACE, places]]),
        this.#step(scope, backward, [...slopes, [WORKSPACE, places]]),
      ],
    };
  }

  /** Describes images by batch, channels and extent, whatever their layout. */
  #image(scope: Scope, batch: number, size: number[], channels: number): bigint {
    const strides = size.map((_, i) => size.slice(i + 1).reduce((a, b) => a * b, channels));
    const all = size.reduce((a, b) => a * b, channels);
    return this.describe.tensor(scope, [batch, channels, ...size], [all, 1, ...strides]);
  }

  #nameOf(description: bigint): string {
    const name = new BigUint64Array(1);
    this.symbols.dnnl_primitive_desc_query(description, IMPLEMENTATION, 0, name);
    return textAt(name[0]);
  }

  #memory(scope: Scope, description: bigint, address: bigint): bigint {
    return scope.add(
      make(
        "tensor",
        (out) => this.symbols.dnnl_memory_create(out, description, this.#engine, address),
      ),
      this.symbols.dnnl_memory_destroy,
    );
  }

  #step(scope: Scope, description: bigint, memories: [name: number, memory: bigint][]) {
    const primitive = scope.add(
      make("primitive", (out) => this.symbols.dnnl_primitive_create(out, description)),
      this.symbols.dnnl_primitive_destroy,
    );
    const { bytes, address } = scope.add(allocate(16 * memories.length), () => {});
    const view = new DataView(bytes);
    memories.forEach(([name, memory], i) => {
      view.setInt32(i * 16, name, true);
      view.setBigUint64(i * 16 + 8, memory, true);
    });
    return { primitive, args: address, count: memories.length };
  }

  #reorder(
    ...[scope, temporary, from, source, to, target]: [Scope, Scope, bigint, bigint, bigint, bigint]
  ) {
    const { dnnl_reorder_primitive_desc_create: create } = this.symbols;
    const description = temporary.add(
      make("reordering", (out) => create(out, from, this.#engine, to, this.#engine, 0n)),
      this.symbols.dnnl_primitive_desc_destroy,
    );
    return this.#step(scope, description, [[SOURCE, source], [RESULT, target]]);
  }
}
