import { nodeThreads } from "../host/host_process.ts";

/** Interval of the checks, in ms. */
const INTERVAL = 500;

const WATCH = `
const { ppid: parent, pid } = process;
setInterval(() => process.ppid === parent || process.kill(pid, "SIGKILL"), ${INTERVAL});
`;

/**
 * Ends this process soon after its parent process has ended. A separate thread checks, so that this
 * also works while the main thread is busy.
 */
export function endWithParent(): void {
  new (nodeThreads()!.Worker)(WATCH, { eval: true });
}
