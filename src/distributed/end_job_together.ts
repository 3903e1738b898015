import { hostProcess } from "../host/host_process.ts";
import { DRAIN, EXIT, failJob, sleep } from "./fail_job.ts";
import type { World } from "./world.ts";

const CONDITIONS: (() => boolean)[] = [];

/** While a condition holds, this process may not exit: the other ranks wait for it. */
export function keepAliveWhile(condition: () => boolean): void {
  CONDITIONS.push(condition);
}

/**
 * Makes all ranks end together: an uncaught error, and an exit in the middle of a run, end every
 * rank with a code other than 0.
 */
export function endJobTogether(
  world: Pick<World, "rank" | "abort"> & { finalize(): void },
): void {
  addEventListener("error", (event) => {
    if (!event.defaultPrevented) failJob(world, event.error);
  });
  addEventListener("unhandledrejection", (event) => {
    if (!event.defaultPrevented) failJob(world, event.reason);
  });
  addEventListener("unload", () => {
    const code = Number(hostProcess?.exitCode ?? 0);
    if (code !== 0) world.abort(code);
    if (!CONDITIONS.some((condition) => condition())) return world.finalize();
    console.error(`Cannot continue: rank ${world.rank} exited in the middle of a run`);
    sleep(DRAIN);
    world.abort(EXIT.left);
  });
}
