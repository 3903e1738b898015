import type { Batch } from "../data/dataset.ts";
import { LoaderReader } from "../data/loader_reader.ts";
import { disposeTensors } from "../tensors/nested_tensors.ts";
import type { AnyFields, LearnerFields } from "./learner_fields.ts";
import type { Dataloaders } from "./run_interface.ts";
import type { BatchPlace } from "./callback_protocol.ts";

/**
 * Options of `learner.batches()`.
 *
 * @category Learner
 */
export interface ReadBatchesOptions {
  /** Take the order of this epoch, 0-based. Default: 0. */
  epoch?: number;
  /** Whether callbacks change the batches as in a run. Default: true. */
  transform?: boolean;
}

/**
 * Reads a loader of a Learner apart from any run, as a run would read it: in the order of an epoch,
 * within the limits, and changed by the callbacks that change batches.
 *
 * @returns The batches, each disposed when the next is asked for or the loop is left.
 * @throws {TypeError} If there is no such loader.
 */
export async function* readBatches<Data, Labels, Predictions>(
  learner: LearnerFields<Data, Labels, Predictions>,
  name: keyof Dataloaders,
  { epoch = 0, transform = true }: ReadBatchesOptions,
): AsyncGenerator<Batch<Data, Labels>, void> {
  const { loaderOrder, dataloaders, limits } = learner;
  const reader = await LoaderReader.open(name, dataloaders[name], { ...loaderOrder, epoch });
  try {
    for (let index = 0; index < (limits[name] ?? Infinity); index++) {
      const batch = await reader.next();
      if (!batch) return;
      const owned: unknown[] = [batch.data, batch.labels];
      try {
        const place = { pass: name, epoch, index };
        const seen = transform
          ? changeBatch(learner, batch, place, (part) => owned.push(part))
          : batch;
        yield seen as Batch<Data, Labels>;
      } finally {
        disposeTensors(owned);
      }
    }
  } finally {
    await reader.close();
  }
}

/** The data and the labels of a batch. */
export interface BatchParts {
  /** Input of the model. */
  data: unknown;
  /** Targets; `undefined` in a prediction of data without labels. */
  labels: unknown;
}

/**
 * Changes a batch that is read apart from the hooks of a pass as the callbacks change it within one.
 *
 * @param learner The Learner whose callbacks change the batch, in ascending priority.
 * @param batch The batch, which stays undisposed.
 * @param place The place of the batch.
 * @param own Called with every part that replaces another one, to dispose it with the batch.
 * @returns The changed batch.
 */
export function changeBatch(
  learner: AnyFields,
  batch: BatchParts,
  place: BatchPlace,
  own: (part: unknown) => void,
): BatchParts {
  let { data, labels } = batch;
  const sorted = learner.callbacks.toSorted((a, b) => (a.priority ?? 0) - (b.priority ?? 0));
  for (const callback of sorted) {
    const changed = callback.changeBatch?.({ data, labels }, place, learner);
    if (!changed) continue;
    own(changed);
    data = changed.data ?? data;
    labels = changed.labels ?? labels;
  }
  return { data, labels };
}
