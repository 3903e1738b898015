import type { MpiVendor } from "../../src/distributed/mpi_library.ts";
import type { Answer, Order } from "./worker.ts";

/** The maker of an MPI library. */
export type Vendor = "openmpi" | "mpich";

/** The end of a job. */
export interface JobResult {
  readonly code: number;
  readonly output: string;
  /** Time of the end, in ms since the epoch. */
  readonly ended: number;
  /** The processes that are left over. */
  readonly left: string[];
  /** The names of the files that were written. */
  readonly files: string[];
  /** The answers of each rank, one for each order. */
  readonly answers: Answer[][];
}

/**
 * Lets Open MPI run as root, and several ranks on one core. The threads of a rank are not bound to
 * one core, where they would block each other.
 */
export const ENVIRONMENT = {
  OMPI_ALLOW_RUN_AS_ROOT: "1",
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
  OMPI_MCA_rmaps_base_oversubscribe: "1",
  OMPI_MCA_hwloc_base_binding_policy: "none",
  NO_COLOR: "1",
};

const names = ["run", "ffi", "env", "read", "write"] as const;
const states = await Promise.all(names.map((name) => Deno.permissions.query({ name })));
const permitted = states.every(({ state }) => state === "granted");

/** Whether an MPI is missing, or may not be started. */
export function isMissing(vendor: Vendor): boolean {
  if (!permitted) return true;
  try {
    return !Deno.statSync(`/usr/bin/mpirun.${vendor}`).isFile;
  } catch {
    return true;
  }
}

const WORKER = new URL("./worker.ts", import.meta.url).pathname;

/** Runs orders on a number of ranks, or without `mpirun` in one process. */
export async function launch(
  vendor: Vendor | undefined,
  ranks: number,
  orders: (Order | MpiVendor)[],
  { program = WORKER, prefix = [], launcher = [], env = {} }: {
    program?: string;
    prefix?: string[];
    launcher?: string[];
    env?: Record<string, string>;
  } = {},
): Promise<JobResult> {
  const folder = await Deno.makeTempDir();
  const run = [Deno.execPath(), "run", "-A", program, JSON.stringify(orders), folder];
  const mpirun = vendor ? [`mpirun.${vendor}`, ...launcher, "-n", `${ranks}`] : [];
  const command = [...prefix, ...mpirun, ...run];
  try {
    const { code, stdout, stderr } = await new Deno.Command("timeout", {
      args: ["-k", "5", "300", ...command],
      env: { ...ENVIRONMENT, ...env },
    }).output();
    const output = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
    const ended = Date.now();
    const left = await processesOf(folder);
    const files = Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
    if (code !== 0) return { code, output, ended, left, files, answers: [] };
    const answers = Array.from(
      { length: ranks },
      (_, rank) => JSON.parse(Deno.readTextFileSync(`${folder}/${rank}.json`)),
    );
    return { code, output, ended, left, files, answers };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The processes whose command names a folder; processes that are ending get five seconds. */
async function processesOf(folder: string): Promise<string[]> {
  for (let tries = 0;; tries++) {
    const left = Array.from(Deno.readDirSync("/proc"), ({ name }) => name).filter((name) => {
      try {
        return Deno.readTextFileSync(`/proc/${name}/cmdline`).includes(folder);
      } catch {
        return false; // not a process, or it has ended
      }
    });
    if (left.length === 0 || tries === 100) return left;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The largest difference of any two numbers. */
export function difference(a: number[], b: number[]): number {
  if (a.length !== b.length) return Infinity;
  return a.reduce((most, value, index) => Math.max(most, Math.abs(value - b[index])), 0);
}
