import { registerArithmetic } from "./arithmetic.ts";
import { registerConvolutions } from "./convolutions.ts";
import { registerGather } from "./gather.ts";
import { registerImages } from "./images.ts";
import { registerMovement } from "./movement.ts";
import { registerNormalization } from "./normalization.ts";
import { registerPools } from "./pools.ts";
import { registerProducts } from "./products.ts";
import { registerReductions } from "./reductions.ts";
import { registerActivations } from "./activations.ts";
import { fixTape } from "./tape.ts";
import { registerUnary } from "./unary.ts";

/**
 * Completes and corrects the gradients of tfjs, on every backend: each differentiable operation has
 * one, which can be differentiated itself, and which is PyTorch's at kinks.
 */
export function registerGradients(): void {
  fixTape();
  registerUnary();
  registerArithmetic();
  registerReductions();
  registerMovement();
  registerGather();
  registerProducts();
  registerConvolutions();
  registerPools();
  registerNormalization();
  registerActivations();
  registerImages();
}
