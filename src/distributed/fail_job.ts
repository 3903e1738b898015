import { EXIT } from "./exit_codes.ts";
import type { World } from "./world.ts";

/** Delay per lower rank before an error is printed, in ms, and the most ranks that are counted. */
const TURN = 300;
const TURNS = 4;

/** Time in which the launcher passes on what was printed, in ms: an abort drops the rest. */
export const DRAIN = 150;

/** Prints an error, once for the whole job if all ranks have the same, and ends the job. */
export function failJob(world: Pick<World, "rank" | "abort">, error: unknown): never {
  // The first rank to fail has ended the others before their turn to print comes.
  sleep(TURN * Math.min(world.rank, TURNS));
  console.error(`rank ${world.rank}:`, error);
  sleep(DRAIN);
  return world.abort(EXIT.failed);
}

/** Blocks the thread, since nothing else may happen meanwhile. */
export function sleep(time: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, time);
}
