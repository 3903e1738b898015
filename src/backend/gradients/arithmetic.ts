/**
 * Gradients of functions of two numbers, with broadcasting, and of products of matrices and
 * tensors; Einstein summation, which is made of such products.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import type { FunctionName } from "../kernel_constants.ts";
import { areFloats } from "../kernels/kernel.ts";
import {
  areNeighbours,
  broadcastAxes,
  flat,
  hasKernel,
  isRecorded,
  once,
  registerGradient,
  reshaped,
  run,
  runAll,
  toFloat,
  unbroadcast,
  unrecorded,
} from "./gradient.ts";

/** Registers the gradients. */
export function registerArithmetic(): void {
  registerProducts();
  registerQuotients();
  registerExtremes();
  registerPrelu();
  // tfjs does not sum over axes that are empty.
  registerGradient("Add", { inputs: ["a", "b"] }, (dy, [a, b]) => ({
    a: () => unbroadcast(dy, a.shape),
    b: () => unbroadcast(dy, b.shape),
  }));
  registerGradient("Sub", { inputs: ["a", "b"] }, (dy, [a, b]) => ({
    a: () => unbroadcast(dy, a.shape),
    b: () => unbroadcast(dy, b.shape).neg(),
  }));
  registerGradient("Multiply", { inputs: ["a", "b"] }, (dy, [a, b]) => ({
    a: () => timesOther(dy, b, a.shape),
    b: () => timesOther(dy, a, b.shape),
  }));
  registerGradient("SquaredDifference", { inputs: ["a", "b"] }, (dy, [a, b]) => {
    const slope = once(() =>
      runSlope("SQUARED_DIFFERENCE", dy, a, b) ?? dy.mul(toFloat(a.sub(b)).mul(2))
    );
    return {
      a: () => unbroadcast(slope(), a.shape),
      b: () => unbroadcast(slope().neg(), b.shape),
    };
  });
  registerGradient("Pow", { inputs: ["a", "b"], results: [true] }, (dy, [a, b, y]) => ({
    a: () => {
      if (!isRecorded() && b.size === 1 && tf.util.arraysEqual(a.shape, dy.shape)) {
        if (areFloats(a, b) && hasKernel("TrainchartPowSlope")) {
          return run("TrainchartPowSlope", { dy, a, b });
        }
      }
      const base = toFloat(a), exponent = toFloat(b);
      // 0 ** 0 is flat; its gradient is not 0 * 0 ** -1.
      const isFlat = exponent.equal(0).logicalAnd(base.abs().greater(2 ** -126).logicalNot());
      const power = tf.where(isFlat, 1, base).pow(exponent.sub(1));
      return unbroadcast(dy.mul(exponent.mul(power)), a.shape);
    },
    b: () => {
      const isPositive = a.greater(0);
      const log = tf.where(isPositive, toFloat(a), 1).log();
      return unbroadcast(dy.mul(toFloat(y).mul(tf.where(isPositive, log, 0))), b.shape);
    },
  }));
}

function registerQuotients(): void {
  registerGradient("RealDiv", { inputs: ["a", "b"] }, (dy, [a, b]) => {
    const slope = once(() => dy.div(toFloat(b)));
    return {
      a: () => unbroadcast(slope(), a.shape),
      b: () => {
        const isWhole = tf.util.arraysEqual(b.shape, dy.shape);
        const ours = isWhole ? runSlope("DIVISOR", dy, a, b) : undefined;
        // Fewer quotients where the divisor was broadcast.
        return ours ?? unbroadcast(slope().mul(toFloat(a)), b.shape).div(toFloat(b)).neg();
      },
    };
  });
  const floorDiv = tf.getGradient("FloorDiv").gradFunc;
  registerGradient("FloorDiv", { inputs: ["a", "b"] }, (dy, [a, b], attributes) => {
    // Quotients of integers are all that integers have: tfjs gives them the gradients of quotients.
    if (a.dtype !== "float32" && b.dtype !== "float32") return floorDiv(dy, [a, b], attributes);
    return { a: () => flat(a), b: () => flat(b) };
  });
  registerGradient("Mod", { inputs: ["a", "b"] }, (dy, [a, b]) => ({
    a: () => unbroadcast(dy, a.shape),
    b: () => {
      // The quotient that the rest belongs to: that of rounded numbers may be the next one.
      const quotient = unrecorded(() => {
        const exact = toFloat(a.sub(a.mod(b))).div(toFloat(b)).round();
        return tf.where(exact.isFinite(), exact, a.div(b).floor());
      });
      return unbroadcast(dy.mul(quotient), b.shape).neg();
    },
  }));
  registerGradient("Atan2", { inputs: ["a", "b"] }, (dy, [a, b]) => {
    const slope = once(() => dy.div(toFloat(a).square().add(toFloat(b).square())));
    return {
      a: () => unbroadcast(slope().mul(toFloat(b)), a.shape),
      b: () => unbroadcast(slope().mul(toFloat(a)), b.shape).neg(),
    };
  });
}

