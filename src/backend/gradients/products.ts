/**
 * Gradients of products of matrices and tensors.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { einsumGradient } from "../einsum.ts";
import { registerGradient, unbroadcast } from "./gradient.ts";

/** Registers the gradients. */
export function registerProducts(): void {
  // Unlike those of tfjs, the operands may broadcast.
  registerGradient("BatchMatMul", { inputs: ["a", "b"] }, (dy, [a, b], attributes) => {
    const { transposeA, transposeB } = attributes;
    return {
      a: () => {
        const slope = transposeA
          ? tf.matMul(b, dy, transposeB, true)
          : tf.matMul(dy, b, false, !transposeB);
        return unbroadcast(slope, a.shape);
      },
      b: () => {
        if (isJoint(a, b, transposeA)) return jointSlope(dy, a, b, transposeB);
        const slope = transposeB
          ? tf.matMul(dy, a, true, transposeA)
          : tf.matMul(a, dy, !transposeA, false);
        return unbroadcast(slope, b.shape);
      },
    };
  });
  tf.registerGradient({ kernelName: "Einsum", saveAllInputs: true, gradFunc: einsumGradient });
}

/** Whether a batch of matrices, which are not transposed, meets one matrix. */
function isJoint(a: tf.Tensor, b: tf.Tensor, transposeA: boolean): boolean {
  const [sizeA, sizeB] = [a, b].map(({ shape }) => tf.util.sizeFromShape(shape.slice(0, -2)));
  return !transposeA && sizeA > 1 && sizeB === 1 && a.rank >= b.rank;
}

/** The slope of the one matrix: the sum over the batch is part of the product. */
function jointSlope(
  dy: tf.Tensor,
  a: tf.Tensor,
  b: tf.Tensor,
  transposeB: boolean,
): tf.Tensor {
  const [rows, slopes] = [a, dy].map((x) =>
    x.reshape([tf.util.sizeFromShape(x.shape.slice(0, -1)), x.shape.at(-1)!])
  );
  const slope = transposeB
    ? tf.matMul(slopes, rows, true, false)
    : tf.matMul(rows, slopes, true, false);
  return slope.reshape(b.shape);
}
