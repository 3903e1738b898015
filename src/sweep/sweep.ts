import { fileSystem } from "../host/files.ts";
import { hostProcess } from "../host/host_process.ts";
import { encodeHex } from "../text/text.ts";
import { hostname } from "node:os";
import { Monitor } from "../callbacks/support/monitor.ts";
import { Terminal } from "../callbacks/support/terminal.ts";
import type { ParametersOf, Space } from "./dimension.ts";
import { cut } from "./fit_record.ts";
import { inProcessPool, type Pool } from "./in_process_pool.ts";
import type { JobRecord } from "./job_record.ts";
import { Journal } from "./journal.ts";
import { Ledger } from "./ledger.ts";
import { planSweep } from "./plan_sweep.ts";
import type { Work } from "./run_job.ts";
import { type CompleteOptions, completeOptions, type SweepOptions } from "./sweep_options.ts";
import { shortNumber, SweepResult } from "./sweep_result.ts";
import { withFileErrors } from "./with_file_errors.ts";
import { announceWorker, serveProcess, workerSweep } from "./worker_process.ts";

/** Number of sweeps that this script has begun. */
let sweeps = 0;

/**
 * Searches for good parameters by a random or grid search, Hyperband or TPE, in processes on this
 * machine or on any number of machines.
 *
 * Workers run the same script again, up to this call, which never returns in a worker. A sweep that
 * was interrupted continues when the script is run again. A trial that throws is recorded with its
 * error, and the sweep continues.
 *
 * @param options The space, the objective and the algorithm.
 * @returns The results of all trials. By then, the folder has the journal and the pictures.
 * @throws {TypeError} If an option is unknown, missing or of the wrong kind.
 * @throws {RangeError} If a number is out of range.
 * @throws {Error} If the folder belongs to another sweep, a worker cannot be started, or the server
 *   cannot be reached.
 *
 * @example
 * ```ts
 * import { logUniform, sweep } from "@trainchart/trainchart/sweep";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * const { best, trials } = await sweep({
 *   space: { x: logUniform(0.01, 100) },
 *   objective: ({ parameters }) => Math.log10(parameters.x) ** 2,
 *   trials: 8,
 *   folder,
 *   workers: 0, // in this process, since there is no script here that others could run
 *   write: () => {},
 * });
 * assertEquals(trials.length, 8);
 * assertEquals(best, trials[0]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @category Sweeps
 */
export async function sweep<const S extends Space>(
  options: SweepOptions<S>,
): Promise<SweepResult<ParametersOf<S>>> {
  const complete = completeOptions(options as unknown as SweepOptions);
  const { folder, space, worker, nats } = complete;
  const { mode, name: monitor } = new Monitor("sweep()", {
    monitor: complete.monitor,
    mode: complete.mode,
  });
  const number = sweeps++;
  const settings = settingsOf(complete, mode);
  const work: Work = {
    objective: complete.objective,
    monitor: { monitor, mode },
    folder,
    worker: `${hostname()}:${hostProcess!.pid}`,
  };
  const called = workerSweep();
  if (worker || called === number) return await serve(work, complete, settings);

  const ledger = new Ledger(planSweep(complete, mode));
  const journal = new Journal(`${folder}/trials.jsonl`);
  for (const record of await journal.open(settings)) ledger.add(record);
  const terminal = new Terminal({ write: complete.write });
  const result = () => new SweepResult<ParametersOf<S>>(ledger, { monitor, mode, space });
  // A worker of a later sweep of this script takes the results of this one from the journal.
  if (called !== undefined) return result();

  const progress = (news = "") => terminal.draw(progressOf(ledger, result()) + news);
  const pool = await poolOf(work, complete, settings, number);
  progress();
  if (nats || !ledger.done) {
    await pool({
      jobs: (open) => ledger.jobs(open),
      done: () => ledger.done,
      reported(job, { epochs, value, atRung }) {
        ledger.report(job.trial, epochs, value);
        const found = shortNumber(value);
        progress(`, trial ${job.trial} after ${epochs} of ${job.epochs} epochs: ${found}`);
        return atRung ? ledger.verdict(job.trial) : "continue";
      },
      async ended(record) {
        if (!ledger.add(record)) return;
        await journal.add(record);
        terminal.line(lineOf(record, ledger));
        progress();
      },
    });
  }
  const found = result();
  const pictures = { parallel: found.parallelPlot(), history: found.historyPlot() };
  for (const [name, picture] of Object.entries(pictures)) {
    const path = `${folder}/${name}.svg`;
    await withFileErrors(path, picture.save(path));
  }
  await fileSystem.rm(`${folder}/checkpoints`, { recursive: true, force: true }).catch(() => {});
  const table = found.table(20, terminal.live ? terminal.columns : Infinity);
  terminal.line(`\n${table}\n\nmore in ${folder}/: trials.jsonl, parallel.svg, history.svg`);
  return found;
}

/** The settings that must stay the same between runs; a random search or TPE may get more trials later. */
function settingsOf(options: CompleteOptions, mode: string): Record<string, unknown> {
  const { space, algorithm, trials, epochs, factor, points, startup, monitor, seed } = options;
  return {
    algorithm,
    space: Object.fromEntries(
      Object.entries(space).map(([key, { description }]) => [key, description]),
    ),
    epochs,
    monitor,
    mode,
    seed,
    ...algorithm === "grid" && { points },
    ...algorithm === "tpe" && { startup },
    ...algorithm === "hyperband" && { factor, trials },
  };
}

async function poolOf(
  work: Work,
  { workers, nats, folder, attempts, silence, flags, name }: CompleteOptions,
  settings: unknown,
  sweep: number,
): Promise<Pool> {
  const start = (index: number) => ({ sweep, flags, log: `${folder}/worker-${index + 1}.log` });
  if (nats) {
    const { jetStreamPool } = await import("./jet_stream_pool.ts");
    return jetStreamPool({ nats, id: await idOf(name, settings), silence, workers, start });
  }
  if (workers === 0) return inProcessPool(work);
  const { processPool } = await import("./process_pool.ts");
  return processPool({ workers, attempts, start });
}

async function serve(work: Work, options: CompleteOptions, settings: unknown): Promise<never> {
  const { nats, silence, attempts, name } = options;
  if (!nats) return await serveProcess(work);
  if (workerSweep() !== undefined) announceWorker();
  const { serveJetStream } = await import("./serve_jet_stream.ts");
  const say = (text: string) => console.log(`${work.worker}: ${text}`);
  await serveJetStream({ ...work, nats, silence, attempts, say, id: await idOf(name, settings) });
  return hostProcess!.exit(0);
}

/** The name of a sweep on a server, with a digest of its settings. */
async function idOf(name: string, settings: unknown): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(settings));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `${name}-${encodeHex(digest.slice(0, 4))}`;
}

function progressOf(ledger: Ledger, { best, trials, monitor }: SweepResult): string {
  const ended = trials.filter(({ trial }) =>
    !["waiting", "paused"].includes(ledger.statusOf(trial))
  );
  const found = best ? `, best ${monitor} ${shortNumber(best.value)} (trial ${best.trial})` : "";
  return `${ended.length} of ${ledger.size} trials${found}`;
}

function lineOf({ trial, status, value, parameters, error }: JobRecord, ledger: Ledger): string {
  const facts = Object.entries(parameters).map(([name, value]) => `${name} ${shortNumber(value)}`);
  const end = error ? cut(error.split("\n")[0], 200) : shortNumber(value ?? NaN);
  const ended = status === "paused" ? ledger.statusOf(trial) : status;
  return `trial ${trial} ${ended}: ${end}  (${facts.join(", ")})`;
}
