import { registerArithmetic } from "./arithmetic.ts";
import { registerConvolutions } from "./convolutions.ts";
import { registerGather } from "./gather.ts";
import { registerImages } from "./images.ts";
import { registerAxes } from "./axes.ts";
import { registerNormalization } from "./normalization.ts";
import { registerPools } from "./pools.ts";
import { registerUnary } from "./unary.ts";
import { fixTape } from "./tape.ts";

/**
 * Completes and corrects the gradients of tfjs, on every backend: each differentiable operation has
 * one, which can be differentiated itself, and which is PyTorch's at kinks.
 */
export function registerGradients(): void {
  fixTape();
  registerUnary();
  registerArithmetic();
  registerAxes();
  registerGather();
  registerConvolutions();
  registerPools();
  registerNormalization();
  registerImages();
}
