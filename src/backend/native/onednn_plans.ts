/**
 * Operations of oneDNN on one shape, prepared once and executed many times.
 *
 * @module
 */
import type { Convolution } from "../geometry.ts";
import { allocate, textAt } from "./foreign.ts";
import type { Operation, Pass, PoolOperation, Products, RowOperation } from "./native_library.ts";
import {
  AVERAGE,
  BACKWARD,
  type COMMON_SYMBOLS,
  type Descriptions,
  FORWARD_INFERENCE,
  FORWARD_TRAINING,
  make,
  MAXIMUM,
  Scope,
  sizes,
} from "./onednn_api.ts";

/** Queries: the name of an implementation, and layouts of the filter and of its gradient. */
const IMPLEMENTATION = 8, FILTER_LAYOUT = 131, FILTER_GRADIENT_LAYOUT = 132;
const WORKSPACE_LAYOUT = 135;
/** Names of arguments. */
const SOURCE = 1, RESULT = 17, FILTER = 33, BIAS = 41, WORKSPACE = 64;
const MEAN = 49, VARIANCE = 50, SCALE = 51, OFFSET = 52;
const SOURCE_GRADIENT = 129, RESULT_GRADIENT = 145, FILTER_GRADIENT = 161;
const SCALE_GRADIENT = 255, OFFSET_GRADIENT = 256;
/** Makes the library allocate a tensor. */
const ALLOCATE = 2n ** 64n - 1n;
/** Number of pixels whose mean is made in floats. */
const MANY_PIXELS = 64;

/** The functions of every version. */
export type Symbols = Deno.DynamicLibrary<typeof COMMON_SYMBOLS>["symbols"];

/** The primitives of an operation on one shape. */
export interface Plan {
  scope: Scope;
  /** The tensors whose addresses each call sets; 0 for one that is missing. */
  places: bigint[];
  steps: { primitive: bigint; args: bigint; count: number }[];
}

/** The names of a step's arguments, with their tensors. */
type Arguments = [name: number, memory: bigint][];

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

/** The arguments of these names; those that are missing are left out. */
function named(names: readonly number[], memories: readonly bigint[]): Arguments {
  return names.map((name, i): [number, bigint] => [name, memories[i]]).filter(([, at]) => at);
}

/** Prepares operations; each is `null` if the library has no fast way for it. */
export class OneDnnPlans {
  constructor(
    readonly symbols: Symbols,
    readonly describe: Descriptions,
    readonly engine: bigint,
  ) {}

  /** A pass of a convolution: source, filter and result. */
  convolution(pass: Pass, c: Convolution): Plan | null {
    return this.#prepare((scope, temporary) => this.#convolution(pass, c, scope, temporary));
  }

  /** A pooling, or the gradient of one. */
  pool(operation: PoolOperation, c: Convolution): Plan | null {
    return this.#prepare((scope, temporary) => this.#pool(operation, c, scope, temporary));
  }

