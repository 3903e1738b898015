import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { writeFile } from "../io/write_file.ts";
import { endWithParent } from "./end_with_parent.ts";
import { onDisk } from "./with_file_errors.ts";
import type { Job, JobRecord, Verdict } from "./job_record.ts";
import { type Report, runJob, type Work } from "./run_job.ts";

/** Tells a process which of its script's sweeps it is to work for. */
const VARIABLE = "TRAINCHART_SWEEP_WORKER";

/** How a worker is started. */
export interface WorkerStart {
  /** Which of its script's sweeps it is to work for. */
  readonly sweep: number;
  /** Takes all that it prints. */
  readonly log: string;
  /** Of `deno run`: permissions and the like. */
  readonly flags: readonly string[];
}

/** A worker ended before its work did. */
export class WorkerDeath extends Error {}

type FromWorker = { ready: true } | { report: Report } | { record: JobRecord };
type ToWorker = { job: Job } | { verdict: Verdict };

/** For which of its script's sweeps this process is to work, if it is a worker. */
export function workerSweep(): number | undefined {
  const value = Deno.env.get(VARIABLE);
  return value === undefined ? undefined : Number(value);
}

/** The same script once more, in a process of its own, as a worker. */
export class WorkerProcess {
  /** How it ended. Rejects if what it prints cannot be kept. */
  readonly exited: Promise<string>;
  readonly #child: ChildProcess;
  readonly #log: string;
  #hear: (message: FromWorker) => void = () => {};

  constructor({ sweep, log, flags }: WorkerStart) {
    const args = ["run", "--quiet", ...flags, Deno.mainModule, ...Deno.args];
    this.#log = log;
    this.#child = spawn(Deno.execPath(), args, {
      env: { ...Deno.env.toObject(), [VARIABLE]: String(sweep), NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.#child.on("message", (message) => this.#hear(message as FromWorker));
    this.exited = new Promise((resolve, reject) => {
      let written = Promise.resolve();
      for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
        stream.on("data", (bytes: Uint8Array) => {
          written = written.then(() => onDisk(log, writeFile(log, bytes, { append: true })));
          written.catch(reject);
        });
      }
      this.#child.on("error", (error) => resolve(error.message));
      this.#child.on("close", (code, signal) => {
        written.then(() => resolve(signal ? `signal ${signal}` : `code ${code}`), reject);
      });
    });
  }

  /** Waits until its script has come to the sweep. Rejects if it never does. */
  async ready(): Promise<void> {
    try {
      await this.#answer<void>((message, resolve) => "ready" in message && resolve());
    } catch (error) {
      throw new Error(
        `Cannot sweep as a worker, which runs ${Deno.mainModule} again, must come to the sweep: ` +
          (error as Error).message,
        { cause: error },
      );
    }
  }

  /** Has a job done. Rejects if the process ends before the job does. */
  run(job: Job, judge: (report: Report) => Verdict): Promise<JobRecord> {
    this.#send({ job });
    return this.#answer((message, resolve) => {
      if ("record" in message) resolve(message.record);
      if (!("report" in message)) return;
      const { report } = message;
      this.#send({ verdict: judge({ ...report, value: report.value ?? NaN }) });
    });
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited.catch(() => {}); // whoever waited for its answer has heard of it
  }

  #answer<T>(hear: (message: FromWorker, resolve: (value: T) => void) => unknown): Promise<T> {
    const ended = this.exited.then((how): never => {
      throw new WorkerDeath(`the worker ended with ${how}, see ${this.#log}`);
    });
    const heard = new Promise<T>((resolve) => {
      this.#hear = (message) => hear(message, resolve);
    });
    return Promise.race([heard, ended]);
  }

  #send(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message);
  }
}

/** Tells the process that started this one that it is ready, and ends with it. */
export function announceWorker(): void {
  process.on("disconnect", () => Deno.exit(0));
  endWithParent();
  process.send!({ ready: true } satisfies FromWorker);
}

/** Works for the process that started this one. */
export async function serveProcess(work: Work): Promise<never> {
  const send = (message: FromWorker) => void process.send!(message);
  let obey: (verdict: Verdict) => void = () => {};
  process.on("message", async (message) => {
    const told = message as ToWorker;
    if ("verdict" in told) return obey(told.verdict);
    const record = await runJob(told.job, work, (report) => {
      send({ report });
      return new Promise((resolve) => obey = resolve);
    });
    send({ record });
  });
  announceWorker();
  return await new Promise(() => {});
}
