import { TextLineStream } from "./lines.ts";

/** A process that answers lines: it measures when asked to. */
export interface WorkerProcess {
  /** Sends a request, and returns the numbers of the answer. */
  ask(request: string): Promise<number[]>;
  /** Ends the process. */
  stop(): Promise<void>;
}

/**
 * Starts a worker.
 *
 * @param command The program and its arguments.
 * @param threads Number of threads of its linear algebra. `torch.set_num_threads` does not bind the
 *   OpenBLAS of Debian: the variables do.
 */
export function startWorker(
  [program, ...args]: readonly string[],
  threads: number = 1,
): WorkerProcess {
  const count = String(threads);
  const child = new Deno.Command(program, {
    args,
    env: { OMP_NUM_THREADS: count, OPENBLAS_NUM_THREADS: count, NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())
    .getReader();
  return {
    async ask(request) {
      await writer.write(new TextEncoder().encode(`${request}\n`));
      const { value } = await lines.read();
      if (!value || /[^-+.e\d\sNa]/i.test(value)) {
        throw new Error(`Cannot measure "${request}": the worker answered ${value ?? "nothing"}.`);
      }
      return value.split(" ").map(Number);
    },
    async stop() {
      await writer.close().catch(() => {});
      await child.status;
    },
  };
}

/** Python with PyTorch; `undefined` where it is not installed. */
export async function pythonWithTorch(): Promise<string | undefined> {
  const python = "/usr/bin/python3";
  try {
    const args = ["-c", "import torch"];
    const { success } = await new Deno.Command(python, { args, stderr: "null" }).output();
    return success ? python : undefined;
  } catch {
    return undefined;
  }
}
