/**
 * Operations of oneDNN on one shape, prepared once and executed many times.
 *
 * @module
 */
import type { Convolution } from "../geometry.ts";
import type {
  Operation,
  Pass,
  PoolOperation,
  Products,
  RowOperation,
  Share,
} from "./native_library.ts";
import {
  type Arguments,
  AVERAGE,
  BACKWARD,
  type Descriptions,
  FORWARD_INFERENCE,
  FORWARD_TRAINING,
  MAXIMUM,
  type OneDnnObjects,
  RESULT,
  Scope,
  sizes,
  SOURCE,
  type Step,
} from "./onednn_api.ts";

/** Queries: layouts of the filter, of its gradient and of what a gradient needs. */
const FILTER_LAYOUT = 131, FILTER_GRADIENT_LAYOUT = 132, WORKSPACE_LAYOUT = 135;
/** Names of arguments. */
const FILTER = 33, BIAS = 41, WORKSPACE = 64;
const MEAN = 49, VARIANCE = 50, SCALE = 51, OFFSET = 52;
const SOURCE_GRADIENT = 129, RESULT_GRADIENT = 145, FILTER_GRADIENT = 161;
const SCALE_GRADIENT = 255, OFFSET_GRADIENT = 256;
/** Makes the library allocate a tensor. */
const ALLOCATE = 2n ** 64n - 1n;
/** Number of pixels whose mean is made in floats. */
const MANY_PIXELS = 64;

/** The primitives of one share. */
export interface Part {
  /** The tensors whose addresses each call sets; 0 for one that is missing. */
  places: bigint[];
  /** Number of bytes from the beginning of each tensor to that of the share. */
  offsets: bigint[];
  steps: Step[];
}

type Prepared = Omit<Part, "offsets">;

/** The primitives of an operation on one shape. */
export interface Plan {
  scope: Scope;
  /** Parts that threads can do at the same time. */
  parts: Part[];
  /** Steps that follow when all parts are done. */
  last: Step[];
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

/** The arguments of these names; those that are missing are left out. */
function named(names: readonly number[], memories: readonly bigint[]): Arguments {
  return names.map((name, i): [number, bigint] => [name, memories[i]]).filter(([, at]) => at);
}

/** Prepares operations; each is `null` if the library has no fast way for it. */
export class OneDnnPlans {
  constructor(readonly objects: OneDnnObjects, readonly describe: Descriptions) {}

  /** A pass of a convolution: source, filter and result. */
  convolution(pass: Pass, shares: Share<Convolution>[]): Plan | null {
    return this.#prepare(
      shares,
      (share, plan, temporary) => this.#convolution(pass, share, plan, temporary),
    );
  }

