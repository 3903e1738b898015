/**
 * Opens oneDNN, and calls it.
 *
 * @module
 */
import { type Convolution, pointsOf } from "../geometry.ts";
import type { ThreadLibrary, Threads } from "../threads.ts";
import { integersAt, openLibrary, withVariables } from "./foreign.ts";
import { WORTHWHILE } from "./native_kernels.ts";
import {
  type NativeLibrary,
  type Operation,
  type Pass,
  type PoolOperation,
  type Product,
  type Refusal,
  sharesOf,
  sharesOfConvolution,
  sharesOfPool,
} from "./native_library.ts";
import { descriptions2, descriptions3 } from "./onednn_descriptions.ts";
import {
  check,
  COMMON_SYMBOLS,
  type Descriptions,
  make,
  OneDnnObjects,
  type Step,
} from "./onednn_api.ts";
import { OneDnnPlans, type Part, type Plan } from "./onednn_plans.ts";

/** The generations whose headers were read, and the last minor version of each. */
const KNOWN: Record<number, { last: number; describe: typeof descriptions2 } | undefined> = {
  2: { last: 7, describe: descriptions2 },
  3: { last: 14, describe: descriptions3 },
};

/** Number of OpenMP among the runtimes of threads that the library may be built for. */
const OPENMP = 2;
/** Number of a stream that works in order. */
const IN_ORDER = 1;
/** Flags of `dnnl_sgemm`: the letters N and T. */
const PLAIN = 78, TRANSPOSED = 84;

/** Number of operations on shapes that are kept prepared; the one not used longest goes. */
const KEPT = 512;

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
  const opened = isKnown && runtime === OPENMP
    ? openLibrary([first.name], COMMON_SYMBOLS)
    : undefined;
  if (opened && "symbols" in opened) {
    const { symbols, name: file } = opened, objects = new OneDnnObjects([file], symbols);
    const descriptions = known!.describe([file], objects.attributes);
    const onThreads = { file, open: openOnThread };
    if (descriptions) return new OneDnn(`oneDNN ${found}`, onThreads, objects, descriptions);
    opened.close();
  }
  first.close();
  if (!isKnown) return { refused: "version", found };
  if (runtime !== OPENMP) return { refused: "threads", found: "it is not built for OpenMP" };
  return { refused: "symbols" };
}

/**
 * Opens oneDNN on another thread, which runs steps of four numbers: a primitive, a stream, the number
 * of arguments and their address. The source of this function is sent to the thread.
 */
function openOnThread(file: string): (steps: Float64Array) => void {
  const { symbols } = Deno.dlopen(file, {
    dnnl_primitive_execute: { parameters: ["u64", "u64", "i32", "u64"], result: "i32" },
    dnnl_sgemm: {
      // deno-fmt-ignore
      parameters: [
        "i8", "i8", "i64", "i64", "i64", "f32", "buffer", "i64", "buffer", "i64", "f32", "buffer",
        "i64",
      ],
      result: "i32",
    },
    omp_set_num_threads: { parameters: ["i32"], result: "void" },
  });
  symbols.omp_set_num_threads(1);
  // A share of a matrix may have gaps between its rows: the first such product takes tens of
  // milliseconds, so that it is done while nothing waits for it.
  const size = 16n, matrix = new Float32Array(256);
  symbols.dnnl_sgemm(
    ...[78, 78, size, size, size, 1, matrix, size, matrix, size, 0, matrix, size] as const,
  );
  return (steps) => {
    for (let i = 0; i < steps.length; i += 4) {
      const [primitive, stream, args] = [steps[i], steps[i + 1], steps[i + 3]].map(BigInt);
      if (symbols.dnnl_primitive_execute(primitive, stream, steps[i + 2], args) !== 0) throw 0;
    }
  };
}

/** oneDNN on one engine. */
class OneDnn implements NativeLibrary {
  readonly leastRows = 1;
  /** Other threads, which take shares. */
  #threads: Threads | undefined;
  /** One stream for each thread. */
  readonly #streams: bigint[] = [];
  /** Operations by their shapes, the newest last; `null` for those that it has no fast way for. */
  readonly #plans = new Map<string, Plan | null>();
  readonly #prepare: OneDnnPlans;

  constructor(
    readonly name: string,
    readonly onThreads: ThreadLibrary,
    readonly objects: OneDnnObjects,
    descriptions: Descriptions,
  ) {
    this.#prepare = new OneDnnPlans(objects, descriptions);
  }

  /** Each thread computes alone: those of OpenMP would wait beside ours, on the same processors. */
  setThreads(): void {
    this.objects.symbols.omp_set_num_threads(1);
  }

