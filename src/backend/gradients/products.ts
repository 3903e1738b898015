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
        const slope = transposeB
          ? tf.matMul(dy, a, true, transposeA)
          : tf.matMul(a, dy, !transposeA, false);
        return unbroadcast(slope, b.shape);
      },
    };
  });
  tf.registerGradient({ kernelName: "Einsum", saveAllInputs: true, gradFunc: einsumGradient });
}
