import { hostProcess } from "../host/host_process.ts";

/**
 * The function that combines the values of several ranks.
 *
 * @category Data-parallel
 */
export type Reduction = "sum" | "max" | "min";

/**
 * Numbers in plain memory that ranks exchange.
 *
 * @category Data-parallel
 */
export type Numbers = Float32Array | Float64Array;

/**
 * The processes (ranks) that work together, seen from one of them.
 *
 * `reduce`, `broadcast`, `gather` and `barrier` are collective: they return once all ranks have
 * called them, in the same order.
 *
 * @category Data-parallel
 */
export interface World {
  /** The number of this process, 0-based. */
  readonly rank: number;
  /** The number of processes. */
  readonly size: number;
  /** The library that carries the messages, with its version. */
  readonly library: string;
  /** Combines the values of all ranks, in place. Default: `"sum"`. The bits are the same everywhere. */
  reduce(values: Numbers, reduction?: Reduction): void;
  /** Overwrites values by those of one rank. Default: rank 0. */
  broadcast(values: ArrayBufferView, root?: number): void;
  /** Returns the values of all ranks, `[size, values.length]`. */
  gather(values: Float64Array): Float64Array;
  /** Waits for all ranks. */
  barrier(): void;
  /** Ends all ranks at once; does not return. */
  abort(code: number): never;
  /** Tells the watchdog that a piece of work begins. Returns a function that ends it. */
  watch(work: string): () => void;
}

/** The world of a process that was not started by `mpirun`. */
export const WORLD_OF_ONE: World = {
  rank: 0,
  size: 1,
  library: "none",
  reduce: () => {},
  broadcast: () => {},
  gather: (values) => values.slice(),
  barrier: () => {},
  abort: (code) => hostProcess!.exit(code),
  watch: () => () => {},
};
