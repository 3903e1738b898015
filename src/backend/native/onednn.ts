/**
 * Opens oneDNN, and calls it.
 *
 * @module
 */
import { type Convolution, pointsOf } from "../geometry.ts";
import { integersAt, openLibrary, withVariables } from "./foreign.ts";
import type {
  NativeLibrary,
  Operation,
  Pass,
  PoolOperation,
  Product,
  Refusal,
} from "./native_library.ts";
import { descriptions2, descriptions3 } from "./onednn_descriptions.ts";
import { check, COMMON_SYMBOLS, make, PRODUCT_SYMBOLS } from "./onednn_api.ts";
import { OneDnnPlans, type Plan, type Symbols } from "./onednn_plans.ts";

/** The generations whose headers were read, and the last minor version of each. */
const KNOWN: Record<number, { last: number; describe: typeof descriptions2 } | undefined> = {
  2: { last: 7, describe: descriptions2 },
  3: { last: 14, describe: descriptions3 },
};

/** Number of OpenMP among the runtimes of threads that the library may be built for. */
const OPENMP = 2;
/** Numbers of an engine on the CPU and of a stream that works in order. */
const CPU = 1, IN_ORDER = 1;
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
  const opened = isKnown && runtime === OPENMP ? openLibrary(names, PRODUCT_SYMBOLS) : undefined;
  if (opened && "symbols" in opened) {
    return new OneDnn(`oneDNN ${found}`, opened.symbols, () => bind(names, known!.describe));
  }
  first.close();
  if (!isKnown) return { refused: "version", found };
  if (runtime !== OPENMP) return { refused: "threads", found: "it is not built for OpenMP" };
  return { refused: "symbols" };
}

/** All of the library but products. */
interface Bound {
  symbols: Symbols;
  stream: bigint;
  plans: OneDnnPlans;
}

/** Binds everything but products; `undefined` if a function is missing. */
function bind(names: readonly string[], describe: typeof descriptions2): Bound | undefined {
  const opened = openLibrary(names, COMMON_SYMBOLS);
  const descriptions = describe(names);
  if ("refused" in opened || !descriptions) return undefined;
  const { symbols } = opened;
  const engine = make("engine", (out) => symbols.dnnl_engine_create(out, CPU, 0n));
  const stream = make("stream", (out) => symbols.dnnl_stream_create(out, engine, IN_ORDER));
  return { symbols, stream, plans: new OneDnnPlans(symbols, descriptions, engine) };
}

/** oneDNN on one engine. */
class OneDnn implements NativeLibrary {
  readonly leastRows = 1;
  #threads = 0;
  /** Bound at the first operation that is no product: to bind all functions takes milliseconds. */
  #bound: Bound | undefined;
  /** Operations by their shapes, the newest last; `null` for those that it has no fast way for. */
  readonly #plans = new Map<string, Plan | null>();

  constructor(
    readonly name: string,
    readonly symbols: Deno.DynamicLibrary<typeof PRODUCT_SYMBOLS>["symbols"],
    readonly bind: () => Bound | undefined,
  ) {}

  setThreads(count: number): void {
    if (count === this.#threads) return;
    this.#threads = count;
    this.symbols.omp_set_num_threads(count);
    // Operations are split when they are prepared.
    for (const plan of this.#plans.values()) plan?.scope.close();
    this.#plans.clear();
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

  #execute({ places, steps }: Plan, addresses: readonly bigint[]): void {
    const { symbols, stream } = this.#bound!;
    const { dnnl_memory_set_data_handle: place, dnnl_primitive_execute: execute } = symbols;
    places.forEach((memory, i) => memory && check(place(memory, addresses[i]), "address"));
    for (const { primitive, args, count } of steps) {
      check(execute(primitive, stream, count, args), "operation");
    }
  }

  /** Number of operations that are prepared. */
  get prepared(): number {
    return this.#plans.size;
  }

  #operation(operation: Operation): Plan | null {
    return this.#plan(keyOfOperation(operation), (plans) => plans.operation(operation));
  }

  #convolution(pass: Pass, c: Convolution): Plan | null {
    return this.#plan(keyOf(pass, c), (plans) => plans.convolution(pass, c));
  }

  #pool(operation: PoolOperation, c: Convolution): Plan | null {
    return this.#plan(keyOf(operation, c), (plans) => plans.pool(operation, c));
  }

  /** Returns an operation ready to be executed, `null` if the library has no fast way for it. */
  #plan(key: string, build: (plans: OneDnnPlans) => Plan | null): Plan | null {
    let plan = this.#plans.get(key);
    if (plan === undefined) {
      this.#bound ??= this.bind();
      plan = this.#bound ? build(this.#bound.plans) : null;
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
