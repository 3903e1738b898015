import type { tf } from "../deps/tfjs.ts";
import { engineOf } from "./gradients/engine.ts";
import { hasKernel, run } from "./gradients/gradient.ts";

let isFused = false;

/**
 * Makes `tf.logSoftmax` one operation where the backend has our kernels. A second call does nothing.
 *
 * tfjs computes it within `tf.customGrad`, by seven kernels.
 */
export function fuseLogSoftmax(): void {
  if (isFused) return;
  isFused = true;
  const engine = engineOf();
  const { customGrad } = engine;
  engine.customGrad = (f) => {
    const custom = customGrad(f);
    if (engine.state.scopeStack.at(-1)?.name !== "logSoftmax__op") return custom;
    return (logits: tf.Tensor) => {
      const isOurs = logits.dtype === "float32" && logits.rank > 0 &&
        hasKernel("TrainchartLogSoftmax");
      return isOurs ? run("TrainchartLogSoftmax", { logits }) : custom(logits);
    };
  };
}
