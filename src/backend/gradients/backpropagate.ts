/**
 * The backward pass of tfjs's engine, and the end of its scopes, without the containers that they
 * make for each operation: small models spend most of their time there.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { connectSteps, type Engine, type PathNode, type TapeNode } from "./engine.ts";
import { joinOperations } from "./join_operations.ts";

/** Gradients by the ids of their tensors. */
type Slopes = Map<number, tf.Tensor>;

/**
 * Disposes the tensors of the current scope, but for its results and what was kept; the results now
 * belong to the scope around it.
 */
export function endScope(this: Engine, result: unknown): void {
  const { state } = this;
  const { track, id } = state.activeScope;
  // Most scopes are operations with one result.
  const only = result instanceof tf.Tensor ? result : undefined;
  const results = only || result == null ? [] : tensorsIn(result);
  const others = results.length > 8 ? new Set(results) : undefined;
  for (const tensor of track) {
    const isResult = tensor === only || (others ? others.has(tensor) : results.includes(tensor));
    if (!isKept(tensor) && !isResult) tensor.dispose();
  }
  state.scopeStack.pop();
  state.activeScope = state.scopeStack.at(-1) ?? null as never;
  if (only) results.push(only);
  for (const tensor of results) {
    if (!isKept(tensor) && scopeIdOf(tensor) === id) this.track(tensor);
  }
}

/** The tensors in a result of a scope; a list of tensors is not walked. */
function tensorsIn(result: unknown): tf.Tensor[] {
  if (Array.isArray(result) && result.every((item) => item == null || item instanceof tf.Tensor)) {
    return [...new Set<tf.Tensor>(result)].filter((tensor) => tensor != null);
  }
  return tf.tensor_util.getTensorsInContainer(result as tf.TensorContainer);
}

function isKept(tensor: tf.Tensor): boolean {
  return (tensor as unknown as { kept: boolean }).kept;
}

function scopeIdOf(tensor: tf.Tensor): number {
  return (tensor as unknown as { scopeId: number }).scopeId;
}

/**
 * The result of a function, and its gradients by tensors; those that it does not depend on have
 * none.
 */
export function gradients(
  this: Engine,
  f: () => tf.Tensor,
  xs: tf.Tensor[],
  dy?: tf.Tensor,
  allowNoGradients = false,
): { value: tf.Tensor; grads: tf.Tensor[] } {
  const { state } = this;
  tf.util.assert(xs.length > 0, () => "gradients() received an empty list of xs.");
  if (dy != null && dy.dtype !== "float32") {
    throw new Error(`dy must have 'float32' dtype, but has '${dy.dtype}'`);
  }
  this.startTape();
  let value: tf.Tensor;
  try {
    value = this.tidy("forward", f);
  } finally {
    this.endTape();
  }
  tf.util.assert(
    value instanceof tf.Tensor,
    () => "The result y returned by f() must be a tensor.",
  );
  connectSteps(xs, value);
  let paths = pathsBetween(state.activeTape, xs, value);
  if (!allowNoGradients && paths.length === 0) {
    throw new Error(
      "Cannot differentiate: no operation leads from the inputs to the result. Make sure that the " +
        "function encloses all operations between them.",
    );
  }
  if (state.gradientDepth === 0) paths = joinOperations(this, paths, [...xs, value]);
  const [, ...grads] = this.tidy("backward", () => {
    const slopes: Slopes = new Map([[value.id, dy ?? tf.ones(value.shape)]]);
    backpropagate(this, paths, slopes, new Set(xs.map(({ id }) => id)));
    // An outer gradient needs the tape.
    if (state.gradientDepth === 0) disposeTape(this);
    return [value, ...xs.map(({ id }) => slopes.get(id)!)];
  });
  return { value, grads };
}

/** Disposes the tensors that a tape keeps, which tfjs does not do after an error. */
export function disposeTape({ state }: Engine): void {
  for (const { saved } of state.activeTape ?? []) {
    for (const tensor of saved) if (!tensor.isDisposed) tensor.dispose();
  }
  state.activeTape = null as never;
}

/**
 * The part of a tape that leads from some tensors to a result: operations in their order, each with
 * the names of those inputs that depend on the tensors.
 */
