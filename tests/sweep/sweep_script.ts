import type { JobRecord } from "../../src/sweep/job_record.ts";

const SCRIPT = new URL("./waiting_sweep.ts", import.meta.url).pathname;

/** What `waiting_sweep.ts` is told. */
export interface ScriptOptions {
  trials: number;
  /** How long a trial that goes to its end takes, ms. */
  wait: number;
  algorithm?: string;
  epochs?: number;
  silence?: number;
  nats?: unknown;
  /** For how long a trial blocks its process at first, ms. */
  deaf?: number;
  /** The trial whose first worker kills itself. */
  suicide?: number;
  /** Whether its other workers do, too. */
  stubborn?: boolean;
}

/** A folder with a sweep and the traces of its workers, gone at the end. */
export class SweepScript {
  readonly folder: string = Deno.makeTempDirSync({ prefix: "sweep-" });
  readonly #options: ScriptOptions;
  readonly #children: Deno.ChildProcess[] = [];

  constructor(options: ScriptOptions) {
    this.#options = options;
  }

  /** Runs the script; its output is kept in the result. */
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

  /** Lines that workers have left: what they did, the trial, their process, when, ms. */
  trace(): { what: string; trial: number; pid: number; time: number }[] {
    const lines = read(`${this.folder}/trace.txt`);
    return lines.map((line) => line.split(" ")).map(([what, trial, pid, time]) => (
      { what, trial: Number(trial), pid: Number(pid), time: Number(time) }
    ));
  }

  /** Waits until workers have left so many lines of a kind. */
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

  /** Ends it as the kernel does. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
  }

  /** What Ctrl-C does. */
  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  /** Waits for its end. */
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
