import { checkOptions, type KnownOptions } from "../checks/check_options.ts";
import { tf } from "../deps/tfjs.ts";

/**
 * Checks the options of a metric. Predictions in their place are left to `Metrics`, which says that
 * the metric must be called first: `new Metrics({ f1: f1() })`.
 *
 * @param name The name of the metric.
 * @param options The options that were given.
 * @param known An entry for each option.
 * @throws {TypeError} If an option is unknown.
 */
export function checkMetricOptions<Options extends object>(
  name: string,
  options: Options,
  known: KnownOptions<Options>,
): void {
  if (!(options instanceof tf.Tensor)) checkOptions(`measure ${name}`, options, known);
}
