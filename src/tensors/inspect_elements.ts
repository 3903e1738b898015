import type { tf } from "../deps/tfjs.ts";
import { type Elements, memoryOf } from "./tensor_memory.ts";

/** The facts that a function found in elements. */
export interface Facts {
  /** The fact that decides which operations follow. Default: none does. */
  readonly decision?: unknown;
  /** Weight of the batch in a mean of batches, on which no operation depends. Default: none. */
  readonly weight?: number;
}

/** Follows inspections, while a step is recorded. */
export interface InspectionObserver {
  /** Elements are inspected: calls `work`, and returns its result. */
  inspects<F extends Facts>(
    tensors: readonly tf.Tensor[],
    inspect: (elements: readonly Elements[]) => F,
    work: () => F | undefined,
  ): F | undefined;
}

let observer: InspectionObserver | undefined;

/** Makes an observer follow all inspections; returns the one before. */
export function observeInspections(
  next: InspectionObserver | undefined,
): InspectionObserver | undefined {
  const before = observer;
  observer = next;
  return before;
}

/**
 * Looks at the elements of labels or weights of a batch, to check or to sum them. A loss that reads
 * elements in this way can be compiled: the function is called again for each batch.
 *
 * @param tensors Tensors of the batch, not results of operations.
 * @param inspect Depends on the elements only. Whatever decides which operations follow is its
 *   `decision`, as plain data.
 * @returns The facts; `undefined` on a backend whose memory cannot be read at once.
 */
export function inspectElements<F extends Facts>(
  tensors: readonly tf.Tensor[],
  inspect: (elements: readonly Elements[]) => F,
): F | undefined {
  const work = () => {
    const elements = tensors.map(memoryOf);
    return elements.includes(undefined) ? undefined : inspect(elements as Elements[]);
  };
  return observer ? observer.inspects(tensors, inspect, work) : work();
}
