import type { AnyLearner } from "../learner/callback.ts";
import { statisticsOf } from "../model/batch_norm_statistics.ts";
import { tf } from "../deps/tfjs.ts";
import { average } from "./average.ts";
import type { RankReport } from "./rank_report.ts";
import type { World } from "./world.ts";

/** Counts the elements of all gradients. */
export function elementsIn(gradients: tf.NamedTensorMap): number {
  return Object.values(gradients).reduce((sum, { size }) => sum + size, 0);
}

/**
 * Averages the gradients of all ranks, weighted by examples. The moving statistics of batch
 * normalisation travel with them and are averaged in the model itself.
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
  const total = reports.reduce((sum, { examples }) => sum + examples, 0);
  const statistics = statisticsOf(model);
  const clones = statistics.map((variable) => variable.clone());
  const tensors = names.map((name) => gradients[name]);
  const means = average(world, [...tensors, ...clones], own.examples / total);
  statistics.forEach((variable, index) => variable.assign(means[names.length + index]));
  tf.dispose([clones, means.slice(names.length)]);
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
  const total = reports.reduce((sum, { examples }) => sum + examples, 0);
  if (total === 0) return;
  const statistics = statisticsOf(model);
  const clones = statistics.map((variable) => variable.clone());
  const means = average(world, clones, reports[world.rank].examples / total);
  statistics.forEach((variable, index) => variable.assign(means[index]));
  tf.dispose([clones, means]);
}
