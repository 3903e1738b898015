import { addCumprodGradient } from "./cumprod_gradient.ts";
import { fixCast } from "./fix_cast.ts";
import { fixImages } from "./fix_images.ts";
import { fixMove } from "./fix_move.ts";
import { fixPools } from "./fix_pools.ts";
import { fixProducts } from "./fix_products.ts";
import { fixSlices } from "./fix_slices.ts";

/** Repairs the kernels of tfjs's cpu backend that compute wrong results, and adds one. */
export function fixCpu(): void {
  fixCast();
  fixMove();
  fixPools();
  fixProducts();
  fixSlices();
  fixImages();
  addCumprodGradient();
}
