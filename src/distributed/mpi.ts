import { hostProcess } from "../host/host_process.ts";
import { checkNumber, checkOptions } from "../checks/check_options.ts";
import { endJobTogether } from "./end_job_together.ts";
import { LIBRARIES, type MpiVendor, openMpi } from "./mpi_library.ts";
import { MpiWorld } from "./mpi_world.ts";
import { Watchdog } from "./watchdog.ts";
import { type World, WORLD_OF_ONE } from "./world.ts";

/**
 * Options of {@linkcode mpi}.
 *
 * @category Data-parallel
 */
export interface MpiOptions {
  /** Path or name of the library. Default: the library of the `mpirun` that started the process. */
  library?: string;
  /**
   * The longest that a step of a run, or a wait for the other ranks, may take before the whole job
   * is ended, in ms, >= 1000. Default: 300,000.
   */
  limit?: number;
}

/** The variables in which a launcher states the number of processes, in all and on one machine. */
const LAUNCHERS: Readonly<Record<MpiVendor, { size: string; local: string }>> = {
  "Open MPI": { size: "OMPI_COMM_WORLD_SIZE", local: "OMPI_COMM_WORLD_LOCAL_SIZE" },
  MPICH: { size: "PMI_SIZE", local: "MPI_LOCALNRANKS" },
};

let joined: Promise<World> | undefined;

/**
 * Joins the processes that Open MPI's or MPICH's `mpirun` has started together with this one.
 *
 * Without `mpirun`, it returns a world of one and needs no library. With `mpirun`, an uncaught error,
 * an exit in the middle of a run and a process that hangs end the whole job with a code other than
 * 0. At the end of the program, the processes wait for one another.
 *
 * Needs `--allow-ffi` and `--allow-env`, and one of `apt-get install openmpi-bin libopenmpi3` and
 * `apt-get install mpich`.
 *
 * @param options The library and the time limit. Only the first call uses them.
 * @returns The processes, the same object in every call.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If `limit` is out of range.
 * @throws {Error} If the library or a permission is missing, or if library and launcher do not
 *   belong together: the message says what to do.
 *
 * @example
 * ```ts
 * import { mpi } from "@trainchart/trainchart/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const world = await mpi(); // this was started without mpirun
 * assertEquals([world.rank, world.size], [0, 1]);
 * ```
 *
 * @category Data-parallel
 */
export async function mpi(options: MpiOptions = {}): Promise<World> {
  checkOptions("use MPI", options, { library: true, limit: true });
  const { library, limit = 300_000 } = options;
  checkNumber("use MPI", "limit", limit, { min: 1000, infinite: true, unit: "ms" });
  return await (joined ??= join(library, limit));
}

async function join(library: string | undefined, limit: number): Promise<World> {
  const started = launched();
  if (!started) return WORLD_OF_ONE;
  const path = library ?? LIBRARIES[started.vendor].name;
  const found = openMpi(path);
  // With the library of another launcher, each process would train alone.
  if (found.vendor !== started.vendor) throw wrongLauncher(started, `${path} is ${found.version}`);
  const crowded = started.local > navigator.hardwareConcurrency;
  const world = new MpiWorld(found, crowded);
  if (world.size !== started.size) {
    throw wrongLauncher(started, `${path} finds ${world.size} of ${started.size} processes`);
  }
  endJobTogether(world);
  if (world.size > 1) {
    world.watchBy(await Watchdog.start({ limit, rank: world.rank, library: path }));
  }
  return world;
}

/** The number of processes that were started, in all and on this machine. */
function launched(): { vendor: MpiVendor; size: number; local: number } | undefined {
  for (const [vendor, variables] of Object.entries(LAUNCHERS)) {
    const size = Number(read(variables.size));
    const local = Number(read(variables.local) ?? 1);
    if (size > 0) return { vendor: vendor as MpiVendor, size, local };
  }
}

function read(variable: string): string | undefined {
  try {
    return hostProcess?.env[variable];
  } catch (cause) {
    throw new Error(
      `Cannot use MPI: permission to read ${variable}, which says whether mpirun has started this ` +
        "process, is missing. Run with --allow-env",
      { cause },
    );
  }
}

function wrongLauncher({ vendor }: { vendor: MpiVendor }, found: string): Error {
  return new Error(
    `Cannot use MPI as library and launcher must belong together: mpirun is of ${vendor}, and ` +
      `${found}. Use ${LIBRARIES[vendor].name} (${LIBRARIES[vendor].install}), or the other mpirun`,
  );
}
