import type { AnyLearner } from "../learner/callback.ts";
import { statisticsOf } from "../model/layers.ts";
import { tf } from "../deps/tfjs.ts";
import { average } from "./average.ts";
import type { RankReport } from "./rank_report.ts";
import type { World } from "./world.ts";

/** Counts the elements of all gradients. */
export function elementsIn(gradients: tf.NamedTensorMap): number {
  return Object.values(gradients).reduce((sum, { size }) => sum + size, 0);
}

/**
 * Averages the gradients of all ranks by their weights. The moving statistics of batch normalisation
 * are averaged by examples, in the model itself.
 *
 * @param world The ranks.
 * @param model The model that has the gradients.
 * @param gradients The gradients of this rank; the caller disposes them.
 * @param reports The reports of all ranks about their gradients.
 * @returns The mean, see {@linkcode average}; empty where there are no gradients.
 * @throws {RangeError} If the ranks' gradients differ in size.
 */
export function averageGradients(
  world: World,
  model: AnyLearner["model"],
  gradients: tf.NamedTensorMap,
  reports: readonly RankReport[],
): tf.NamedTensorMap {
  const own = reports[world.rank];
  const other = reports.findIndex(({ elements }) => elements !== own.elements);
  if (other >= 0) {
    throw new RangeError(
      "Cannot average gradients as all ranks must have gradients of the same size: rank " +
        `${world.rank} has ${own.elements} numbers, rank ${other} ${reports[other].elements}`,
    );
  }
  const names = Object.keys(gradients);
  if (names.length === 0) return {};
  const share = shareOf(world, reports.map(({ weight }) => weight));
  // Without a label that counts, a mean loss is 0 / 0.
  const isEmpty = share === 0;
  const tensors = names.map((name) => isEmpty ? tf.zerosLike(gradients[name]) : gradients[name]);
  const joint = reports.every(({ weight, examples }) => weight === examples);
  const statistics = joint ? statisticsOf(model) : [];
  const clones = statistics.map((variable) => variable.clone());
  const means = average(world, [...tensors, ...clones], share);
  statistics.forEach((variable, index) => variable.assign(means[names.length + index]));
  tf.dispose([clones, means.slice(names.length)]);
  if (isEmpty) tf.dispose(tensors.filter((tensor, index) => tensor !== means[index]));
  if (!joint) averageStatistics(world, model, reports);
  return Object.fromEntries(names.map((name, index) => [name, means[index]]));
}

/**
 * Averages the moving statistics of batch normalisation over all ranks, in the model itself. They
 * only differ where gradients have not been averaged since the last batch.
 *
 * @param world The ranks.
 * @param model The model.
 * @param reports The reports of all ranks, with their examples since the gradients were averaged.
 */
export function averageStatistics(
  world: World,
  model: AnyLearner["model"],
  reports: readonly RankReport[],
): void {
  const statistics = statisticsOf(model);
  if (statistics.length === 0 || reports.every(({ examples }) => examples === 0)) return;
  const clones = statistics.map((variable) => variable.clone());
  const means = average(world, clones, shareOf(world, reports.map(({ examples }) => examples)));
  statistics.forEach((variable, index) => variable.assign(means[index]));
  tf.dispose([clones, means]);
}

/** The share of this rank in the sum of some weights; the same for all ranks if the sum is 0. */
function shareOf({ rank, size }: World, weights: readonly number[]): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return total === 0 ? 1 / size : weights[rank] / total;
}