  /** A pooling, or the gradient of one. */
  pool(operation: PoolOperation, shares: Share<Convolution>[]): Plan | null {
    return this.#prepare(
      shares,
      (share, plan, temporary) => this.#pool(operation, share, plan.scope, temporary),
    );
  }

  /** Products, or an operation on rows. */
  operation(shares: Share<Operation>[]): Plan | null {
    return this.#prepare(shares, (operation, { scope }, temporary) => {
      if (operation.kind === "products") return this.#products(operation, scope, temporary);
      const { kind } = operation;
      if (kind === "softmax" || kind === "softmaxGradient") {
        return this.#softmax(operation, scope, temporary);
      }
      return this.#layerNorm(operation, scope, temporary);
    });
  }

  #prepare<T>(
    shares: Share<T>[],
    build: (share: T, plan: Plan, temporary: Scope) => Prepared | null,
  ): Plan | null {
    const plan: Plan = { scope: new Scope(), parts: [], last: [] }, temporary = new Scope();
    try {
      for (const { of, offsets } of shares) {
        const part = build(of, plan, temporary);
        if (!part) {
          plan.scope.close();
          return null;
        }
        const bytes = part.places.map((_, i) => BigInt(4 * (offsets[i] ?? 0)));
        plan.parts.push({ ...part, offsets: bytes });
      }
      return plan;
    } catch {
      plan.scope.close();
      return null;
    } finally {
      temporary.close();
    }
  }

  /** Gradients of a filter by several threads are summed at last, in the order of the shares. */
  #convolution(
    ...[pass, c, { scope, parts, last }, temporary]: [Pass, Convolution, Plan, Scope]
  ): Prepared | null {
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
      this.describe.convolution(temporary, pass, described, this.objects.engine, forward);
    const forward = describe("forward", 0n);
    const chosen = pass === "forward" ? forward : describe(pass, forward);
    const isGeneral = c.depthwise && !this.objects.nameOf(chosen).includes("dw");
    if (this.#isSlow(chosen) || isGeneral) return null;
    const { objects } = this, { dnnl_primitive_desc_query_md: layoutOf } = objects.symbols;
    const { dnnl_memory_desc_equal: equal } = objects.reorderings();
    const layout = layoutOf(chosen, pass === "filter" ? FILTER_GRADIENT_LAYOUT : FILTER_LAYOUT, 0);
    const memory = (description: bigint) => this.objects.memory(scope, description);
    const [images, results] = [memory(source), memory(result)];
    const first = parts.length > 0 && pass === "filter" ? parts[0].places[1] : 0n;
    const plain = first || memory(ours);
    const same = !first && equal(layout, ours) === 1;
    const filter = same ? plain : this.objects.memory(scope, layout, ALLOCATE);
    const names: Record<Pass, [number, number, number]> = {
      forward: [SOURCE, FILTER, RESULT],
      input: [SOURCE_GRADIENT, FILTER, RESULT_GRADIENT],
      filter: [SOURCE, FILTER_GRADIENT, RESULT_GRADIENT],
    };
    const memories = [images, filter, results];
    const main = this.objects.step(
      scope,
      chosen,
      names[pass].map((name, i) => [name, memories[i]]),
    );
    const reorder = (...sides: [bigint, bigint, bigint, bigint]) =>
      objects.reorder(scope, temporary, sides, first ? objects.adding : objects.attributes);
    const places = [images, first ? 0n : plain, results];
    if (same) return { places, steps: [main] };
    if (pass !== "filter") return { places, steps: [reorder(ours, plain, layout, filter), main] };
    const back = reorder(layout, filter, ours, plain);
    if (!first) return { places, steps: [main, back] };
    last.push(back);
    return { places, steps: [main] };
  }

  /** The gradient of a maximum finds the maxima first. */
  #pool(
    ...[operation, c, scope, temporary]: [PoolOperation, Convolution, Scope, Scope]
  ): Prepared | null {
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
      this.describe.pool(temporary, kind, described, this.objects.engine, forward);
    const kind = operation === "maximumGradient" ? MAXIMUM : AVERAGE;
    const forward = describe(0n);
    const backward = operation === "average" ? forward : describe(forward);
    if (![forward, backward].every((chosen) => this.objects.nameOf(chosen).includes("jit"))) {
      return null;
    }
    const memory = (description: bigint) => this.objects.memory(scope, description);
    const [images, results] = [memory(source), memory(result)];
    if (operation === "average") {
      const step = this.objects.step(scope, forward, [[SOURCE, images], [RESULT, results]]);
      return { places: [images, results], steps: [step] };
    }
    const slopes: [number, bigint][] = [[SOURCE_GRADIENT, images], [RESULT_GRADIENT, results]];
    if (operation === "averageGradient") {
      return { places: [images, results], steps: [this.objects.step(scope, backward, slopes)] };
    }
    const { dnnl_primitive_desc_query_md: layoutOf, dnnl_memory_desc_get_size: sizeOf } =
      this.objects.symbols;
    const maxima = layoutOf(forward, WORKSPACE_LAYOUT, 0);
    if (!maxima || sizeOf(maxima) > sizeOf(result)) return null;
    const [x, y, places] = [memory(source), memory(result), memory(maxima)];
    return {
      places: [x, y, places, images, results],
      steps: [
        this.objects.step(scope, forward, [[SOURCE, x], [RESULT, y], [WORKSPACE, places]]),
        this.objects.step(scope, backward, [...slopes, [WORKSPACE, places]]),
      ],
    };
  }

  #products(p: Products, scope: Scope, temporary: Scope): Prepared | null {
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
    const chosen = this.describe.product(temporary, a, b, bias, c, this.objects.engine);
    if (this.#isSlow(chosen)) return null;
    const places = [a, b, c, bias].map((tensor) => tensor && this.objects.memory(scope, tensor));
    const names = [SOURCE, FILTER, RESULT, BIAS];
    return { places, steps: [this.objects.step(scope, chosen, named(names, places))] };
  }

  #softmax({ kind, ...size }: RowOperation, scope: Scope, temporary: Scope): Prepared | null {
    const rows = this.#rows(temporary, size);
    const describe = (forward: bigint) =>
      this.describe.softmax(temporary, rows, this.objects.engine, forward);
    const forward = describe(0n), isForward = kind === "softmax";
    const chosen = isForward ? forward : describe(forward);
    if (this.#isSlow(chosen)) return null;
    const names = isForward ? [SOURCE, RESULT] : [RESULT_GRADIENT, RESULT, SOURCE_GRADIENT];
    const places = names.map(() => this.objects.memory(scope, rows));
    return { places, steps: [this.objects.step(scope, chosen, named(names, places))] };
  }

  /** The gradient finds means and variances first, and writes the normalised rows to its result. */
  #layerNorm(operation: RowOperation, scope: Scope, temporary: Scope): Prepared | null {
    const { kind, epsilon = 0, scale = true, offset = true } = operation;
    const rows = this.#rows(temporary, operation);
    const statistics = this.describe.tensor(temporary, [operation.rows], [1]);
    const columns = this.describe.tensor(temporary, [operation.columns], [1]);
    const norm = { rows, statistics, epsilon, scale, offset };
    const describe = (pass: number, forward: bigint) =>
      this.describe.layerNorm(temporary, pass, norm, this.objects.engine, forward);
    const memory = (description: bigint) => this.objects.memory(scope, description);
    if (kind === "layerNorm") {
      const chosen = describe(FORWARD_INFERENCE, 0n);
      if (this.#isSlow(chosen)) return null;
      const places = [
        ...[memory(rows), memory(rows)],
        ...[scale ? memory(columns) : 0n, offset ? memory(columns) : 0n],
      ];
      const names = [SOURCE, RESULT, SCALE, OFFSET];
      return { places, steps: [this.objects.step(scope, chosen, named(names, places))] };
    }
    const forward = describe(FORWARD_TRAINING, 0n), backward = describe(BACKWARD, forward);
    if (this.#isSlow(forward) || this.#isSlow(backward)) return null;
    const [dy, x, dx] = [rows, rows, rows].map(memory);
    const [factors, factorSlopes, offsetSlopes] = [columns, columns, columns].map(memory);
    const [mean, variance] = [statistics, statistics].map(memory);
    // Gradients do not depend on the offset: any numbers will do.
    const shared: Arguments = [
      ...[[SOURCE, x], [MEAN, mean], [VARIANCE, variance]] as Arguments,
      ...[[SCALE, factors], [OFFSET, factors]] as Arguments,
    ];
    return {
      places: [dy, x, dx, factors, factorSlopes, offsetSlopes, mean, variance],
      steps: [
        this.objects.step(scope, forward, [...shared, [RESULT, dx]]),
        this.objects.step(scope, backward, [
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
    return /^(ref|gemm:ref)/.test(this.objects.nameOf(description));
  }

  /** Describes images by batch, channels and extent, whatever their layout. */
  #image(scope: Scope, batch: number, size: number[], channels: number): bigint {
    const strides = size.map((_, i) => size.slice(i + 1).reduce((a, b) => a * b, channels));
    const all = size.reduce((a, b) => a * b, channels);
    return this.describe.tensor(scope, [batch, channels, ...size], [all, 1, ...strides]);
  }
}
