/**
 * More than one process: synchronous data-parallel training on MPI, and sweeps of many trials.
 *
 * ```sh
 * mpirun -n 4 deno run -A train.ts
 * ```
 *
 * @module
 */

// Data-parallel training
export { DataParallel } from "./src/distributed/data_parallel.ts";
export { mpi, type MpiOptions } from "./src/distributed/mpi.ts";
export type { Numbers, Reduction, World } from "./src/distributed/world.ts";

// Sweeps
export { choice } from "./src/distributed/sweep/choice.ts";
export type {
  AnyParameters,
  Dimension,
  ParametersOf,
  ParameterValue,
  Space,
} from "./src/distributed/sweep/dimension.ts";
export { integer, type IntegerOptions } from "./src/distributed/sweep/integer.ts";
export { logUniform } from "./src/distributed/sweep/log_uniform.ts";
export type { NatsOptions, NatsTlsOptions } from "./src/distributed/sweep/nats_options.ts";
export type { Objective, ObjectiveResult } from "./src/distributed/sweep/run_job.ts";
export type { Verdict } from "./src/distributed/sweep/records.ts";
export { sweep } from "./src/distributed/sweep/sweep.ts";
export type { Algorithm, SweepOptions } from "./src/distributed/sweep/sweep_options.ts";
export { SweepResult, type TrialResult } from "./src/distributed/sweep/sweep_result.ts";
export { Trial } from "./src/distributed/sweep/trial.ts";
export { uniform } from "./src/distributed/sweep/uniform.ts";
