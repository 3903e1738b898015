import type { TensorStats } from "../tensors/tensor_stats.ts";

/**
 * Statistics of one layer, or of one weight, in one batch.
 *
 * @category Plots
 */
export interface LayerRecord extends TensorStats {
  /** Index of the batch among all training batches of the run, 0-based. */
  step: number;
  /** Index of the epoch, 0-based. */
  epoch: number;
  /** The name of the layer or weight. */
  layer: string;
}
