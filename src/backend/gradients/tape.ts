/**
 * The tape: where tfjs records operations for gradients. Repairs of what it records.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { type Attributes, type Gradients, unbroadcast } from "./gradient.ts";

/** One operation on the tape. */
interface TapeNode {
  id: number;
  kernelName: string;
  inputs: tf.NamedTensorMap;
  outputs: tf.Tensor[];
  gradient?: (dys: (tf.Tensor | null)[]) => Gradients;
  saved: tf.Tensor[];
}

type GradientFunction = (
  dy: tf.Tensor | tf.Tensor[],
  saved: tf.Tensor[],
  attributes: Attributes,
) => Gradients;

/** A function with a gradient of its own, as `tf.customGrad` takes it. */
type CustomFunction = (...inputs: unknown[]) => { value: tf.Tensor; gradFunc: unknown };

/** The parts of tfjs's engine that we use, private for TypeScript. */
interface Engine {
  state: {
    activeTape: TapeNode[];
    gradientDepth: number;
    kernelDepth: number;
    nextTapeNodeId: number;
    scopeStack: { name: string }[];
  };
  addTapeNode(
    kernelName: string,
    inputs: Record<string, tf.Tensor | null | undefined>,
    outputs: tf.Tensor[],
    gradientFunction: GradientFunction | null,
    saved: tf.Tensor[],
    attributes: Attributes,
  ): void;
  customGrad(f: CustomFunction): (...inputs: tf.Tensor[]) => tf.Tensor;
  saveTensorsForBackwardMode(tensors: (tf.Tensor | null | undefined)[]): tf.Tensor[];
  gradients(
    f: () => tf.Tensor,
    xs: tf.Tensor[],
    dy?: tf.Tensor,
    allowNoGradients?: boolean,
  ): unknown;
}

/** An operation from floats to integers or booleans, and where the tape was when it ran. */
interface Step {
  at: number;
  inputs: number[];
  outputs: number[];
}

/** The steps beside each tape. */
const steps = new WeakMap<TapeNode[], Step[]>();

/** For saved tensors of which some are missing: what should have been saved. */
const gaps = new WeakMap<tf.Tensor[], (tf.Tensor | null | undefined)[]>();

/** The layers that are being applied, the innermost last. */
const layers: tf.layers.Layer[] = [];

interface Operation {
  kernelName: string;
  layer?: tf.layers.Layer;
}

/** The operation whose gradient is being computed. */
let current: Operation | undefined;

/** Errors whose message says where they came from. */
const located = new WeakSet<Error>();

const fixed = new WeakSet<Engine>();

/** Repairs the tape, once. */
export function fixTape(): void {
  const engine = tf.engine() as unknown as Engine;
  if (fixed.has(engine)) return;
  fixed.add(engine);
  nameLayers();
  const { gradients, saveTensorsForBackwardMode } = engine;
  engine.saveTensorsForBackwardMode = function (tensors) {
    const present = tensors.filter((tensor) => tensor != null);
    const saved = saveTensorsForBackwardMode.call(engine, present);
    if (present.length < tensors.length) gaps.set(saved, tensors);
    return saved;
  };
  engine.addTapeNode = record;
  const { customGrad } = engine;
  engine.customGrad = (f) => customGrad.call(engine, (...inputs) => runCustom(engine, f, inputs));
  engine.gradients = function (f, xs, dy, allowNoGradients) {
    const connected = () => {
      const y = f();
      if (y instanceof tf.Tensor) connectSteps(engine.state.activeTape, xs, y);
      return y;
    };
    const outer = current;
    current = undefined;
    try {
      return gradients.call(engine, connected, xs, dy, allowNoGradients);
    } catch (error) {
      const failed = current as Operation | undefined;
      if (failed) locate(error, `differentiate ${failed.kernelName} in`, failed.layer);
      if (engine.state.gradientDepth === 0) disposeTape(engine);
      throw error;
    } finally {
      current = outer;
    }
  };
}

/** Disposes what a tape keeps after an error, which tfjs does not. */
function disposeTape({ state }: Engine): void {
  for (const { saved } of state.activeTape ?? []) {
    for (const tensor of saved) if (!tensor.isDisposed) tensor.dispose();
  }
  state.activeTape = null as never;
}

/**
 * Puts an operation on the tape, unlike tfjs:
 *
 * - before the copies of its results that its own gradient keeps, as they depend on it: else the
 *   gradient of a gradient does not see that sigmoid's slope, `y * (1 - y)`, depends on `y`;
 * - without the inputs that were left out, such as the scale of a batch normalisation;
 * - only if slopes can pass: integers and booleans made of floats have none;
 * - and if it has no gradient, with one that says so and names the layer.
 */
