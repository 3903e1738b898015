import { tf } from "../deps/tfjs.ts";
import { isThenable } from "../chart/event_loop.ts";
import { tensorsIn } from "../tensors/nested_tensors.ts";

/**
 * Makes a batch of examples, and disposes all other tensors: those that a synchronous `collate` made
 * in between, and those of examples that were loaded for this batch.
 *
 * Tensors that an asynchronous `collate` makes cannot be told apart from those of the run: it
 * disposes them itself.
 *
 * @param collate Makes the batch.
 * @param examples The examples. Tensors in them are disposed unless they are part of the batch.
 * @param owned The examples of the dataset, whose tensors are not disposed. Default: `examples`.
 * @returns The batch, which the caller owns; a promise if `collate` returned one.
 */
export function collateBatch<Example, B>(
  collate: (examples: Example[]) => B | PromiseLike<B>,
  examples: Example[],
  owned: readonly unknown[] = examples,
): B | PromiseLike<B> {
  const loaded = owned === examples ? [] : tensorsOf(examples);
  const dispose = (batch?: unknown) => {
    if (loaded.length === 0) return;
    const kept = new Set([...tensorsIn(batch), ...tensorsOf(owned)]);
    tf.dispose(loaded.filter((tensor) => !kept.has(tensor)));
  };
  const engine = tf.engine();
  let results: tf.Tensor[] = [];
  engine.startScope("collate");
  try {
    const batch = collate(examples);
    if (isThenable(batch)) {
      results = [...engine.state.activeScope.track];
      return settle(batch, dispose);
    }
    results = tensorsIn(batch);
    dispose(batch);
    return batch;
  } catch (error) {
    dispose();
    throw error;
  } finally {
    engine.endScope(results);
  }
}

async function settle<B>(pending: PromiseLike<B>, dispose: (batch?: B) => void): Promise<B> {
  try {
    const batch = await pending;
    dispose(batch);
    return batch;
  } catch (error) {
    dispose();
    throw error;
  }
}

/** Tensors that are examples, or members of examples. Deeper ones are left alone: examples may be graphs. */
function tensorsOf(examples: readonly unknown[]): tf.Tensor[] {
  return examples.flatMap((example) => {
    if (example instanceof tf.Tensor) return [example];
    if (typeof example !== "object" || example === null || ArrayBuffer.isView(example)) return [];
    return Object.values(example).filter((member) => member instanceof tf.Tensor);
  });
}
