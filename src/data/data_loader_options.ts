import type { Dataset } from "./dataset.ts";

/**
 * What to load, and how to cut it into batches.
 *
 * @template B The batches.
 * @template Example The examples, if `dataset` is an array.
 */
export interface DataLoaderOptions<B, Example> {
  /** Where the batches come from: a dataset, or an array of examples together with `collate`. */
  readonly dataset: Dataset<B> | readonly Example[];
  /** Makes a batch of examples, if `dataset` is an array. The batch belongs to whoever takes it. */
  readonly collate?: (examples: Example[]) => B | PromiseLike<B>;
  /** The number of examples in a batch, an integer >= 1. Default 32. */
  readonly batchSize?: number;
  /** Whether the examples come in another random order each epoch. Default `false`. */
  readonly shuffle?: boolean;
  /** Whether to leave out a last batch smaller than `batchSize`. Default `false`. */
  readonly dropLast?: boolean;
  /**
   * Decides the order of every epoch, together with the epoch's number: a safe integer. By default
   * a random one, drawn at construction.
   */
  readonly seed?: number;
  /**
   * How many batches may be under way or waiting while another one is computed with, an integer
   * >= 0. It helps an asynchronous dataset. Default 0: each batch is built when it is asked for.
   */
  readonly prefetch?: number;
  /** How long to wait for one batch before that is an error: ms, > 0. Default: for ever. */
  readonly timeout?: number;
}
