import { EXIT } from "./exit_codes.ts";
import type { MpiWorld } from "./mpi_world.ts";

/** How long each process lets those before it speak first, ms, and at most how many of them. */
const TURN = 300;
const TURNS = 4;

/** How long it takes until the launcher has passed on what was printed, ms: an abort drops the rest. */
export const DRAIN = 150;

const needs: (() => boolean)[] = [];

/** While a question is answered with yes, the process must not end: others wait for it. */
export function needWhile(question: () => boolean): void {
  needs.push(question);
}

/**
 * Makes the job end as one: an error that nobody catches, and an exit in the middle of a run, end all
 * processes with a code that is not 0.
 */
export function guard(world: MpiWorld): void {
  addEventListener("error", (event) => {
    if (!event.defaultPrevented) fail(world, event.error);
  });
  addEventListener("unhandledrejection", (event) => {
    if (!event.defaultPrevented) fail(world, event.reason);
  });
  addEventListener("unload", () => {
    if (Deno.exitCode !== 0) world.abort(Deno.exitCode);
    if (!needs.some((question) => question())) return world.finalize();
    console.error(`Cannot go on as no process must end in a run: rank ${world.rank} has ended`);
    sleep(DRAIN);
    world.abort(EXIT.left);
  });
}

/** Prints an error, once for the whole job if all processes have the same, and ends the job. */
export function fail(world: Pick<MpiWorld, "rank" | "abort">, error: unknown): never {
  // Whoever comes first has ended the others before these have their turn.
  sleep(TURN * Math.min(world.rank, TURNS));
  console.error(`rank ${world.rank}:`, error);
  sleep(DRAIN);
  return world.abort(EXIT.failed);
}

/** At once, because nothing else must happen meanwhile. */
function sleep(time: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, time);
}
