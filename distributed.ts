/**
 * Trainchart on more than one process: synchronous data-parallel training on MPI.
 *
 * ```sh
 * mpirun -n 4 deno run -A train.ts
 * ```
 *
 * @module
 */
export { DataParallel } from "./src/distributed/data_parallel.ts";
export { mpi, type MpiOptions } from "./src/distributed/mpi.ts";
export type { Numbers, Reduction, World } from "./src/distributed/world.ts";