/**
 * Where both numbers are equal, each has half of the gradient, as in PyTorch. No products: a
 * gradient that is not finite must not get to the number that was not taken.
 */
function registerExtremes(): void {
  for (const kernelName of ["Maximum", "Minimum"]) {
    const isMinimum = kernelName === "Minimum";
    const isOther = isMinimum ? tf.greaterEqual : tf.lessEqual;
    const share = (dy: tf.Tensor, a: tf.Tensor, b: tf.Tensor) => {
      const half = tf.where(a.equal(b), dy.mul(0.5), tf.zerosLike(dy));
      return tf.where(isOther(a, b), half, dy);
    };
    registerGradient(kernelName, { inputs: ["a", "b"] }, (dy, [a, b]) => {
      const isOurs = !isRecorded() && areFloats(a, b) && hasKernel("TrainchartExtremeShares");
      if (!isOurs) {
        return {
          a: () => unbroadcast(share(dy, a, b), a.shape),
          b: () => unbroadcast(share(dy, b, a), b.shape),
        };
      }
      const shares = runAll("TrainchartExtremeShares", { dy, a, b }, { isMinimum });
      return {
        a: () => unbroadcast(shares[0], a.shape),
        b: () => unbroadcast(shares[1], b.shape),
      };
    });
  }
}

function registerPrelu(): void {
  registerGradient("Prelu", { inputs: ["x", "alpha"] }, (dy, [x, alpha]) => ({
    x: () => {
      const slope = runSlope("PRELU_X", dy, x, alpha);
      return unbroadcast(slope ?? tf.where(x.greater(0), dy, dy.mul(alpha)), x.shape);
    },
    alpha: () => {
      const slope = runSlope("PRELU_ALPHA", dy, x, alpha);
      return unbroadcast(
        slope ?? tf.where(x.greater(0), tf.zerosLike(dy), dy.mul(x)),
        alpha.shape,
      );
    },
  }));
}

/** The gradient of a product by a factor of a shape: `dy` times the other factor. */
function timesOther(dy: tf.Tensor, other: tf.Tensor, shape: number[]): tf.Tensor {
  const axes = broadcastAxes(shape, dy.shape);
  const isOne = areNeighbours(axes) && dy.size > 0 && areFloats(dy, other) &&
    tf.util.arraysEqual(other.shape, dy.shape);
  if (isOne && !isRecorded() && hasKernel("TrainchartSumProducts")) {
    return run("TrainchartSumProducts", { a: dy, b: other }, { axes, shape });
  }
  const product = dy.mul(toFloat(other));
  return axes.length === 0 ? product : unbroadcast(product, shape);
}

/**
 * The gradient of a function by one of its numbers in one pass, where the backend has our kernels.
 */
function runSlope(
  f: FunctionName<"binary_slopes">,
  dy: tf.Tensor,
  a: tf.Tensor,
  b: tf.Tensor,
): tf.Tensor | undefined {
  if (isRecorded() || !areFloats(a, b) || !hasKernel("TrainchartBinarySlope")) return;
  return run("TrainchartBinarySlope", { dy, a, b }, { f });
}

function registerProducts(): void {
  // Unlike those of tfjs, the operands may broadcast.
  registerGradient("BatchMatMul", { inputs: ["a", "b"] }, (dy, [a, b], attributes) => {
    const { transposeA, transposeB, isTiled } = attributes;
    return {
      a: () => {
        if (isTiled && !transposeA && !isRecorded()) {
          const slopeAttributes = { transposeA, transposeB: !transposeB, isTiled };
          return run("BatchMatMul", { a: dy, b }, slopeAttributes);
        }
        const slope = transposeA
          ? tf.matMul(b, dy, transposeB, true)
          : tf.matMul(dy, b, false, !transposeB);
        return unbroadcast(slope, a.shape);
      },
      b: () => {
        if (isJoint(a, b, transposeA)) return jointSlope(dy, a, b.shape, transposeB);
        const slope = transposeB
          ? tf.matMul(dy, a, true, transposeA)
          : tf.matMul(a, dy, !transposeA, false);
        return unbroadcast(slope, b.shape);
      },
      // The gradient of the matrix of which b has copies.
      tiled: () =>
        jointSlope(dy, a, [...b.shape.slice(0, -2).fill(1), ...b.shape.slice(-2)], transposeB),
    };
  });
  tf.registerGradient({ kernelName: "Einsum", saveAllInputs: true, gradFunc: einsumGradient });
}

/** Whether a batch of matrices, which are not transposed, meets one matrix. */
function isJoint(a: tf.Tensor, b: tf.Tensor, transposeA: boolean): boolean {
  const [sizeA, sizeB] = [a, b].map(({ shape }) => tf.util.sizeFromShape(shape.slice(0, -2)));
  return !transposeA && sizeA > 1 && sizeB === 1 && a.rank >= b.rank;
}

