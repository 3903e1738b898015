/**
 * Gradients of tfjs that are wrong, or fail, on every backend; found by comparing all of them with
 * finite differences.
 *
 * @module
 */
import { tf } from "../deps/tfjs.ts";
import { run, unbroadcast } from "./add_gradients.ts";

// deno-lint-ignore no-explicit-any
type Attributes = any;
type GradientFunction = ReturnType<typeof tf.getGradient>["gradFunc"];

/** Replaces a gradient by one that may use the old. */
function wrap(kernelName: string, around: (stock: GradientFunction) => GradientFunction): void {
  const stock = tf.getGradient(kernelName);
  tf.registerGradient({ ...stock, gradFunc: around(stock.gradFunc) });
}

/**
 * The gradient of an operation that only moves elements: each result's slope goes back to where the
 * element came from, found by moving the elements' indices in the same way.
 */
function moveBack(
  dy: tf.Tensor,
  shape: number[],
  move: (indices: tf.Tensor) => tf.Tensor,
): tf.Tensor {
  const size = tf.util.sizeFromShape(shape);
  const origins = move(tf.range(0, size, 1, "int32").reshape(shape));
  return tf.unsortedSegmentSum(dy.flatten(), origins.flatten().toInt(), size).reshape(shape);
}

/** The names of inputs, and how an operation moves the elements of the first. */
const moves: Record<string, [input: string, others: string[]]> = {
  MirrorPad: ["x", []],
  StridedSlice: ["x", []],
  GatherNd: ["params", ["indices"]],
};

/** Puts them in place, once. */
export function mendGradients(): void {
  // Slopes of an operand that was broadcast had the shape of the result.
  for (const name of ["SquaredDifference", "Minimum", "Maximum"]) {
    wrap(name, (stock) => (dy, saved, attributes) => {
      const slopes = stock(dy, saved, attributes);
      return {
        a: () => unbroadcast(slopes.a(), saved[0].shape),
        b: () => unbroadcast(slopes.b(), saved[1].shape),
      };
    });
  }
  // An axis counted from the end was refused.
  wrap("Prod", (stock) => (dy, saved, attributes) => {
    const axis = tf.util.parseAxisParam((attributes as Attributes).axis, saved[0].shape);
    return stock(dy, saved, { ...attributes, axis });
  });
  // Sums along any but the last axis came back transposed.
  wrap("Cumsum", () => (dy, _, attributes) => {
    const { axis, exclusive, reverse } = attributes as Attributes;
    return { x: () => tf.cumsum(dy as tf.Tensor, axis, exclusive, !reverse) };
  });
  // What mirrors show was left out; slices with strides, and gathered elements, had no gradient.
  for (const [kernelName, [input, others]] of Object.entries(moves)) {
    tf.registerGradient({
      kernelName,
      inputsToSave: [input, ...others],
      gradFunc: (dy, [x, ...saved], attributes) => ({
        [input]: () =>
          moveBack(dy as tf.Tensor, x.shape, (indices) => {
            const rest = others.map((name, i) => [name, saved[i]]);
            return run(kernelName, { [input]: indices, ...Object.fromEntries(rest) }, attributes);
          }),
        ...Object.fromEntries(others.map((name, i) => [name, () => tf.zerosLike(saved[i])])),
      }),
    });
  }
  tf.registerGradient({
    kernelName: "TopK",
    inputsToSave: ["x"],
    outputsToSave: [false, true],
    gradFunc: (dys, [x, indices]) => ({
      x: () => {
        const rows = indices.size / indices.shape.at(-1)!;
        const starts = tf.range(0, rows, 1, "int32").mul(tf.scalar(x.shape.at(-1)!, "int32"));
        const origins = indices.reshape([rows, -1]).add(starts.reshape([rows, 1]));
        return moveBack((dys as tf.Tensor[])[0], x.shape, () => origins);
      },
    }),
  });
  // Flat everywhere; without it, nothing that compares could be differentiated.
  tf.registerGradient({
    kernelName: "Equal",
    inputsToSave: ["a", "b"],
    gradFunc: (_, [a, b]) => ({ a: () => tf.zerosLike(a), b: () => tf.zerosLike(b) }),
  });
}
