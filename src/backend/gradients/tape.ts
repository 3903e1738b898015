/**
 * Repairs of the tape: the list on which tfjs records operations for gradients.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import {
  aliasOf,
  currentLayer,
  type CustomFunction,
  type Engine,
  engineOf,
  type GradientFunction,
  isStep,
  type KernelConfig,
  kernelOf,
  locateError,
  locateErrors,
  noteGradientsOfShapes,
  noteStep,
  save,
  type Saved,
  type TapeNode,
  toTensor,
} from "./engine.ts";
import { disposeTape, endScope, gradients } from "./backpropagate.ts";
import { isTiled, noteNumber, noteProduct, noteTiles, noteVariable } from "./join_operations.ts";
import {
  complexGradient,
  gradientWithin,
  isComplex,
  sumComplexSlopes,
  withComplexSlopes,
} from "./special_gradients.ts";
import type { Attributes } from "./gradient.ts";

/** The inputs and results that should have been saved, for those of which some are missing. */
const WANTED = new WeakMap<tf.Tensor[], (tf.Tensor | null | undefined)[]>();

/** Operations whose results are a list, also if it has one tensor: so are the gradients. */
const LISTS = ["SplitV", "Unpack"];

/** An operation and the layer that it is a part of. */
interface Operation {
  kernelName: string;
  layer?: tf.layers.Layer;
}

/** The operation whose gradient is being computed. */
let current: Operation | undefined;

let isFixed = false;

/** Repairs the tape, once all gradients are registered. A second call does nothing. */
export function fixTape(): void {
  if (isFixed) return;
  isFixed = true;
  noteGradientsOfShapes();
  locateErrors();
  const engine = engineOf();
  const { customGrad, saveTensorsForBackwardMode, runKernel } = engine;
  engine.runKernel = (name, inputs, attributes) => {
    const { ENV, state } = engine;
    const kernel = kernelOf(name);
    const isOurs = kernel && !state.profiling && !ENV.getBool("DEBUG");
    return isOurs
      ? takeOperation(engine, kernel, inputs, attributes)
      : runKernel.call(engine, name, inputs, attributes);
  };
  const { makeTensor, makeVariable } = engine;
  engine.makeTensor = (values, ...rest) => {
    const tensor = makeTensor.call(engine, values, ...rest);
    if (tensor.size === 1 && engine.state.gradientDepth > 0) noteNumber(tensor, Number(values[0]));
    return tensor;
  };
  engine.makeVariable = (value, ...rest) => {
    noteVariable(value);
    return makeVariable.call(engine, value, ...rest);
  };
  sumComplexSlopes();
  engine.addTapeNode = record;
  engine.endScope = endScope;
  engine.customGrad = (f) => customGrad.call(engine, (...inputs) => runCustom(engine, f, inputs));
  engine.saveTensorsForBackwardMode = function (tensors) {
    const present = tensors.filter((tensor) => tensor != null);
    const saved = saveTensorsForBackwardMode.call(engine, present);
    if (present.length < tensors.length) WANTED.set(saved, tensors);
    return saved;
  };
  engine.gradients = function (f, xs, dy, allowNoGradients) {
    const outer = current;
    current = undefined;
    try {
      const compute = () => gradients.call(engine, f, xs, dy, allowNoGradients);
      return xs.some(({ dtype }) => dtype === "complex64")
        ? withComplexSlopes(xs, compute)
        : compute();
    } catch (error) {
      const failed = current as Operation | undefined;
      if (failed) locateError(error, `differentiate ${failed.kernelName} in`, failed.layer);
      if (engine.state.gradientDepth === 0) disposeTape(engine);
      throw error;
    } finally {
      current = outer;
    }
  };
}

/** An operation whose copies are not on the tape. */
const NO_COPIES = { copies: [] as TapeNode[], others: [] as tf.Tensor[] };

/**
 * Takes an operation as tfjs does, but with fewer containers, and with copies of the saved tensors
 * that are no operations themselves: otherwise half of all operations of a step are copies.
 */
