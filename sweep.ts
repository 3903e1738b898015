/**
 * Sweeps: searches for good parameters, in processes on one machine or on any number of machines.
 *
 * A sweep draws parameters from a space, trains with each of them, stops trials that are not worth
 * continuing, and says which was best. The same script is the driver and the workers. What ended is
 * in a journal: start the script again and it continues.
 *
 * @example A random search in this process
 * ```ts
 * import { logUniform, sweep } from "@trainchart/trainchart/sweep";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * const { best } = await sweep({
 *   space: { rate: logUniform(1e-4, 1e-1) },
 *   objective: ({ parameters }) => Math.abs(Math.log10(parameters.rate) + 2),
 *   monitor: "train.distance", // from 0.01
 *   mode: "min",
 *   trials: 20,
 *   workers: 0,
 *   folder,
 * });
 * assertEquals(best!.value < 1, true);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @module
 */
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
