import type { BatchPlace } from "./callback_protocol.ts";
import type { AnyFields } from "./learner_fields.ts";

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
