import { guard } from "./guard.ts";
import { LIBRARIES, type MpiVendor, openMpi } from "./mpi_library.ts";
import { MpiWorld } from "./mpi_world.ts";
import { Watchdog } from "./watchdog.ts";
import type { World } from "./world.ts";

/** Options of {@linkcode mpi}. */
export interface MpiOptions {
  /** The library: a path, or a name. Default: that of the `mpirun` which has started the process. */
  library?: string;
  /**
   * How long a step of a run, or waiting for the other processes, may take before the whole job is
   * ended, ms, >= 1000. Default: 300,000.
   */
  limit?: number;
}

/** What each launcher calls the number of processes that it has started, in all and on one machine. */
const LAUNCHERS: Readonly<Record<MpiVendor, { size: string; local: string }>> = {
  "Open MPI": { size: "OMPI_COMM_WORLD_SIZE", local: "OMPI_COMM_WORLD_LOCAL_SIZE" },
  MPICH: { size: "PMI_SIZE", local: "MPI_LOCALNRANKS" },
};

let joined: Promise<World> | undefined;

/**
 * Joins the processes that `mpirun` has started together with this one: Open MPI's or MPICH's.
 *
 * Without `mpirun` it is a world of one, and needs no library. With it, an error that nobody catches,
 * an exit in the middle of a run and a process that hangs end the whole job with a code that is not 0.
 * At the end of the program the processes wait for one another.
 *
 * Needs `--allow-ffi` and `--allow-env`, and one of `apt-get install openmpi-bin libopenmpi3` and
 * `apt-get install mpich`.
 *
 * @param options Which library, and how long to wait. A second call returns what the first did.
 * @returns The processes, as this one sees them.
 * @throws {RangeError} If `limit` is out of range.
 * @throws {Error} If the library or a permission is missing, or if the launcher is not of the
 *   library: the message tells what to do.
 *
 * @example
 * ```ts
 * import { mpi } from "@trainchart/trainchart/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const world = await mpi(); // this was started without mpirun
 * assertEquals([world.rank, world.size], [0, 1]);
 * ```
 */
export function mpi(options: MpiOptions = {}): Promise<World> {
  return joined ??= join(options);
}

async function join({ library, limit = 300_000 }: MpiOptions): Promise<World> {
  if (!(limit >= 1000)) {
    throw new RangeError(`Cannot use MPI as limit must be >= 1000 ms: current value is ${limit}`);
  }
  const started = launched();
  if (!started) return single;
  const path = library ?? LIBRARIES[started.vendor].name;
  const found = openMpi(path);
  // A library that is not the launcher's does not find the others: each would train alone.
  if (found.vendor !== started.vendor) throw wrongLauncher(started, `${path} is ${found.version}`);
  const crowded = started.local > navigator.hardwareConcurrency;
  const world = new MpiWorld(found, crowded);
  if (world.size !== started.size) {
    throw wrongLauncher(started, `${path} finds ${world.size} of ${started.size} processes`);
  }
  guard(world);
  if (world.size > 1) {
    world.guard(await Watchdog.start({ limit, rank: world.rank, library: path }));
  }
  return world;
}

/** How many processes were started, and how many of them on this machine. */
function launched(): { vendor: MpiVendor; size: number; local: number } | undefined {
  for (const [vendor, variables] of Object.entries(LAUNCHERS)) {
    const size = Number(read(variables.size));
    const local = Number(read(variables.local) ?? 1);
    if (size > 0) return { vendor: vendor as MpiVendor, size, local };
  }
}

function read(variable: string): string | undefined {
  try {
    return Deno.env.get(variable);
  } catch (cause) {
    throw new Error(
      `Cannot use MPI as permission to read ${variable}, which tells whether mpirun has started ` +
        "this, must be given: run with --allow-env",
      { cause },
    );
  }
}

function wrongLauncher({ vendor }: { vendor: MpiVendor }, found: string): Error {
  return new Error(
    `Cannot use MPI as library and launcher must belong together: mpirun is of ${vendor}, and ` +
      `${found}. Use ${LIBRARIES[vendor].name} (${
        LIBRARIES[vendor].install
      }), or the other's mpirun`,
  );
}

const single: World = {
  rank: 0,
  size: 1,
  library: "none",
  reduce: () => {},
  broadcast: () => {},
  gather: (values) => values.slice(),
  barrier: () => {},
  abort: (code) => Deno.exit(code),
  watch: () => () => {},
};
