import type { Batch } from "../data/dataset.ts";
import { LoaderReader } from "../data/loader_reader.ts";
import { disposeTensors } from "../tensors/nested_tensors.ts";
import type { LearnerFields } from "./learner_fields.ts";
import type { Dataloaders } from "./options.ts";

/**
 * Reads a loader of a Learner apart from any run, in the order of an epoch and within the limits.
 *
 * @returns The batches, each disposed when the next is asked for or the loop is left.
 * @throws {TypeError} If there is no such loader.
 */
export async function* readBatches<Data, Labels, Predictions>(
  learner: LearnerFields<Data, Labels, Predictions>,
  name: keyof Dataloaders,
  epoch: number,
): AsyncGenerator<Batch<Data, Labels>, void> {
  const { loaderOrder, dataloaders, limits } = learner;
  const reader = await LoaderReader.open(name, dataloaders[name], { ...loaderOrder, epoch });
  try {
    for (let left = limits[name] ?? Infinity; left > 0; left--) {
      const batch = await reader.next();
      if (!batch) return;
      try {
        yield batch as unknown as Batch<Data, Labels>;
      } finally {
        disposeTensors([batch.data, batch.labels]);
      }
    }
  } finally {
    await reader.close();
  }
}
