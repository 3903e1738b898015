import type { tf } from "../deps/tfjs.ts";
import { checkNumber } from "../checks/check_number.ts";
import { checkOptions } from "../checks/check_options.ts";
import { describeValue } from "../checks/describe_value.ts";
import type { ParameterGroup } from "../optimizers/parameter_groups.ts";
import { namedVariables } from "./named_variables.ts";

/**
 * Options of {@linkcode groupsByDepth}.
 *
 * @category Optimizers
 */
export interface GroupsByDepthOptions {
  /** The rate of each layer divided by that of the layer above, in (0, 1]. Default: 1 / 2.6. */
  factor?: number;
  /**
   * The rate of the first layer divided by that of the last, in (0, 1]; the rates between are spread
   * evenly on a logarithmic scale. It replaces `factor`. Default: none.
   */
  lowest?: number;
}

/**
 * Makes groups of an optimizer by which the learning rate falls from the last layer of a model to its
 * first: early layers of a trained network need smaller changes than its new head.
 *
 * Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018,
 * https://arxiv.org/abs/1801.06146, section 3.1. It is fast.ai's `slice(1e-5, 1e-3)` with
 * `lowest: 1e-2`, and the parameter groups of a Lightning module's optimizer; Keras has no
 * counterpart.
 *
 * @param model The model, whose layers with weights count; layers of models within it count, too.
 * @param options The rates.
 * @returns A group for each layer with weights, the first layer first.
 * @throws {TypeError} If the model is not made of layers, has no weights yet, or an option is unknown.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { adam, groupsByDepth, tf } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const model = tf.sequential({
 *   layers: [
 *     tf.layers.dense({ name: "body", units: 4, inputShape: [2] }),
 *     tf.layers.dropout({ rate: 0.5 }),
 *     tf.layers.dense({ name: "head", units: 3 }),
 *   ],
 * });
 * const groups = groupsByDepth(model, { factor: 0.1 });
 * assertEquals(groups.map(({ learningRateFactor }) => learningRateFactor), [0.1, 1]);
 * const optimizer = adam(1e-3, { groups }); // 1e-4 for "body"
 * ```
 *
 * @category Optimizers
 */
export function groupsByDepth(
  model: tf.LayersModel,
  options: GroupsByDepthOptions = {},
): ParameterGroup[] {
  const action = "make groups by depth";
  checkOptions(action, options, { factor: true, lowest: true });
  const { factor = 1 / 2.6, lowest } = options;
  checkNumber(action, "factor", factor, { above: 0, max: 1 });
  if (lowest !== undefined) checkNumber(action, "lowest", lowest, { above: 0, max: 1 });
  if (!Array.isArray((model as { layers?: unknown } | undefined)?.layers)) {
    throw new TypeError(
      `Cannot ${action} as model must be a tf.LayersModel: current value is ${
        describeValue(model)
      }`,
    );
  }
  const layers = Map.groupBy(namedVariables(model), ({ layer }) => layer);
  if (layers.size === 0) {
    throw new TypeError(
      `Cannot ${action} as the model must have weights: it has none, or no inputShape`,
    );
  }
  const steps = layers.size - 1;
  const step = lowest === undefined || steps === 0 ? factor : lowest ** (1 / steps);
  return [...layers.values()].map((variables, index) => ({
    match: anyOf(variables.map(({ variable }) => variable.name)),
    learningRateFactor: step ** (steps - index),
  }));
}

/** A pattern that matches whole names. */
function anyOf(names: readonly string[]): RegExp {
  const escaped = names.map((name) => name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  return new RegExp(`^(?:${escaped.join("|")})$`);
}