function record(
  this: Engine,
  kernelName: string,
  inputs: Record<string, tf.Tensor | null | undefined>,
  outputs: tf.Tensor[],
  gradientFunction: GradientFunction | null,
  saved: tf.Tensor[],
  attributes: Attributes,
): void {
  const { state } = this;
  const tape = state.activeTape;
  const present: tf.NamedTensorMap = {};
  for (const name in inputs) if (inputs[name] != null) present[name] = inputs[name];
  if (!hasSlope(outputs) && hasSlope(Object.values(present))) {
    saved.forEach((tensor) => tensor.dispose());
    if (!steps.has(tape)) steps.set(tape, []);
    steps.get(tape)!.push({
      at: tape.length,
      inputs: Object.values(present).map(({ id }) => id),
      outputs: outputs.map(({ id }) => id),
    });
    return;
  }
  const layer = layers.at(-1);
  let isBlind = false;
  const compute = gradientAt(this, kernelName, present) ??
    tf.getGradient(kernelName)?.gradFunc as GradientFunction | undefined ?? gradientFunction ??
    refuse;
  const node: TapeNode = {
    id: state.nextTapeNodeId++,
    kernelName,
    inputs: present,
    outputs,
    saved,
    gradient: (dys) => {
      current = { kernelName, layer };
      if (isBlind && state.gradientDepth > 0) {
        throw new TypeError(
          "its gradient has none, as the function was called outside of the inner gradient",
        );
      }
      const slopes = outputs.length > 1 ? withZeros(dys, outputs) : dys[0]!;
      return compute(slopes, withGaps(saved), attributes);
    },
  };
  const { copies, unknown } = takeCopies(tape, outputs, saved);
  // Only results on the way, of a function with a gradient of its own, come from nowhere.
  isBlind = gradientFunction !== null && state.gradientDepth < 2 &&
    unknown.some((x) => !Object.values(present).includes(x));
  tape.push(node, ...copies);
}

/**
 * Runs a function with a gradient of its own. Within two gradients its operations are recorded, too:
 * its gradient may keep any of their results, which the gradient's own gradient must follow.
 */
function runCustom(
  { state }: Engine,
  f: CustomFunction,
  inputs: unknown[],
): ReturnType<CustomFunction> {
  if (state.gradientDepth < 2) return f(...inputs);
  const { activeTape: tape, kernelDepth } = state;
  const begin = tape.length;
  const save = inputs.at(-1) as (tensors: tf.Tensor[]) => void;
  const saveAside = (tensors: tf.Tensor[]) => {
    // Copies put themselves on the tape; as operations they would be there twice.
    state.kernelDepth = kernelDepth;
    save(tensors);
    state.kernelDepth = 0;
  };
  state.kernelDepth = 0;
  try {
    const result = f(...inputs.slice(0, -1), saveAside);
    for (let i = tape.length - 1; i >= begin; i--) {
      // The whole function leads to the value, with the gradient that it brings.
      if (!tape[i].outputs.includes(result.value)) continue;
      tape.splice(i, 1)[0].saved.forEach((tensor) => tensor.dispose());
    }
    return result;
  } finally {
    state.kernelDepth = kernelDepth;
  }
}

function hasSlope(tensors: tf.Tensor[]): boolean {
  return tensors.some(({ dtype }) => dtype === "float32" || dtype === "complex64");
}

/** Takes the copies of results off the end of the tape; returns what else was copied, too. */
function takeCopies(
  tape: TapeNode[],
  results: tf.Tensor[],
  saved: tf.Tensor[],
): { copies: TapeNode[]; unknown: tf.Tensor[] } {
  const copies: TapeNode[] = [], unknown: tf.Tensor[] = [];
  for (let i = tape.length - 1, left = saved.length; i >= 0 && left > 0; i--) {
    const { inputs: { x }, outputs } = tape[i];
    if (!saved.includes(outputs[0])) continue;
    left--;
    if (results.includes(x)) copies.unshift(...tape.splice(i, 1));
    else unknown.push(x);
  }
  return { copies, unknown };
}

/** Saved tensors by the positions that a gradient expects. */
function withGaps(saved: tf.Tensor[]): tf.Tensor[] {
  const wanted = gaps.get(saved);
  if (!wanted) return saved;
  const left = [...saved];
  return wanted.map((tensor) => tensor == null ? undefined : left.shift()) as tf.Tensor[];
}

/** The slopes by several results; zeros for those that were not used, made when they are asked for. */
function withZeros(dys: (tf.Tensor | null)[], outputs: tf.Tensor[]): tf.Tensor[] {
  const given: tf.Tensor[] = [];
  dys.forEach((dy, i) => {
    if (dy) given[i] = dy;
    else {
      Object.defineProperty(given, i, {
        enumerable: true,
        get: () => tf.zeros(outputs[i].shape, outputs[i].dtype),
      });
    }
  });
  return given;
}

/** Whether a result of several has a slope, rather than zeros. */
export function isUsed(dys: tf.Tensor[], index: number): boolean {
  return Object.getOwnPropertyDescriptor(dys, index)?.get === undefined;
}

