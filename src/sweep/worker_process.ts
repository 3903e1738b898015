import { mainScript, scriptCommand } from "../host/host_process.ts";
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { writeFile } from "../io/files.ts";
import { endWithParent } from "./end_with_parent.ts";
import type { JobRecord, TrialJob, Verdict } from "./job_record.ts";
import { runJob, type TrialReport, type Work } from "./run_job.ts";
import { withFileErrors } from "./with_file_errors.ts";

/** The environment variable with the number of the sweep that a worker belongs to. */
const VARIABLE = "TRAINCHART_SWEEP_WORKER";

/** The start of a worker. */
export interface WorkerStart {
  /** Number of the sweep within its script, 0-based. */
  readonly sweep: number;
  /** Path of the file for its output. */
  readonly log: string;
  /** Flags of `deno run`, such as permissions. */
  readonly flags: readonly string[];
}

/** A worker has ended before its job. */
export class WorkerDeath extends Error {}

type FromWorker = { ready: true } | { report: TrialReport } | { record: JobRecord };
type ToWorker = { job: TrialJob } | { verdict: Verdict };

/** Number of the sweep that this process works for, if it is a worker. */
export function workerSweep(): number | undefined {
  const value = process.env[VARIABLE];
  return value === undefined ? undefined : Number(value);
}

/** A worker: the same script in another process. */
export class WorkerProcess {
  /** Resolves with the exit code or signal. Rejects if the output cannot be written. */
  readonly exited: Promise<string>;
  readonly #child: ChildProcess;
  readonly #log: string;
  #onMessage: (message: FromWorker) => void = () => {};

  constructor({ sweep, log, flags }: WorkerStart) {
    const args = scriptCommand(flags);
    this.#log = log;
    this.#child = spawn(process.execPath, args, {
      env: { ...process.env, [VARIABLE]: String(sweep), NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.#child.on("message", (message) => this.#onMessage(message as FromWorker));
    this.exited = new Promise((resolve, reject) => {
      let written = Promise.resolve();
      for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
        stream.on("data", (bytes: Uint8Array) => {
          written = written.then(() =>
            withFileErrors(log, writeFile(log, bytes, { append: true }))
          );
          written.catch(reject);
        });
      }
      this.#child.on("error", (error) => resolve(error.message));
      this.#child.on("close", (code, signal) => {
        written.then(() => resolve(signal ? `signal ${signal}` : `code ${code}`), reject);
      });
    });
  }

  /**
   * Waits until the script has reached the sweep.
   *
   * @throws {Error} If the process ends before.
   */
  async ready(): Promise<void> {
    try {
      await this.#answer<void>((message, resolve) => "ready" in message && resolve());
    } catch (error) {
      throw new Error(
        `Cannot sweep as a worker, which runs ${mainScript()} again, must reach the sweep: ` +
          (error as Error).message,
        { cause: error },
      );
    }
  }

  /**
   * Gives the worker a job, and waits for its record.
   *
   * @throws {WorkerDeath} If the process ends before the job.
   */
  run(job: TrialJob, judge: (report: TrialReport) => Verdict): Promise<JobRecord> {
    this.#send({ job });
    return this.#answer((message, resolve) => {
      if ("record" in message) resolve(message.record);
      if (!("report" in message)) return;
      const { report } = message;
      this.#send({ verdict: judge({ ...report, value: report.value ?? NaN }) });
    });
  }

  /** Ends the process. */
  async close(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited.catch(() => {}); // the job that waits for an answer rejects, too
  }

  #answer<T>(handle: (message: FromWorker, resolve: (value: T) => void) => unknown): Promise<T> {
    const ended = this.exited.then((end): never => {
      throw new WorkerDeath(`the worker ended with ${end}, see ${this.#log}`);
    });
    const answered = new Promise<T>((resolve) => {
      this.#onMessage = (message) => handle(message, resolve);
    });
    return Promise.race([answered, ended]);
  }

  #send(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message);
  }
}

/** Tells the parent process that this worker is ready, and ends together with it. */
export function announceWorker(): void {
  process.on("disconnect", () => process.exit(0));
  endWithParent();
  process.send!({ ready: true } satisfies FromWorker);
}

/** Does the jobs that the parent process sends. */
export async function serveProcess(work: Work): Promise<never> {
  const send = (message: FromWorker) => void process.send!(message);
  let obey: (verdict: Verdict) => void = () => {};
  process.on("message", async (message) => {
    const order = message as ToWorker;
    if ("verdict" in order) return obey(order.verdict);
    const record = await runJob(order.job, work, (report) => {
      send({ report });
      return new Promise((resolve) => obey = resolve);
    });
    send({ record });
  });
  announceWorker();
  return await new Promise(() => {});
}