/** The gradient of the one matrix, of a shape: the sum over the batch is part of the product. */
function jointSlope(
  dy: tf.Tensor,
  a: tf.Tensor,
  shape: number[],
  transposeB: boolean,
): tf.Tensor {
  const [rows, slopes] = [a, dy].map((x) =>
    reshaped(x, [tf.util.sizeFromShape(x.shape.slice(0, -1)), x.shape.at(-1)!])
  );
  const slope = transposeB
    ? tf.matMul(slopes, rows, true, false)
    : tf.matMul(rows, slopes, true, false);
  return reshaped(slope, shape);
}

/** Splits `"ij,jk->ik"` into the labels of its operands and of its result. */
function parse(equation: string): { operands: string[][]; result: string[] } {
  const [left, right] = equation.replaceAll(/\s/g, "").split("->");
  return { operands: left.split(",").map((labels) => [...labels]), result: [...right] };
}

/** A tensor whose axes have labels. */
interface Labelled {
  tensor: tf.Tensor;
  labels: string[];
}

/** Sums over all axes whose labels are not in `keep`. */
function sumOut({ tensor, labels }: Labelled, keep: string[]): Labelled {
  const axes = labels.flatMap((label, axis) => keep.includes(label) ? [] : [axis]);
  if (axes.length === 0) return { tensor, labels };
  return { tensor: tensor.sum(axes), labels: labels.filter((label) => keep.includes(label)) };
}

/** Puts the axes in the order of `labels`. */
function arrange({ tensor, labels: from }: Labelled, labels: string[]): tf.Tensor {
  const order = labels.map((label) => from.indexOf(label));
  return order.every((axis, i) => axis === i) ? tensor : tensor.transpose(order);
}

/** The product of two operands, summed over the axes that no later step needs. */
function contract(a: Labelled, b: Labelled, keep: string[]): Labelled {
  a = sumOut(a, [...b.labels, ...keep]);
  b = sumOut(b, [...a.labels, ...keep]);
  const sizes = new Map(
    [a, b].flatMap(({ tensor, labels }) =>
      labels.map((label, axis): [string, number] => [label, tensor.shape[axis]])
    ),
  );
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const batch = shared.filter((label) => keep.includes(label));
  const inner = shared.filter((label) => !keep.includes(label));
  const rows = a.labels.filter((label) => !shared.includes(label));
  const columns = b.labels.filter((label) => !shared.includes(label));
  const shapeOf = (labels: string[]) => labels.map((label) => sizes.get(label)!);
  const size = (labels: string[]) => tf.util.sizeFromShape(shapeOf(labels));
  const left = arrange(a, [...batch, ...rows, ...inner]).reshape([
    size(batch),
    size(rows),
    size(inner),
  ]);
  const right = arrange(b, [...batch, ...inner, ...columns])
    .reshape([size(batch), size(inner), size(columns)]);
  const labels = [...batch, ...rows, ...columns];
  return { tensor: tf.matMul(left, right).reshape(shapeOf(labels)), labels };
}

/**
 * Multiplies all operands and sums over the labels that the result does not name.
 *
 * Operands are contracted from the first to the last, each by one batched product of matrices.
 */
export function einsum(equation: string, tensors: tf.Tensor[]): tf.Tensor {
  const { operands, result } = parse(equation);
  const labelled = tensors.map((tensor, i): Labelled => ({ tensor, labels: operands[i] }));
  let [whole, ...rest] = labelled;
  while (rest.length > 0) {
    const [next, ...later] = rest;
    whole = contract(whole, next, [...result, ...later.flatMap(({ labels }) => labels)]);
    rest = later;
  }
  return arrange(sumOut(whole, result), result);
}

/** The gradient of each operand: the einsum of the result's gradient and the other operands. */
function einsumGradient(
  dy: tf.Tensor | tf.Tensor[],
  saved: tf.Tensor[],
  attributes: { equation?: unknown },
): Record<string, () => tf.Tensor> {
  const { operands, result } = parse(attributes.equation as string);
  return Object.fromEntries(operands.map((labels, i) => [i, () => {
    const others = saved.flatMap((tensor, j): Labelled[] =>
      j === i ? [] : [{ tensor, labels: operands[j] }]
    );
    const factors = [{ tensor: dy as tf.Tensor, labels: result }, ...others];
    const known = labels.filter((label) => factors.some((factor) => factor.labels.includes(label)));
    const equation = `${factors.map((factor) => factor.labels.join("")).join()}->${known.join("")}`;
    const gradient = einsum(equation, factors.map(({ tensor }) => tensor));
    // The sum over a label of this operand alone has the same gradient everywhere.
    const shape = labels.map((label, axis) => known.includes(label) ? saved[i].shape[axis] : 1);
    return gradient.reshape(shape).broadcastTo(saved[i].shape);
  }]));
}
