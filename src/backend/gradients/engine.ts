/**
 * The parts of tfjs's engine that this folder changes, which are private for TypeScript, and what is
 * noted beside its tape: the layer of each operation, what it keeps, and steps.
 *
 * Steps are operations that make integers or booleans of floats, as comparisons, casts and positions
 * of extremes do, and those that round. Their gradient is 0 everywhere, so they are no part of the
 * tape. That is cheaper than gradients of zeros, and exact where zeros would meet an infinite
 * gradient.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";

/** The gradient of each input, by its name. */
export type Gradients = Record<string, () => tf.Tensor>;

/** The arguments of a kernel beside its tensors. */
// deno-lint-ignore no-explicit-any
export type Attributes = any;

/** One operation on the tape. */
export interface TapeNode {
  id: number;
  kernelName: string;
  inputs: tf.NamedTensorMap;
  outputs: tf.Tensor[];
  gradient?: (dys: (tf.Tensor | null)[]) => Gradients;
  saved: tf.Tensor[];
}

/** An operation on a path to a result, and the names of those inputs through which the path comes. */
export interface PathNode {
  node: TapeNode;
  names: string[];
}

/** A gradient as tfjs calls it. */
export type GradientFunction = (
  dy: tf.Tensor | tf.Tensor[],
  saved: tf.Tensor[],
  attributes: Attributes,
) => Gradients;

/** A function with a gradient of its own, as `tf.customGrad` takes it. */
export type CustomFunction = (...inputs: unknown[]) => { value: tf.Tensor; gradFunc: unknown };

/** A scope: the tensors that it disposes when it ends. */
export interface Scope {
  /** Its number. */
  id: number;
  /** The function that it surrounds. */
  name: string;
  /** The tensors made in it. */
  track: tf.Tensor[];
}

/** A backend, as far as copies of tensors need it. */
interface Backend {
  incRef(dataId: object): void;
  numDataIds(): number;
}

/** The engine. */
export interface Engine {
  backend: Backend;
  backendName: string;
  ENV: { getBool(flag: string): boolean };
  state: {
    activeTape: TapeNode[];
    gradientDepth: number;
    kernelDepth: number;
    nextTapeNodeId: number;
    scopeStack: Scope[];
    activeScope: Scope;
    profiling: boolean;
    numDataMovesStack: number[];
    tensorInfo: WeakMap<object, { backend: Backend }>;
  };
  clone(x: tf.Tensor): tf.Tensor;
  keep(x: tf.Tensor): tf.Tensor;
  shouldCheckForMemLeaks(): boolean;
  checkKernelForMemLeak(kernelName: string, tensorsBefore: number, made: tf.TensorInfo[]): void;
  makeTensor(values: ArrayLike<unknown>, ...rest: unknown[]): tf.Tensor;
  makeTensorFromTensorInfo(info: tf.TensorInfo): tf.Tensor;
  makeVariable(value: tf.Tensor, ...rest: unknown[]): tf.Variable;
  tidy<T>(name: string, work: () => T): T;
  tidy<T>(work: () => T): T;
  startScope(name?: string): void;
  endScope(result?: unknown): void;
  track(tensor: tf.Tensor): void;
  startTape(): void;
  endTape(): void;
  addTapeNode(
    kernelName: string,
    inputs: Record<string, tf.Tensor | null | undefined>,
    outputs: tf.Tensor[],
    gradientFunction: GradientFunction | null,
    saved: tf.Tensor[],
    attributes: Attributes,
  ): void;
  runKernel(name: string, inputs: tf.NamedTensorMap, attributes?: Attributes): unknown;
  customGrad(f: CustomFunction): (...inputs: tf.Tensor[]) => tf.Tensor;
  saveTensorsForBackwardMode(tensors: (tf.Tensor | null | undefined)[]): tf.Tensor[];
  gradients(
    f: () => tf.Tensor,
    xs: tf.Tensor[],
    dy?: tf.Tensor,
    allowNoGradients?: boolean,
  ): { value: tf.Tensor; grads: tf.Tensor[] };
}

/** The only engine. */
export function engineOf(): Engine {
  return tf.engine() as unknown as Engine;
}

/** A kernel, as it is registered. */
export type KernelConfig = ReturnType<typeof tf.getKernel>;

