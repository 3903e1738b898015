/**
 * The thread of the watchdog.
 *
 * @module
 */
import { parentPort, workerData } from "../deps/node_worker_threads.ts";
import { openMpi } from "./mpi_library.ts";
import { EXIT } from "./exit_codes.ts";
import { type WatchdogOrders, WORDS } from "./watchdog.ts";

/** How often it looks, ms. It counts its looks, not the clock: a process may be stopped for hours. */
const INTERVAL = 100;

/** Whoever waits for another process lets that one speak first, ms. */
const PATIENCE = 1000;

/** How long it may take to end all the others before this process ends alone, ms. */
const GRACE = 1000;

const { words, limit, rank, library } = workerData as WatchdogOrders;
const { vendor, handles } = openMpi(library);
const handle = vendor === "Open MPI" ? "pointer" : "i32";
// On a thread of its own, since it does not return where the launcher cannot be reached.
const { MPI_Abort } = Deno.dlopen(library, {
  MPI_Abort: { parameters: [handle, "i32"], result: "i32", nonblocking: true },
}).symbols;
const names = new Map<number, string>();
let beats = 0;
let idle = 0;

parentPort!.on("message", ([number, name]: [number, string]) => names.set(number, name));

const timer = setInterval(() => {
  const now = Atomics.load(words, WORDS.beats);
  const work = Atomics.load(words, WORDS.work);
  idle = now === beats && work !== 0 ? idle + INTERVAL : 0;
  beats = now;
  const waits = names.get(work)?.includes("others") ? PATIENCE : 0;
  if (idle < limit + waits) return;
  clearInterval(timer);
  console.error(
    `Cannot go on as each step must be done within ${limit / 1000} s: rank ${rank} is still in ` +
      `${names.get(work)}`,
  );
  setTimeout(exitAlone, GRACE);
  void MPI_Abort(handles.world as never, EXIT.hung);
}, INTERVAL);

parentPort!.postMessage("watching");

/** Where the launcher cannot be reached, nobody else ends this process. */
function exitAlone(): void {
  Deno.dlopen("libc.so.6", { _exit: { parameters: ["i32"], result: "void" } })
    .symbols._exit(EXIT.hung);
}
