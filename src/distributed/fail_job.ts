import type { World } from "./world.ts";

/** The exit codes of a job, those of `sysexits.h` where one fits. */
export const EXIT: { readonly failed: 70; readonly hung: 75; readonly left: 76 } = {
  /** An error was thrown. */
  failed: 70,
  /** A rank took too long. */
  hung: 75,
  /** A rank exited in the middle of a run. */
  left: 76,
};

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