/** The kernels of all backends; `undefined` if tfjs keeps them elsewhere. */
function registryOf(): Map<string, KernelConfig> | undefined {
  const { _tfGlobals: globals } = globalThis as {
    _tfGlobals?: Map<string, Map<string, KernelConfig>>;
  };
  return globals?.get("kernelRegistry");
}

const REGISTRY = registryOf();

/** The keys of kernels in the registry: tfjs makes and hashes a new string for each look-up. */
const KEYS = new Map<string, Map<string, string>>();

/** The kernel of a name on the current backend. */
export function kernelOf(name: string): KernelConfig | undefined {
  const { backendName } = engineOf();
  if (!REGISTRY || !backendName) return tf.getKernel(name, tf.getBackend());
  let keys = KEYS.get(backendName);
  if (!keys) KEYS.set(backendName, keys = new Map());
  let key = keys.get(name);
  if (!key) keys.set(name, key = `${backendName}_${name}`);
  return REGISTRY.get(key);
}

/** The layers that are being applied, the innermost last. */
const LAYERS: tf.layers.Layer[] = [];

/** Errors whose message says where they happened. */
const LOCATED = new WeakSet<Error>();

/** The layer that is being applied. */
export function currentLayer(): tf.layers.Layer | undefined {
  return LAYERS.at(-1);
}

/** Makes an error within a layer name the innermost layer. */
export function locateErrors(): void {
  const { prototype } = tf.layers.Layer;
  const { apply } = prototype;
  prototype.apply = function (this: tf.layers.Layer, inputs, kwargs) {
    LAYERS.push(this);
    try {
      return apply.call(this, inputs, kwargs);
    } catch (error) {
      locateError(error, "run", this);
      throw error;
    } finally {
      LAYERS.pop();
    }
  };
}

/** Puts the action that failed, and the layer, in front of an error's message; once. */
export function locateError(error: unknown, action: string, layer?: tf.layers.Layer): void {
  if (!(error instanceof Error) || LOCATED.has(error)) return;
  LOCATED.add(error);
  const place = layer ? `layer ${layer.name} (${layer.getClassName()})` : "a function";
  error.message = `Cannot ${action} ${place}: ${error.message}`;
}

/** A step: ids of its tensors, and of the tape's next node when it ran. */
interface Step {
  next: number;
  inputs: number[];
  outputs: number[];
}

/** The steps beside each tape. */
const STEPS = new WeakMap<TapeNode[], Step[]>();

/** Operations that make floats of floats, and whose gradient is 0. */
const FLAT = new Set(["Ceil", "Floor", "OnesLike", "Round", "Sign", "Step", "ZerosLike"]);

/** Whether an operation is a step. */
export function isStep(kernelName: string, inputs: tf.Tensor[], outputs: tf.Tensor[]): boolean {
  return FLAT.has(kernelName) || (!hasSlope(outputs) && hasSlope(inputs));
}

function hasSlope(tensors: tf.Tensor[]): boolean {
  return tensors.some(({ dtype }) => dtype === "float32" || dtype === "complex64");
}

/** Notes a step beside the tape. */
export function noteStep(inputs: tf.Tensor[], outputs: tf.Tensor[]): void {
  const { activeTape, nextTapeNodeId } = engineOf().state;
  if (!STEPS.has(activeTape)) STEPS.set(activeTape, []);
  STEPS.get(activeTape)!.push({
    next: nextTapeNodeId,
    inputs: inputs.map(({ id }) => id),
    outputs: outputs.map(({ id }) => id),
  });
}

/**
 * Connects a result with the inputs that it depends on in steps only, as in
 * `x.greater(0).toFloat()`: there the gradient is 0, where tfjs would find no connection.
 */
export function connectSteps(xs: tf.Tensor[], y: tf.Tensor): void {
  const { state } = engineOf();
  const tape = state.activeTape, steps = STEPS.get(tape);
  if (!steps) return;
  const smooth = idsBefore(y, tape, []);
  const missing = xs.filter(({ id }) => !smooth.has(id));
  if (missing.length === 0) return;
  const all = idsBefore(y, tape, steps);
  const connected = missing.filter(({ id }) => all.has(id));
  if (connected.length === 0) return;
  const inputs = Object.fromEntries(connected.map((x, i) => [i, x]));
  const slopes = connected.map((x, i) => [i, () => tf.zeros(x.shape)]);
  tape.push({
    id: state.nextTapeNodeId++,
    kernelName: "Step",
    inputs,
    outputs: [y],
    saved: [],
    gradient: () => Object.fromEntries(slopes),
  });
}