  shareWith(threads: Threads | undefined): void {
    if (threads === this.#threads) return;
    this.#threads = threads;
    for (const plan of this.#plans.values()) plan?.scope.close();
    this.#plans.clear();
  }

  multiply(p: Product, a: bigint, b: bigint, c: bigint): void {
    const status = this.objects.products().dnnl_sgemm(
      p.transposeA ? TRANSPOSED : PLAIN,
      p.transposeB ? TRANSPOSED : PLAIN,
      ...[BigInt(p.rows), BigInt(p.columns), BigInt(p.depth), 1] as const,
      ...[a, BigInt(p.widthA), b, BigInt(p.widthB), 0, c, BigInt(p.widthC)] as const,
    );
    check(status, "product");
  }

  can(operation: Operation): boolean {
    return this.#operation(operation) !== null;
  }

  compute(operation: Operation, addresses: readonly bigint[]): boolean {
    const plan = this.#operation(operation);
    if (plan) this.#execute(plan, addresses);
    return plan !== null;
  }

  canConvolve(pass: Pass, c: Convolution): boolean {
    return this.#convolution(pass, c) !== null;
  }

  convolve(pass: Pass, c: Convolution, source: bigint, filter: bigint, result: bigint): void {
    this.#execute(this.#convolution(pass, c)!, [source, filter, result]);
  }

  canPool(operation: PoolOperation, c: Convolution): boolean {
    return this.#pool(operation, c) !== null;
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
    this.#execute(this.#pool(operation, c)!, places[operation]);
  }

  #execute({ parts, last }: Plan, addresses: readonly bigint[]): void {
    const threads = this.#threads!, run = (step: Step, thread = 0) => this.#run(step, thread);
    parts.forEach((part, i) => this.#place(part, i, addresses));
    for (let i = 1; i < parts.length; i++) threads.beginSteps(i - 1, this.#numbersOf(parts[i], i));
    try {
      for (const step of parts[0].steps) run(step);
      for (let i = 1; i < parts.length; i++) {
        if (threads.takeBack(i - 1)) { for (const step of parts[i].steps) run(step, i); }
      }
    } finally {
      for (let i = 1; i < parts.length; i++) threads.finish(i - 1);
    }
    for (const step of last) run(step);
  }

  #place({ places, offsets, steps }: Part, thread: number, addresses: readonly bigint[]): void {
    const { objects } = this, place = objects.symbols.dnnl_memory_set_data_handle;
    for (let i = 0; i < places.length; i++) {
      if (places[i]) check(place(places[i], addresses[i] + offsets[i]), "address");
    }
    for (const { scratch } of steps) {
      if (scratch) check(place(scratch, objects.scratchOf(thread)), "address");
    }
  }

  #run({ primitive, args, count }: Step, thread: number): void {
    const { dnnl_primitive_execute: execute } = this.objects.symbols;
    check(execute(primitive, this.#stream(thread), count, args), "operation");
  }

  #numbersOf({ steps }: Part, thread: number): number[] {
    const stream = Number(this.#stream(thread));
    return steps.flatMap(({ primitive, count, args }) => [
      ...[Number(primitive), stream, count, Number(args)],
    ]);
  }

  #stream(thread: number): bigint {
    const { symbols, engine } = this.objects;
    return this.#streams[thread] ??= make(
      "stream",
      (out) => symbols.dnnl_stream_create(out, engine, IN_ORDER),
    );
  }

  /** Number of operations that are prepared. */
  get prepared(): number {
    return this.#plans.size;
  }

  #operation(operation: Operation): Plan | null {
    return this.#plan(
      keyOfOperation(operation),
      (plans) => plans.operation(sharesOf(operation, ...this.#most)),
    );
  }

  #convolution(pass: Pass, c: Convolution): Plan | null {
    return this.#plan(
      keyOf(pass, c),
      (plans) => plans.convolution(pass, sharesOfConvolution(c, ...this.#most)),
    );
  }

  #pool(operation: PoolOperation, c: Convolution): Plan | null {
    return this.#plan(
      keyOf(operation, c),
      (plans) => plans.pool(operation, sharesOfPool(operation, c, ...this.#most)),
    );
  }

  /** Number of threads, and least number of multiply-adds of a share. */
  get #most(): [number, number] {
    return [1 + (this.#threads?.count ?? 0), WORTHWHILE.share];
  }

  /** Returns an operation ready to be executed, `null` if the library has no fast way for it. */
  #plan(key: string, build: (plans: OneDnnPlans) => Plan | null): Plan | null {
    let plan = this.#plans.get(key);
    if (plan === undefined) {
      plan = build(this.#prepare);
    } else this.#plans.delete(key);
    this.#plans.set(key, plan);
    if (this.#plans.size > KEPT) {
      const [oldest, dropped] = this.#plans.entries().next().value!;
      this.#plans.delete(oldest);
      dropped?.scope.close();
    }
    return plan;
  }
}

function keyOfOperation(o: Operation): string {
  // Written out, because small products are over before a list of them is made.
  return o.kind === "products"
    ? `${o.count} ${o.rows} ${o.columns} ${o.depth} ${o.nextA} ${o.nextB} ${o.widthA} ${o.widthB} ` +
      `${o.widthC} ${o.transposeA} ${o.transposeB} ${o.bias}`
    : `${o.kind} ${o.rows} ${o.columns} ${o.epsilon} ${o.scale} ${o.offset}`;
}

function keyOf(operation: Pass | PoolOperation, c: Convolution): string {
  const { batch, channels, outChannels } = c;
  return [
    ...[operation, batch, channels, outChannels, c.depthwise, c.input, c.output],
    ...[c.filter, c.stride, c.dilation, c.pad],
  ].join();
}
