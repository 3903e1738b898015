import type { AnyLearner } from "../learner/callback.ts";
import { statisticsOf } from "../model/batch_norm_statistics.ts";
import { tf } from "../deps/tfjs.ts";
import { average } from "./average.ts";
import type { Report } from "./report.ts";
import type { World } from "./world.ts";

/** How many numbers gradients have. */
export function elementsIn(gradients: tf.NamedTensorMap): number {
  return Object.values(gradients).reduce((sum, { size }) => sum + size, 0);
}

/**
 * The mean of the gradients of all processes, weighted by examples; with it go the statistics of
 * batch normalisation, which are averaged in the model itself.
 *
 * @param world The processes.
 * @param model Whose gradients they are.
 * @param gradients Those of this process; they stay the caller's.
 * @param reports What each process has said of its own.
 * @returns The mean, see {@linkcode average}; empty where there are no gradients.
 * @throws {RangeError} If they are not of the same size everywhere.
 */
export function averageGradients(
  world: World,
  model: AnyLearner["model"],
  gradients: tf.NamedTensorMap,
  reports: readonly Report[],
): tf.NamedTensorMap {
  const own = reports[world.rank];
  const other = reports.findIndex(({ elements }) => elements !== own.elements);
  if (other >= 0) {
    throw new RangeError(
      "Cannot average gradients as all ranks must have the same: rank " +
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