  /** Products, or an operation on rows. */
  operation(operation: Operation): Plan | null {
    return this.#prepare((scope, temporary) => {
      if (operation.kind === "products") return this.#products(operation, scope, temporary);
      const { kind } = operation;
      if (kind === "softmax" || kind === "softmaxGradient") {
        return this.#softmax(operation, scope, temporary);
      }
      return this.#layerNorm(operation, scope, temporary);
    });
  }

  #prepare(build: (scope: Scope, temporary: Scope) => Plan | null): Plan | null {
    const scope = new Scope(), temporary = new Scope();
    try {
      const plan = build(scope, temporary);
      if (!plan) scope.close();
      return plan;
    } catch {
      scope.close();
      return null;
    } finally {
      temporary.close();
    }
  }

  #convolution(pass: Pass, c: Convolution, scope: Scope, temporary: Scope): Plan | null {
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
      this.describe.convolution(temporary, pass, described, this.engine, forward);
    const forward = describe("forward", 0n);
    const chosen = pass === "forward" ? forward : describe(pass, forward);
    const isGeneral = c.depthwise && !this.#nameOf(chosen).includes("dw");
    if (this.#isSlow(chosen) || isGeneral) return null;
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

  /** The gradient of a maximum finds the maxima first. */
  #pool(
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
      this.describe.pool(temporary, kind, described, this.engine, forward);
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

  #products(p: Products, scope: Scope, temporary: Scope): Plan | null {
    const tensor = (shape: number[], strides: number[]) =>
      this.describe.tensor(temporary, shape, strides);
    const matrices = (
      ...[next, rows, columns, width, transposed]: [number, number, number, number, boolean]
    ) => {
      const [all, lines] = transposed ? [columns * width, [1, width]] : [rows * width, [width, 1]];
      return tensor([next === 0 ? 1 : p.count, rows, columns], [next || all, ...lines]);
    };
    const a = matrices(p.nextA, p.rows, p.depth, p.widthA, p.transposeA);
    const b = matrices(p.nextB, p.depth, p.columns, p.widthB, p.transposeB);
    const c = tensor([p.count, p.rows, p.columns], [p.rows * p.widthC, p.widthC, 1]);
    const bias = p.bias ? tensor([1, 1, p.columns], [p.columns, p.columns, 1]) : 0n;
    const chosen = this.describe.product(temporary, a, b, bias, c, this.engine);
    if (this.#isSlow(chosen)) return null;
    const places = [a, b, c, bias].map((tensor) => tensor && this.#memory(scope, tensor, 0n));
    const names = [SOURCE, FILTER, RESULT, BIAS];
    return { scope, places, steps: [this.#step(scope, chosen, named(names, places))] };
  }

  #softmax({ kind, ...size }: RowOperation, scope: Scope, temporary: Scope): Plan | null {
    const rows = this.#rows(temporary, size);
    const describe = (forward: bigint) =>
      this.describe.softmax(temporary, rows, this.engine, forward);
    const forward = describe(0n), isForward = kind === "softmax";
    const chosen = isForward ? forward : describe(forward);
    if (this.#isSlow(chosen)) return null;
    const names = isForward ? [SOURCE, RESULT] : [RESULT_GRADIENT, RESULT, SOURCE_GRADIENT];
    const places = names.map(() => this.#memory(scope, rows, 0n));
    return { scope, places, steps: [this.#step(scope, chosen, named(names, places))] };
  }

  /** The gradient finds means and variances first, and writes the normalised rows to its result. */
  #layerNorm(operation: RowOperation, scope: Scope, temporary: Scope): Plan | null {
    const { kind, epsilon = 0, scale = true, offset = true } = operation;
    const rows = this.#rows(temporary, operation);
    const statistics = this.describe.tensor(temporary, [operation.rows], [1]);
    const columns = this.describe.tensor(temporary, [operation.columns], [1]);
    const norm = { rows, statistics, epsilon, scale, offset };
    const describe = (pass: number, forward: bigint) =>
      this.describe.layerNorm(temporary, pass, norm, this.engine, forward);
    const memory = (description: bigint) => this.#memory(scope, description, 0n);
    if (kind === "layerNorm") {
      const chosen = describe(FORWARD_INFERENCE, 0n);
      if (this.#isSlow(chosen)) return null;
      const places = [
        ...[memory(rows), memory(rows)],
        ...[scale ? memory(columns) : 0n, offset ? memory(columns) : 0n],
      ];
      const names = [SOURCE, RESULT, SCALE, OFFSET];
      return { scope, places, steps: [this.#step(scope, chosen, named(names, places))] };
    }
    const forward = describe(FORWARD_TRAINING, 0n), backward = describe(BACKWARD, forward);
    if (this.#isSlow(forward) || this.#isSlow(backward)) return null;
    const [dy, x, dx] = [rows, rows, rows].map(memory);
    const [factors, factorSlopes, offsetSlopes] = [columns, columns, columns].map(memory);
    const [mean, variance] = [statistics, statistics].map(memory);
    // Slopes do not depend on the offset: any numbers will do.
    const shared: Arguments = [
      ...[[SOURCE, x], [MEAN, mean], [VARIANCE, variance]] as Arguments,
      ...[[SCALE, factors], [OFFSET, factors]] as Arguments,
    ];
    return {
      scope,
      places: [dy, x, dx, factors, factorSlopes, offsetSlopes, mean, variance],
      steps: [
        this.#step(scope, forward, [...shared, [RESULT, dx]]),
        this.#step(scope, backward, [
          ...[...shared, [RESULT_GRADIENT, dy], [SOURCE_GRADIENT, dx]] as Arguments,
          ...[[SCALE_GRADIENT, factorSlopes], [OFFSET_GRADIENT, offsetSlopes]] as Arguments,
        ]),
      ],
    };
  }

  /** Describes the rows of a matrix. */
  #rows(scope: Scope, { rows, columns }: { rows: number; columns: number }): bigint {
    return this.describe.tensor(scope, [rows, columns], [columns, 1]);
  }

  /** Whether the library computes in its slow, general way. */
  #isSlow(description: bigint): boolean {
    return /^(ref|gemm:ref)/.test(this.#nameOf(description));
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
        (out) => this.symbols.dnnl_memory_create(out, description, this.engine, address),
      ),
      this.symbols.dnnl_memory_destroy,
    );
  }

  #step(scope: Scope, description: bigint, memories: Arguments) {
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
      make("reordering", (out) => create(out, from, this.engine, to, this.engine, 0n)),
      this.symbols.dnnl_primitive_desc_destroy,
    );
    return this.#step(scope, description, [[SOURCE, source], [RESULT, target]]);
  }
}