function takeOperation(
  engine: Engine,
  { kernelName, kernelFunc }: KernelConfig,
  inputs: tf.NamedTensorMap,
  attrs: Attributes,
): tf.Tensor | tf.Tensor[] {
  const { state, backend } = engine;
  const isTapeOn = state.gradientDepth > 0 && state.kernelDepth === 0;
  const isTest = engine.shouldCheckForMemLeaks(), tensorsBefore = isTest ? backend.numDataIds() : 0;
  if (isTest) state.numDataMovesStack.push(0);
  const ofTiled = kernelName === "BatchMatMul" && isTiled(inputs, attrs.transposeA);
  if (ofTiled) attrs = { ...attrs, isTiled: true };
  state.kernelDepth++;
  let made: tf.TensorInfo | tf.TensorInfo[], outputs: tf.Tensor[];
  try {
    made = kernelFunc({ inputs, attrs, backend });
    const infos = Array.isArray(made) ? made : [made];
    if (isTest) engine.checkKernelForMemLeak(kernelName, tensorsBefore, infos);
    outputs = infos.map((info) => toTensor(engine, info));
    if (kernelName === "Tile") noteTiles(inputs, outputs);
    if (ofTiled) noteProduct(outputs);
    if (isTapeOn) {
      const present = presentIn(inputs), tensors = Object.values(present);
      if (isStep(kernelName, tensors, outputs)) noteStep(tensors, outputs);
      else {
        const saved = save(engine, kernelName, inputs, outputs);
        put(engine, kernelName, present, tensors, outputs, null, saved, attrs);
      }
    }
  } finally {
    state.kernelDepth--;
  }
  return Array.isArray(made) ? outputs : outputs[0];
}

/** Puts an operation on the tape that tfjs has taken. */
function record(
  this: Engine,
  kernelName: string,
  inputs: Record<string, tf.Tensor | null | undefined>,
  outputs: tf.Tensor[],
  gradientFunction: GradientFunction | null,
  saved: tf.Tensor[],
  attributes: Attributes,
): void {
  const present = presentIn(inputs), tensors = Object.values(present);
  const kept = { given: withGaps(saved), copies: [...saved, ...givenCopies] };
  givenCopies = [];
  if (isStep(kernelName, tensors, outputs)) {
    kept.copies.forEach((tensor) => tensor.dispose());
    noteStep(tensors, outputs);
    return;
  }
  put(this, kernelName, present, tensors, outputs, gradientFunction, kept, attributes);
}

function presentIn(inputs: Record<string, tf.Tensor | null | undefined>): tf.NamedTensorMap {
  const present: tf.NamedTensorMap = {};
  for (const name in inputs) if (inputs[name] != null) present[name] = inputs[name];
  return present;
}

/**
 * Puts an operation on the tape. Unlike tfjs,
 *
 * - it puts the operation before the copies of its results that its own gradient keeps, as they
 *   depend on it: otherwise the gradient of a gradient misses that the gradient of a sigmoid,
 *   `y * (1 - y)`, depends on `y`;
 * - it leaves out missing inputs, such as the scale of a batch normalisation;
 * - it leaves out steps: integers and booleans made of floats have no gradient;
 * - it gives the gradient of a list of one result a list of one gradient;
 * - it gives an operation without a gradient one that throws, and says where.
 */
function put(
  { state }: Engine,
  kernelName: string,
  inputs: tf.NamedTensorMap,
  tensors: tf.Tensor[],
  outputs: tf.Tensor[],
  gradientFunction: GradientFunction | null,
  saved: Saved,
  attributes: Attributes,
): void {
  const operation = { kernelName, layer: currentLayer() };
  const compute =
    (isComplex(tensors, outputs)
      ? complexGradient(kernelName, inputs, outputs[0])
      : gradientWithin(kernelName, inputs) ?? tf.getGradient(kernelName)?.gradFunc ??
        gradientFunction) as GradientFunction | undefined ?? refuse;
  const { copies, others } = saved.originals
    ? NO_COPIES
    : takeCopies(state.activeTape, outputs, saved.copies);
  // Only a function with a gradient of its own saves tensors that are neither inputs nor results.
  const isBlind = gradientFunction !== null && state.gradientDepth < 2 &&
    others.some((x) => !tensors.includes(x) && !saved.copies.includes(x));
  let isConnected = false;
  const node: TapeNode = {
    id: state.nextTapeNodeId++,
    kernelName,
    inputs,
    outputs,
    saved: saved.copies,
    gradient: (dys) => {
      current = operation;
      if (state.gradientDepth > 0) {
        if (isBlind) {
          throw new TypeError(
            "its gradient has none, as the function was called outside of the inner gradient",
          );
        }
        if (!isConnected) connect(saved);
        isConnected = true;
      }
      const isList = outputs.length > 1 || LISTS.includes(kernelName);
      const slopes = isList ? withZeros(dys, outputs) : dys[0]!;
      return compute(slopes, saved.given as tf.Tensor[], attributes);
    },
  };
  state.activeTape.push(node, ...copies);
}