/** The ids of the tensors that `y` depends on, through the tape and the steps beside it. */
function idsBefore(y: tf.Tensor, tape: TapeNode[], steps: Step[]): Set<number> {
  const ids = new Set([y.id]);
  const left = [...steps];
  /** Follows the steps that ran after a node. */
  const followSteps = (node: number) => {
    while (left.length > 0 && left.at(-1)!.next > node) {
      const { inputs, outputs } = left.pop()!;
      if (outputs.some((id) => ids.has(id))) inputs.forEach((id) => ids.add(id));
    }
  };
  for (const { id, inputs, outputs } of tape.toReversed()) {
    followSteps(id);
    if (!outputs.some(({ id }) => ids.has(id))) continue;
    for (const name in inputs) ids.add(inputs[name].id);
  }
  followSteps(-1);
  return ids;
}

/**
 * Operations whose gradients read the shapes of the tensors that they save, and no elements: their
 * inputs need not be kept.
 */
const OF_SHAPES = [
  ...["Add", "Concat", "ExpandDims", "Mean", "PadV2", "Reshape", "Slice", "StridedSlice", "Sub"],
  ...["SplitV", "Sum", "Tile"],
];

/** The gradients of those operations; a user's own gradient may read elements. */
const GRADIENTS_OF_SHAPES = new Set<unknown>();

/** Notes the gradients of shapes, once all gradients are registered. */
export function noteGradientsOfShapes(): void {
  for (const name of OF_SHAPES) GRADIENTS_OF_SHAPES.add(tf.getGradient(name));
}

/** The tensors that an operation keeps for its gradient. */
export interface Saved {
  /** The tensors that the gradient is given. */
  readonly given: readonly (tf.Tensor | undefined)[];
  /** The copies among them, which the tape disposes. */
  readonly copies: tf.Tensor[];
  /** The copied tensors, where the tape does not lead from them to the copies yet. */
  readonly originals?: readonly tf.Tensor[];
}

const NOTHING: Saved = { given: [], copies: [] };

/** A kernel may return a tensor. */
export function toTensor(engine: Engine, info: tf.TensorInfo): tf.Tensor {
  return "rank" in info ? info as tf.Tensor : engine.makeTensorFromTensorInfo(info);
}

/** Saves the tensors that the gradient of an operation needs. */
export function save(
  engine: Engine,
  kernelName: string,
  inputs: Record<string, tf.Tensor | null | undefined>,
  outputs: tf.Tensor[],
): Saved {
  const gradient = tf.getGradient(kernelName);
  if (!gradient) return NOTHING;
  const { inputsToSave = [], saveAllInputs, outputsToSave } = gradient;
  if (saveAllInputs) {
    tf.util.assert(
      Array.isArray(inputs),
      () => "saveAllInputs is true, expected inputs to be an array.",
    );
  }
  const wanted = saveAllInputs ? Object.values(inputs) : inputsToSave.map((name) => inputs[name]);
  if (GRADIENTS_OF_SHAPES.has(gradient)) return { given: wanted as tf.Tensor[], copies: [] };
  outputs.forEach((output, i) => {
    if (outputsToSave?.[i]) wanted.push(output);
  });
  const given: (tf.Tensor | undefined)[] = [],
    copies: tf.Tensor[] = [],
    originals: tf.Tensor[] = [];
  for (const tensor of wanted) {
    const copy = tensor == null ? undefined : engine.keep(aliasOf(engine, tensor));
    given.push(copy);
    if (!copy) continue;
    copies.push(copy);
    originals.push(tensor!);
  }
  return { given, copies, originals };
}

/** A tensor of the same elements, under another shape of the same size. */
export function aliasOf(engine: Engine, x: tf.Tensor, shape: number[] = x.shape): tf.Tensor {
  const { backend, state } = engine;
  const { dataId, dtype } = x;
  const isLight = dtype !== "complex64" && dtype !== "string" &&
    state.tensorInfo.get(dataId)?.backend === backend;
  if (!isLight) return engine.runKernel("Reshape", { x }, { shape }) as tf.Tensor;
  const alias = engine.makeTensorFromTensorInfo({ dataId, shape, dtype });
  backend.incRef(dataId);
  return alias;
}
