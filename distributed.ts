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
export { choice } from "./src/sweep/choice.ts";
export type {
  AnyParameters,
  Dimension,
  ParametersOf,
  ParameterValue,
  Space,
} from "./src/sweep/dimension.ts";
export { integer, type IntegerOptions } from "./src/sweep/integer.ts";
export { logUniform } from "./src/sweep/log_uniform.ts";
export type { NatsOptions, NatsTlsOptions } from "./src/sweep/nats_options.ts";
export type { Objective, ObjectiveResult } from "./src/sweep/run_job.ts";
export type { Verdict } from "./src/sweep/job_record.ts";
export { sweep } from "./src/sweep/sweep.ts";
export type { Algorithm, SweepOptions } from "./src/sweep/sweep_options.ts";
export { SweepResult, type TrialResult } from "./src/sweep/sweep_result.ts";
export { Trial } from "./src/sweep/trial.ts";
export { uniform } from "./src/sweep/uniform.ts";
