/**
 * The thread of the watchdog.
 *
 * @module
 */
import { nodeThreads } from "../host/host_process.ts";
import { DRAIN, EXIT } from "./fail_job.ts";
import { openMpi } from "./mpi_library.ts";
import { type WatchdogOrders, WORDS } from "./watchdog_memory.ts";

/** Interval of the checks, in ms. Checks are counted, not the clock: a process may be suspended. */
const INTERVAL = 100;

/** Additional time for a rank that waits for another, in ms: the other one reports first. */
const PATIENCE = 1000;

/** Time to end the other ranks before this process exits alone, in ms. */
const GRACE = 1000;

const { parentPort, workerData } = nodeThreads()!;
const { words, limit, rank, library } = workerData as WatchdogOrders;
const { vendor, handles } = openMpi(library);
const HANDLE = vendor === "Open MPI" ? "pointer" : "i32";
// On a thread of its own, since it does not return where the launcher cannot be reached.
const { MPI_Abort } = Deno.dlopen(library, {
  MPI_Abort: { parameters: [HANDLE, "i32"], result: "i32", nonblocking: true },
}).symbols;
const NAMES = new Map<number, string>();
let beats = 0;
let idle = 0;

parentPort!.on("message", ([number, name]: [number, string]) => NAMES.set(number, name));

const timer = setInterval(() => {
  const now = Atomics.load(words, WORDS.beats);
  const work = Atomics.load(words, WORDS.work);
  idle = now === beats && work !== 0 ? idle + INTERVAL : 0;
  beats = now;
  const waits = NAMES.get(work)?.includes("others") ? PATIENCE : 0;
  if (idle < limit + waits) return;
  clearInterval(timer);
  console.error(
    `Cannot continue as each step must take at most ${limit / 1000} s: rank ${rank} is still in ` +
      `${NAMES.get(work)}`,
  );
  setTimeout(() => MPI_Abort(handles.world as never, EXIT.hung), DRAIN);
  setTimeout(exitAlone, GRACE);
}, INTERVAL);

parentPort!.postMessage("watching");

/** Where the launcher cannot be reached, MPI_Abort does not end this process. */
function exitAlone(): void {
  Deno.dlopen("libc.so.6", { _exit: { parameters: ["i32"], result: "void" } })
    .symbols._exit(EXIT.hung);
}
