/**
 * Operations that are followed back as one: those that make an activation, as many write GELU, and a
 * product with copies of one matrix, as programs write that tile their weights over the batch.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { type Engine, kernelOf, type PathNode } from "./engine.ts";

/** The error function, to seven digits (Abramowitz and Stegun, 1964, 7.1.26). */
function erf(x: number): number {
  const { ERF_P: p, ERF_A1, ERF_A2, ERF_A3, ERF_A4, ERF_A5 } = tf.backend_util;
  const t = 1 / (1 + p * Math.abs(x));
  const sum = ((((ERF_A5 * t + ERF_A4) * t + ERF_A3) * t + ERF_A2) * t + ERF_A1) * t;
  return Math.sign(x) * (1 - sum * Math.exp(-x * x));
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Operations that activations are made of, as functions of their inputs in order. */
const SCALARS: Record<string, (a: number, b: number) => number> = {
  Add: (a, b) => a + b,
  Erf: erf,
  Exp: Math.exp,
  Multiply: (a, b) => a * b,
  Neg: (a) => -a,
  Pow: (a, b) => a ** b,
  RealDiv: (a, b) => a / b,
  Sigmoid: sigmoid,
  Softplus: (a) => Math.log1p(Math.exp(a)),
  Square: (a) => a * a,
  Sub: (a, b) => a - b,
  Tanh: Math.tanh,
};

/** One of these is part of each activation. */
const CURVES = new Set(["Erf", "Sigmoid", "Tanh"]);

/** Activations whose gradients are one kernel: name, parameter, and the function. */
const ACTIVATIONS: readonly (readonly [f: string, p: number, (x: number) => number])[] = [
  ["GELU", 0, (x) => x * (1 + erf(x * Math.SQRT1_2)) / 2],
  ["GELU_TANH", 0, (x) => x * sigmoid(Math.sqrt(8 / Math.PI) * (x + 0.044715 * x ** 3))],
  ["SWISH", 1, (x) => x * sigmoid(x)],
  ["SWISH", 1.702, (x) => x * sigmoid(1.702 * x)],
  ["MISH", 0, (x) => x * Math.tanh(Math.log1p(Math.exp(x)))],
];

/** Places at which an activation is told from others. */
const PROBES = [-4.1, -2.3, -1.2, -0.4, 0.3, 0.9, 1.7, 3.2];

/** The activation that each expression of `$` is, by its text. */
const KNOWN = new Map<string, readonly [f: string, p: number] | undefined>();

/** Most operations of an activation. */
const MOST = 16;

/** Numbers that a step has made tensors of, by the ids of their data. */
const NUMBERS = new WeakMap<object, number>();

/** Notes a number that an operation is given as a constant. */
export function noteNumber({ dataId, dtype }: tf.Tensor, value: number): void {
  if (dtype === "float32") NUMBERS.set(dataId, value);
}

/** Notes that the elements of a tensor are those of a variable: they may change. */
export function noteVariable({ dataId }: tf.Tensor): void {
  NUMBERS.delete(dataId);
}

/** An expression of one tensor, `$`. */
interface Expression {
  text: string;
  /** The operations, in their order. */
  nodes: Map<number, PathNode>;
  /** The function. */
  at(x: number): number;
}

/** Tensors that are batches of copies of one matrix. */
const TILED = new WeakSet<tf.Tensor>();

/** Notes a tensor that `tf.tile` has made, if it is a batch of copies of one matrix. */
export function noteTiles({ x }: tf.NamedTensorMap, [result]: tf.Tensor[]): void {
  const outer = tf.util.sizeFromShape(x.shape.slice(0, -2));
  const isOne = outer === 1 && x.rank > 2 && x.dtype === "float32";
  if (isOne && tf.util.arraysEqual(x.shape.slice(-2), result.shape.slice(-2))) TILED.add(result);
}

/** The results of products with such batches. */
const OF_TILED = new WeakSet<tf.Tensor>();

/** Whether a product is one of a batch of matrices, not transposed, and copies of one matrix. */
export function isTiled({ a, b }: tf.NamedTensorMap, transposeA: boolean): boolean {
  return TILED.has(b) && !transposeA && a.dtype === "float32" &&
    tf.util.arraysEqual(a.shape.slice(0, -2), b.shape.slice(0, -2));
}

/** Notes the result of such a product. */
export function noteProduct([result]: tf.Tensor[]): void {
  OF_TILED.add(result);
}

/** Operations by their results, and the number of uses of each tensor, on paths. */
interface Uses {
  makers: Map<number, PathNode>;
  uses: Map<number, number>;
}

/**
 * Replaces operations on paths that are followed back as one.
 *
 * @param ends Tensors whose own gradients are wanted.
 */
export function joinOperations(engine: Engine, paths: PathNode[], ends: tf.Tensor[]): PathNode[] {
  let hasProducts = false, hasCurves = false, hasTiles = false;
  for (const { node: { kernelName } } of paths) {
    hasProducts ||= kernelName === "Multiply";
    hasCurves ||= CURVES.has(kernelName);
    hasTiles ||= kernelName === "Tile";
  }
  const hasActivations = hasProducts && hasCurves && kernelOf("TrainchartUnarySlope") !== undefined;
  if (!hasActivations && !hasTiles) return paths;
  const makers = new Map<number, PathNode>(), uses = new Map<number, number>();
  for (const path of paths) {
    const { node, names } = path;
    if (node.outputs.length === 1) makers.set(node.outputs[0].id, path);
    for (const name of names) {
      uses.set(node.inputs[name].id, (uses.get(node.inputs[name].id) ?? 0) + 1);
    }
  }
  for (const { id } of ends) uses.set(id, Infinity);
  const joined = new Map<PathNode, PathNode | undefined>();
  if (hasTiles) joinTiles(paths, { makers, uses }, joined);
  if (hasActivations) joinActivations(engine, paths, { makers, uses }, joined);
  if (joined.size === 0) return paths;
  return paths.flatMap((path) => joined.has(path) ? joined.get(path) ?? [] : path);
}

/** Lets the gradient of a matrix, of which a product uses copies, be one product without a sum. */
function joinTiles(
  paths: PathNode[],
  { makers, uses }: Uses,
  joined: Map<PathNode, PathNode | undefined>,
): void {
  for (const path of paths) {
    const { node, names } = path;
    if (!names.includes("b") || !OF_TILED.has(node.outputs[0])) continue;
    const tile = makers.get(node.inputs.b.id);
    if (tile?.node.kernelName !== "Tile" || uses.get(node.inputs.b.id) !== 1) continue;
    joined.set(tile, undefined);
    const inputs = { a: node.inputs.a, tiled: tile.node.inputs.x };
    joined.set(path, {
      node: { ...node, inputs },
      names: names.map((name) => name === "b" ? "tiled" : name),
    });
  }
}

/**
 * Replaces operations that make an activation of a tensor, as people write GELU, by one operation
 * with its gradient: it is recognized by its values, however it is written.
 */
function joinActivations(
  engine: Engine,
  paths: PathNode[],
  { makers, uses }: Uses,
  joined: Map<PathNode, PathNode | undefined>,
): void {
  const sinks = paths.filter(({ node: { kernelName } }) => kernelName === "Multiply");
  for (const sink of sinks.toReversed()) {
    if (joined.has(sink)) continue;
    for (const root of rootsOf(sink, makers)) {
      const expression = expressionOf(sink, root, makers);
      const activation = expression && recognize(expression);
      if (!activation || !isApart([...expression.nodes.values()], sink, uses)) continue;
      const s = copyIn(expression.nodes.values(), root);
      if (!s) continue;
      const [f, p] = activation;
      for (const path of expression.nodes.values()) joined.set(path, undefined);
      const gradient = ([dy]: (tf.Tensor | null)[]) => ({
        x: () => engine.runKernel("TrainchartUnarySlope", { dy: dy!, s }, { f, p }) as tf.Tensor,
      });
      const node = { ...sink.node, kernelName: f, inputs: { x: root }, saved: [], gradient };
      joined.set(sink, { node, names: ["x"] });
      break;
    }
  }
}

/** The tensors that several operations before a product use: one of them may be all that it depends on. */
function rootsOf(sink: PathNode, makers: Map<number, PathNode>): tf.Tensor[] {
  const nodes = new Set([sink]), uses = new Map<number, number>(), roots: tf.Tensor[] = [];
  for (const { node, names } of nodes) {
    for (const name of names) {
      const x = node.inputs[name], count = (uses.get(x.id) ?? 0) + 1;
      uses.set(x.id, count);
      if (count === 2 && x.dtype === "float32") roots.push(x);
      const maker = makers.get(x.id);
      if (maker && maker.node.kernelName in SCALARS && nodes.size < MOST) nodes.add(maker);
    }
  }
  return roots;
}

/** The expression of a tensor that a product is; `undefined` if it depends on others, too. */
function expressionOf(
  sink: PathNode,
  root: tf.Tensor,
  makers: Map<number, PathNode>,
): Expression | undefined {
  type Part = { text: string; at: (x: number) => number };
  const nodes = new Map<number, PathNode>(), parts = new Map<number, Part>();
  const lines: string[] = [];
  parts.set(root.id, { text: "$", at: (x) => x });
  const partOf = (x: tf.Tensor): Part | undefined => {
    const known = parts.get(x.id);
    if (known) return known;
    const path = x.id === sink.node.outputs[0].id ? sink : makers.get(x.id);
    if (!path || !(path.node.kernelName in SCALARS)) {
      const number = x.size === 1 ? NUMBERS.get(x.dataId) : undefined;
      return number === undefined ? undefined : { text: `${number}`, at: () => number };
    }
    // Operations that broadcast have gradients that are sums.
    if (lines.length === MOST || !tf.util.arraysEqual(x.shape, root.shape)) return;
    const inputs: Part[] = [];
    for (const name in path.node.inputs) {
      const input = path.node.inputs[name], part = partOf(input);
      // A number whose own gradient is wanted is no constant.
      if (!part || (NUMBERS.has(input.dataId) && path.names.includes(name))) return;
      inputs.push(part);
    }
    const f = SCALARS[path.node.kernelName], [a, b] = inputs;
    const text = `${path.node.kernelName} ${a.text} ${b?.text}`;
    const part: Part = { text: `#${lines.length}`, at: (x) => f(a.at(x), b?.at(x)) };
    lines.push(text);
    nodes.set(x.id, path);
    parts.set(x.id, part);
    return part;
  };
  const whole = partOf(sink.node.outputs[0]);
  return whole && { text: lines.join("\n"), nodes, at: whole.at };
}

/** The activation that an expression is. */
function recognize({ text, at }: Expression): readonly [f: string, p: number] | undefined {
  if (KNOWN.has(text)) return KNOWN.get(text);
  const found = ACTIVATIONS.find(([, , f]) => PROBES.every((x) => Math.abs(at(x) - f(x)) < 1e-6));
  if (KNOWN.size > 1000) KNOWN.clear();
  KNOWN.set(text, found && [found[0], found[1]]);
  return KNOWN.get(text);
}

/** Whether nothing but some operations uses their results, but for the last one's. */
function isApart(paths: PathNode[], sink: PathNode, uses: Map<number, number>): boolean {
  const own = new Map<number, number>();
  for (const { node, names } of paths) {
    for (const name of names) {
      own.set(node.inputs[name].id, (own.get(node.inputs[name].id) ?? 0) + 1);
    }
  }
  return paths.every((path) => {
    const { id } = path.node.outputs[0];
    return path === sink || own.get(id) === uses.get(id);
  });
}

/** A copy of a tensor that one of some operations keeps for its gradient. */
function copyIn(paths: Iterable<PathNode>, { dataId, shape }: tf.Tensor): tf.Tensor | undefined {
  for (const { node } of paths) {
    const copy = node.saved.find((tensor) =>
      tensor.dataId === dataId && tf.util.arraysEqual(tensor.shape, shape)
    );
    if (copy) return copy;
  }
}