/**
 * Connects the result with what it depends on in steps only, as in `x.greater(0).toFloat()`: there
 * the slope is zero, where tfjs would see no connection at all.
 */
function connectSteps(tape: TapeNode[], xs: tf.Tensor[], y: tf.Tensor): void {
  const flats = steps.get(tape);
  if (!flats) return;
  const smooth = idsBefore(y, tape, []);
  const missing = xs.filter(({ id }) => !smooth.has(id));
  if (missing.length === 0) return;
  const all = idsBefore(y, tape, flats);
  const inputs = Object.fromEntries(
    missing.filter(({ id }) => all.has(id)).map((x, i) => [i, x]),
  );
  if (Object.keys(inputs).length === 0) return;
  const { state } = tf.engine() as unknown as Engine;
  tape.push({
    id: state.nextTapeNodeId++,
    kernelName: "Step",
    inputs,
    outputs: [y],
    saved: [],
    gradient: () =>
      Object.fromEntries(
        Object.entries(inputs).map(([name, x]) => [name, () => tf.zeros(x.shape)]),
      ),
  });
}

/** The ids of the tensors that `y` depends on, along the tape and the steps beside it. */
function idsBefore(y: tf.Tensor, tape: TapeNode[], flats: Step[]): Set<number> {
  const ids = new Set([y.id]);
  let step = flats.length - 1;
  const takeSteps = (from: number) => {
    for (; step >= 0 && flats[step].at >= from; step--) {
      if (flats[step].outputs.some((id) => ids.has(id))) {
        flats[step].inputs.forEach((id) => ids.add(id));
      }
    }
  };
  for (let i = tape.length - 1; i >= 0; i--) {
    takeSteps(i + 1);
    const { inputs, outputs } = tape[i];
    if (!outputs.some(({ id }) => ids.has(id))) continue;
    for (const name in inputs) ids.add(inputs[name].id);
  }
  takeSteps(0);
  return ids;
}

/** Gradients of operations within functions of tfjs whose slope is not that of their parts. */
const withinFunctions: Record<string, Record<string, GradientFunction>> = {
  Sqrt: {
    // A norm is not smooth at zero, where PyTorch gives it the slope 0; that of a root is infinite.
    norm__op: (dy, [y]) => ({ x: () => tf.divNoNan(dy as tf.Tensor, y.mul(2)) }),
  },
  RealDiv: {
    // The quotient by 0 is 0 there.
    divNoNan__op: (dy, [a, b]) => ({
      a: () => unbroadcast(tf.divNoNan(dy as tf.Tensor, b), a.shape),
      b: () => {
        const slope = tf.divNoNan((dy as tf.Tensor).mul(a), b.square()).neg();
        return unbroadcast(slope, b.shape);
      },
    }),
  },
};

/** The gradient that an operation has because of what it is a part of. */
function gradientAt(
  { state }: Engine,
  kernelName: string,
  inputs: tf.NamedTensorMap,
): GradientFunction | undefined {
  if (kernelName === "Abs") return besideRelu(state.activeTape, inputs.x);
  const gradients = withinFunctions[kernelName];
  if (!gradients) return;
  const scope = state.scopeStack.findLast(({ name }) => name in gradients);
  return scope && gradients[scope.name];
}

/**
 * The gradient of `|x|` in `max(x, 0) + log(1 + exp(-|x|))`, as tfjs's cross-entropies of logits
 * compute softplus: there a slope of 0 at 0 would be wrong beside the slope 0 of `max(x, 0)`.
 */
function besideRelu(tape: TapeNode[], x: tf.Tensor): GradientFunction | undefined {
  const beside = tape.slice(-8).some(({ kernelName, inputs }) =>
    kernelName === "Relu" && inputs.x?.id === x.id
  );
  if (!beside) return;
  return (dy, [x]) => ({ x: () => (dy as tf.Tensor).mul(tf.step(x, -1)) });
}

/** The gradient of operations that have none. */
function refuse(): never {
  throw new TypeError(`gradient function not found for ${current?.kernelName}`);
}

/** Keeps track of the layer that is being applied, and names it in errors. */
function nameLayers(): void {
  const { prototype } = tf.layers.Layer;
  const { apply } = prototype;
  prototype.apply = function (this: tf.layers.Layer, inputs, kwargs) {
    layers.push(this);
    try {
      return apply.call(this, inputs, kwargs);
    } catch (error) {
      locate(error, "run", this);
      throw error;
    } finally {
      layers.pop();
    }
  };
}

/** Puts in front of an error's message what failed, and in which layer; once. */
function locate(error: unknown, action: string, layer?: tf.layers.Layer): void {
  if (!(error instanceof Error) || located.has(error)) return;
  located.add(error);
  const place = layer ? `layer ${layer.name} (${layer.getClassName()})` : "a function";
  error.message = `Cannot ${action} ${place}: ${error.message}`;
}
