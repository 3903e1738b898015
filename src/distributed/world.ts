/** How values of several processes become one. */
export type Reduction = "sum" | "max" | "min";

/** Numbers in plain memory that processes exchange. */
export type Numbers = Float32Array | Float64Array;

/**
 * Processes that work together, as one of them sees them.
 *
 * Every method is collective: it returns when all processes have called it, in the same order.
 */
export interface World {
  /** Which of the processes this is, 0-based. */
  readonly rank: number;
  /** How many there are. */
  readonly size: number;
  /** What carries the messages, and its version. */
  readonly library: string;
  /** Replaces values by those of all processes together, the same bits everywhere. */
  reduce(values: Numbers, reduction?: Reduction): void;
  /** Replaces values by those of one process, rank 0 if no other is named. */
  broadcast(values: ArrayBufferView, root?: number): void;
  /** `[size, values.length]`: the values of each process. */
  gather(values: Float64Array): Float64Array;
  /** Waits for all. */
  barrier(): void;
  /** Ends every process at once; does not return. */
  abort(code: number): never;
  /** Tells whoever watches for processes that hang that something begins, and when it has ended. */
  watch(work: string): () => void;
}