/** Makes the tape lead from tensors to their copies: a gradient that uses them is recorded itself. */
function connect({ copies, originals = [] }: Saved): void {
  const { state } = engineOf();
  originals.forEach((x, i) => {
    const copy = copies[i];
    const complex = isComplex([x], [copy]) && complexGradient("Identity", { x }, copy);
    state.activeTape.push({
      id: state.nextTapeNodeId++,
      kernelName: "Identity",
      inputs: { x },
      outputs: [copy],
      saved: [],
      gradient: ([dy]) => complex ? complex(dy!, [], {}) : { x: () => dy!.clone() },
    });
  });
}

/** The copies of its inputs that a function with a gradient of its own was given. */
let givenCopies: tf.Tensor[] = [];

/**
 * Runs a function with a gradient of its own. It is given copies of its inputs that live as long as
 * the tape: its gradient may read them without having saved them, as that of `tf.logSigmoid` does.
 *
 * Within two gradients, its operations are recorded, too: its gradient may use any of their results,
 * and the gradient of that gradient must follow them.
 */
function runCustom(
  engine: Engine,
  f: CustomFunction,
  given: unknown[],
): ReturnType<CustomFunction> {
  const { state } = engine;
  const { activeTape: tape, gradientDepth, kernelDepth } = state;
  // The function itself counts as one kernel.
  if (gradientDepth === 0 || kernelDepth > 1) return f(...given);
  const copies = (given.slice(0, -1) as tf.Tensor[]).map((x) => engine.keep(engine.clone(x)));
  const save = given.at(-1) as (tensors: tf.Tensor[]) => void;
  const saveAside = (tensors: tf.Tensor[]) => {
    // Copies put themselves on the tape. As operations, they would be there twice.
    state.kernelDepth = kernelDepth;
    save(tensors);
    if (gradientDepth > 1) state.kernelDepth = 0;
  };
  const begin = tape.length;
  if (gradientDepth > 1) state.kernelDepth = 0;
  try {
    const result = f(...copies, saveAside);
    for (let i = tape.length - 1; i >= begin && gradientDepth > 1; i--) {
      // The function as a whole leads to its value, and has the gradient.
      if (!tape[i].outputs.includes(result.value)) continue;
      tape.splice(i, 1)[0].saved.forEach((tensor) => tensor.dispose());
    }
    givenCopies = copies;
    const isCopy = copies.includes(result.value);
    return isCopy ? { ...result, value: aliasOf(engine, result.value) } : result;
  } catch (error) {
    copies.forEach((copy) => copy.dispose());
    throw error;
  } finally {
    state.kernelDepth = kernelDepth;
  }
}

/** Takes the copies of results off the end of the tape; also returns the other copied tensors. */
function takeCopies(
  tape: TapeNode[],
  results: tf.Tensor[],
  saved: tf.Tensor[],
): { copies: TapeNode[]; others: tf.Tensor[] } {
  const copies: TapeNode[] = [], others: tf.Tensor[] = [];
  for (let i = tape.length - 1, left = saved.length; i >= 0 && left > 0; i--) {
    const { inputs: { x }, outputs } = tape[i];
    if (!saved.includes(outputs[0])) continue;
    left--;
    if (results.includes(x)) copies.unshift(...tape.splice(i, 1));
    else others.push(x);
  }
  return { copies, others };
}

/** Saved tensors at the positions where a gradient expects them. */
function withGaps(saved: tf.Tensor[]): tf.Tensor[] {
  const wanted = WANTED.get(saved);
  if (!wanted) return saved;
  const left = [...saved];
  return wanted.map((tensor) => tensor == null ? undefined : left.shift()) as tf.Tensor[];
}

/**
 * The gradients by several results; those by unused results are zeros, made on demand: one tensor for
 * neighbours of one shape.
 */
function withZeros(dys: (tf.Tensor | null)[], outputs: tf.Tensor[]): tf.Tensor[] {
  const given: tf.Tensor[] = [];
  let last: tf.Tensor | undefined;
  const zerosOf = ({ shape, dtype }: tf.Tensor): tf.Tensor => {
    if (dtype !== "float32") return tf.zeros(shape, dtype);
    const isSame = last && !last.isDisposed && tf.util.arraysEqual(last.shape, shape);
    return last = isSame ? last! : tf.tensor(new Float32Array(tf.util.sizeFromShape(shape)), shape);
  };
  dys.forEach((dy, i) => {
    if (dy) given[i] = dy;
    else {
      Object.defineProperty(given, i, {
        enumerable: true,
        get: () => zerosOf(outputs[i]),
      });
    }
  });
  return given;
}

/** The gradient of operations that have none. */
function refuse(): never {
  throw new TypeError(`gradient function not found for ${current?.kernelName}`);
}
