/** Interval of the checks, in ms. */
const INTERVAL = 500;

const WATCH = `
const parent = Deno.ppid;
setInterval(() => Deno.ppid === parent || Deno.kill(Deno.pid, "SIGKILL"), ${INTERVAL});
`;

/**
 * Ends this process soon after its parent process has ended. A separate thread checks, so that this
 * also works while the main thread is busy.
 */
export function endWithParent(): void {
  new Worker(`data:text/javascript,${encodeURIComponent(WATCH)}`, { type: "module" });
}
