/**
 * Gradients of operations within functions of tfjs whose slope is not that of their parts.
 *
 * @module
 */
import { tf } from "../../deps/tfjs.ts";
import { engineOf, type GradientFunction } from "./engine.ts";
import { unbroadcast } from "./gradient.ts";

/** Gradients by the operation, and by the scope of the function around it. */
const GRADIENTS: Record<"Sqrt" | "RealDiv", Record<string, GradientFunction>> = {
  Sqrt: {
    // At 0 the slope of a norm is 0, as in PyTorch; that of the root in it is infinite.
    norm__op: (dy, [y]) => ({ x: () => tf.divNoNan(dy as tf.Tensor, y.mul(2)) }),
  },
  RealDiv: {
    // The quotient by 0 is 0, and so is its slope.
    divNoNan__op: (dy, [a, b]) => ({
      a: () => unbroadcast(tf.divNoNan(dy as tf.Tensor, b), a.shape),
      b: () => {
        const slope = tf.divNoNan((dy as tf.Tensor).mul(a), b.square()).neg();
        return unbroadcast(slope, b.shape);
      },
    }),
  },
};

/** The gradient that an operation has because of the function around it. */
export function gradientWithin(
  kernelName: string,
  inputs: tf.NamedTensorMap,
): GradientFunction | undefined {
  if (kernelName === "Abs") return besideRelu(inputs.x);
  if (kernelName !== "Sqrt" && kernelName !== "RealDiv") return;
  const gradients = GRADIENTS[kernelName];
  const scope = engineOf().state.scopeStack.findLast(({ name }) => name in gradients);
  return scope && gradients[scope.name];
}

/**
 * The gradient of `|x|` in `max(x, 0) + log(1 + exp(-|x|))`, which is how tfjs's cross-entropies of
 * logits compute softplus. Its slope at 0 is 1/2: the slope of `max(x, 0)` there is 0, so that of
 * `|x|` may not be.
 */
function besideRelu(x: tf.Tensor): GradientFunction | undefined {
  const isBeside = engineOf().state.activeTape.slice(-8).some(({ kernelName, inputs }) =>
    kernelName === "Relu" && inputs.x?.id === x.id
  );
  if (!isBeside) return;
  return (dy, [x]) => ({ x: () => (dy as tf.Tensor).mul(tf.step(x, -1)) });
}