function pathsBetween(
  tape: TapeNode[],
  xs: tf.Tensor[],
  y: tf.Tensor,
): PathNode[] {
  const fromX = new Set(xs.map(({ id }) => id));
  const paths: PathNode[] = [];
  for (const node of tape) {
    const names: string[] = [];
    for (const name in node.inputs) if (fromX.has(node.inputs[name].id)) names.push(name);
    if (names.length === 0) continue;
    paths.push({ node, names });
    for (const { id } of node.outputs) fromX.add(id);
  }
  const toY = new Set([y.id]);
  let kept = paths.length;
  for (let i = paths.length - 1; i >= 0; i--) {
    const { node, names } = paths[i];
    if (!node.outputs.some(({ id }) => toY.has(id))) continue;
    for (const name of names) toY.add(node.inputs[name].id);
    paths[--kept] = paths[i];
  }
  return paths.slice(kept);
}

/**
 * Follows a path backward: adds the gradients of all tensors on it to those of its result.
 *
 * Unless an outer gradient needs them, the gradients of an operation's results and what it has kept
 * are disposed at once: the operations before it use the same memory again, while it is in the
 * caches.
 *
 * @param wanted Ids of the tensors whose gradients are results.
 */
function backpropagate(
  engine: Engine,
  paths: PathNode[],
  slopes: Slopes,
  wanted: Set<number>,
): void {
  const { activeScope, gradientDepth } = engine.state;
  /** All gradients, and those of several tensors, which gradients of users may return. */
  const all = new Set(slopes.values()), shared = new Set<tf.Tensor>();
  for (let i = paths.length - 1; i >= 0; i--) {
    const { node, names } = paths[i];
    if (!node.gradient) {
      throw new Error(
        `Cannot compute gradient: gradient function not found for ${node.kernelName}.`,
      );
    }
    const computed = node.gradient(node.outputs.map(({ id }) => slopes.get(id) ?? null));
    for (const name of names) {
      const x = node.inputs[name];
      const slope = inScope(engine, slopeOf(node, name, computed));
      checkSlope(node, name, slope);
      if (all.has(slope)) shared.add(slope);
      const other = slopes.get(x.id);
      const sum = other ? engine.runKernel("Add", { a: other, b: slope }) as tf.Tensor : slope;
      all.add(slope).add(sum);
      slopes.set(x.id, sum);
      if (other && !shared.has(other)) other.dispose();
    }
    // Steps lead to the result of another operation.
    if (gradientDepth > 0 || node.kernelName === "Step") continue;
    for (const { id } of node.outputs) {
      const slope = slopes.get(id);
      if (!slope || wanted.has(id)) continue;
      // A tensor of another scope is a user's.
      if (!shared.has(slope) && scopeIdOf(slope) === activeScope.id) slope.dispose();
      slopes.delete(id);
    }
    for (const tensor of node.saved) if (!tensor.isDisposed && !all.has(tensor)) tensor.dispose();
  }
}

/** Disposes what a function makes, but for its result. */
function inScope(engine: Engine, work: () => tf.Tensor): tf.Tensor {
  engine.startScope();
  let result: tf.Tensor | undefined;
  try {
    return result = work();
  } finally {
    engine.endScope(result);
  }
}

function slopeOf(
  { kernelName }: TapeNode,
  name: string,
  computed: Record<string, () => tf.Tensor>,
): () => tf.Tensor {
  if (name in computed) return computed[name];
  throw new Error(
    `Cannot backprop through input ${name} of ${kernelName}. ` +
      `Available gradients found: ${Object.keys(computed)}.`,
  );
}

function checkSlope({ kernelName, inputs }: TapeNode, name: string, slope: tf.Tensor): void {
  if (slope.dtype !== "float32") {
    throw new Error(
      `Cannot differentiate ${kernelName} as the gradient of ${name} must be float32: ` +
        `current dtype is ${slope.dtype}`,
    );
  }
  const { shape } = inputs[name];
  if (!tf.util.arraysEqual(slope.shape, shape)) {
    throw new Error(
      `Cannot differentiate ${kernelName} as the gradient of ${name} must have its shape ` +
        `[${shape}]: current shape is [${slope.shape}]`,
    );
  }
}
