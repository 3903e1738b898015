/**
 * Products and convolutions by oneDNN.
 *
 * @module
 */
import type { Convolution } from "../geometry.ts";
import { allocate, integersAt, openLibrary, textAt, withVariables } from "./foreign.ts";
import type { NativeLibrary, Pass, Product, Refusal } from "./native_library.ts";
import {
  check,
  COMMON_SYMBOLS,
  type Descriptions,
  descriptions2,
  descriptions3,
  make,
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
/** Names of arguments. */
const SOURCE = 1, RESULT = 17, FILTER = 33;
const SOURCE_GRADIENT = 129, RESULT_GRADIENT = 145, FILTER_GRADIENT = 161;
/** Makes the library allocate a tensor. */
const ALLOCATE = 2n ** 64n - 1n;
/** Flags of `dnnl_sgemm`: the letters N and T. */
const PLAIN = 78, TRANSPOSED = 84;

/** Number of passes of convolutions that are kept prepared; the one not used longest goes. */
const KEPT = 512;

/** The primitives of one pass of a convolution of one shape. */
interface Plan {
  scope: Scope;
  source: bigint;
  filter: bigint;
  result: bigint;
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
    const plan = this.#plan(pass, c)!;
    const { dnnl_memory_set_data_handle: place, dnnl_primitive_execute: execute } = this.symbols;
    check(place(plan.source, source), "address");
    check(place(plan.filter, filter), "address");
    check(place(plan.result, result), "address");
    for (const { primitive, args, count } of plan.steps) {
      check(execute(primitive, this.#stream, count, args), "convolution");
    }
  }

  /** Number of passes that are prepared. */
  get prepared(): number {
    return this.#plans.size;
  }

  /** Returns a pass that is ready to be executed, `null` if the library has no fast way for it. */
  #plan(pass: Pass, c: Convolution): Plan | null {
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

  #prepare(pass: Pass, c: Convolution): Plan | null {
    const scope = new Scope(), temporary = new Scope();
    try {
      return this.#build(pass, c, scope, temporary);
    } catch {
      scope.close();
      return null;
    } finally {
      temporary.close();
    }
  }

  /** Builds a plan, `null` if the library would compute it in its slow, general way. */
  #build(pass: Pass, c: Convolution, scope: Scope, temporary: Scope): Plan | null {
    // Images are described by batch, channels and extent, whatever their layout.
    const axes = c.input[0] === 1 && c.output[0] === 1 && c.filter[0] === 1 ? [1, 2] : [0, 1, 2];
    const extent = (values: readonly number[]) => axes.map((axis) => values[axis]);
    const image = (size: number[], channels: number) => {
      const strides = size.map((_, i) => size.slice(i + 1).reduce((a, b) => a * b, channels));
      const all = size.reduce((a, b) => a * b, channels);
      return this.describe.tensor(temporary, [c.batch, channels, ...size], [all, 1, ...strides]);
    };
    const source = image(extent(c.input), c.channels);
    const result = image(extent(c.output), c.outChannels);
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
      behind: sizes(axes.map((axis) => {
        const size = (c.output[axis] - 1) * c.stride[axis] +
          (c.filter[axis] - 1) * c.dilation[axis] + 1;
        return size - c.input[axis] - c.pad[axis];
      })),
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
      source: this.#memory(scope, source, 0n),
      filter: this.#memory(scope, ours, 0n),
      result: this.#memory(scope, result, 0n),
      steps: [],
    };
    const same = equal(layout, ours) === 1;
    const filter = same ? plan.filter : this.#memory(scope, layout, ALLOCATE);
    const names: Record<Pass, [number, number, number]> = {
      forward: [SOURCE, FILTER, RESULT],
      input: [SOURCE_GRADIENT, FILTER, RESULT_GRADIENT],
      filter: [SOURCE, FILTER_GRADIENT, RESULT_GRADIENT],
    };
    const memories = [plan.source, filter, plan.result];
    const main = this.#step(scope, chosen, names[pass].map((name, i) => [name, memories[i]]));
    if (same) plan.steps.push(main);
    else if (pass === "filter") {
      plan.steps.push(main, this.#reorder(scope, temporary, layout, filter, ours, plan.filter));
    } else {plan.steps.push(
        this.#reorder(scope, temporary, ours, plan.filter, layout, filter),
        main,
      );}
    return plan;
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
