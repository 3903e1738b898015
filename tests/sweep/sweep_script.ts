import type { JobRecord } from "../../src/sweep/job_record.ts";

const SCRIPT = new URL("./waiting_sweep.ts", import.meta.url).pathname;

/** The options of `waiting_sweep.ts`. */
export interface ScriptOptions {
  trials: number;
  /** Duration of a trial that runs to its end, in ms. */
  wait: number;
  algorithm?: string;
  epochs?: number;
  silence?: number;
  nats?: unknown;
  /** Time for which a trial blocks its process at the start, in ms. */
  deaf?: number;
  /** Number of the trial that kills its first worker. */
  suicide?: number;
  /** Length of the error of trial 1, in characters. */
  error?: number;
  /** Number of reports of trial 0, all at once. */
  reports?: number;
  /** Whether that trial kills its other workers, too. */
  stubborn?: boolean;
}

/** A folder with a sweep and the traces of its workers, removed at the end. */
export class SweepScript {
  readonly folder: string = Deno.makeTempDirSync({ prefix: "sweep-" });
  readonly #options: ScriptOptions;
  readonly #children: Deno.ChildProcess[] = [];

  constructor(options: ScriptOptions) {
    this.#options = options;
  }

  /** Runs the script and collects its output. */
  spawn(...args: string[]): Running {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", SCRIPT, "--folder", `${this.folder}/out`, ...args],
      env: {
        TEST_SWEEP: JSON.stringify(this.#options),
        TEST_TRACE: this.folder,
        NO_COLOR: "1",
      },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#children.push(child);
    return new Running(child);
  }

  /** The lines that workers have written: event, trial, process, time in ms. */
  trace(): { what: string; trial: number; pid: number; time: number }[] {
    const lines = read(`${this.folder}/trace.txt`);
    return lines.map((line) => line.split(" ")).map(([what, trial, pid, time]) => (
      { what, trial: Number(trial), pid: Number(pid), time: Number(time) }
    ));
  }

  /** Waits until workers have written a number of lines of one kind. */
  async until(what: string, count: number): Promise<void> {
    const began = performance.now();
    while (this.trace().filter((line) => line.what === what).length < count) {
      if (performance.now() - began > 60_000) throw new Error(`no ${count}th ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** The records in the journal. */
  records(): JobRecord[] {
    return read(`${this.folder}/out/trials.jsonl`).slice(1).map((line) => JSON.parse(line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended already.
      }
      await child.status;
    }
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** A script that is running. */
export class Running {
  readonly #child: Deno.ChildProcess;
  readonly #output: Promise<string[]>;

  constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#output = Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Kills the script. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
  }

  /** Interrupts the script, as Ctrl-C does. */
  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  /** Waits for the end of the script. */
  async result(): Promise<{ code: number; output: string; errors: string }> {
    const { code } = await this.#child.status;
    const [output, errors] = await this.#output;
    return { code, output, errors };
  }
}

function read(path: string): string[] {
  try {
    const text = Deno.readTextFileSync(path);
    return text.slice(0, text.lastIndexOf("\n") + 1).split("\n").slice(0, -1);
  } catch {
    return [];
  }
}
