import type { Answer, Order } from "./worker.ts";

/** Who has made an MPI. */
export type Vendor = "openmpi" | "mpich";

/** How a job ended. */
export interface Job {
  readonly code: number;
  readonly output: string;
  /** When it ended, ms since the epoch. */
  readonly ended: number;
  /** The processes that are left. */
  readonly left: string[];
  /** The names of the files that were written. */
  readonly files: string[];
  /** What each rank has written down; for each order one. */
  readonly answers: Answer[][];
}

/**
 * What Open MPI asks of whoever is root, and of two ranks on one core; and that it leaves the threads
 * of a rank on all cores: bound to one, they wait for each other.
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

/** Whether a kind of MPI is installed, and may be started. */
export function isMissing(vendor: Vendor): boolean {
  if (!permitted) return true;
  try {
    return !Deno.statSync(`/usr/bin/mpirun.${vendor}`).isFile;
  } catch {
    return true;
  }
}

const worker = new URL("./worker.ts", import.meta.url).pathname;

/** Runs orders on a number of ranks, or without `mpirun` in one process. */
export async function launch(
  vendor: Vendor | undefined,
  ranks: number,
  orders: Order[],
  { prefix = [], launcher = [], env = {} }: {
    prefix?: string[];
    launcher?: string[];
    env?: Record<string, string>;
  } = {},
): Promise<Job> {
  const folder = await Deno.makeTempDir();
  const program = [Deno.execPath(), "run", "-A", worker, JSON.stringify(orders), folder];
  const mpirun = vendor ? [`mpirun.${vendor}`, ...launcher, "-n", `${ranks}`] : [];
  const command = [...prefix, ...mpirun, ...program];
  try {
    const { code, stdout, stderr } = await new Deno.Command("timeout", {
      args: ["-k", "5", "60", ...command],
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

/** The processes whose command names a folder; those that are going get five seconds to do so. */
async function processesOf(folder: string): Promise<string[]> {
  for (let tries = 0;; tries++) {
    const left = Array.from(Deno.readDirSync("/proc"), ({ name }) => name).filter((name) => {
      try {
        return Deno.readTextFileSync(`/proc/${name}/cmdline`).includes(folder);
      } catch {
        return false; // not a process, or gone meanwhile
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
