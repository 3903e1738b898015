import type { tf } from "../deps/tfjs.ts";
import { checkNumber, checkOptions, type KnownOptions } from "../checks/check_options.ts";
import type { AnyLearner } from "../learner/callback.ts";
import type { AnyCallback } from "../learner/callback_protocol.ts";
import type { TrainOptions } from "../learner/learner.ts";
import { optimizersOf } from "../learner/learner_optimizers.ts";
import { PRIORITIES } from "../learner/callback_list.ts";
import type { TrainResult } from "../learner/run_interface.ts";
import { chooseVariables, groupsByDepth, namedVariables } from "../model/named_variables.ts";
import { hasMomentum } from "../optimizers/optimizer_state.ts";
import type { ParameterGroup } from "../optimizers/parameter_groups.ts";
import { SlotOptimizer } from "../optimizers/slot_optimizer.ts";
import { oneCycle, type RateAndMomentum, type Schedule, sequence } from "../schedules/schedule.ts";
import { GradualUnfreeze } from "./gradual_unfreeze.ts";
import { LearningRateSchedule } from "./learning_rate_schedule.ts";
import { checkWeightMatch, type WeightMatch } from "./support/check_weight_match.ts";

const ACTION = "fine-tune";

/**
 * Options of {@linkcode fineTune}: those of `learner.train()`, and how to treat the layers.
 *
 * @category Callbacks
 */
export interface FineTuneOptions extends TrainOptions {
  /** Number of epochs of the whole model, an integer >= 1. Default: 1. */
  epochs?: number;
  /** Number of epochs of the head alone, before them, an integer >= 1. Default: 1. */
  frozenEpochs?: number;
  /** Highest rate of the head, per step, > 0; half of it for the whole model. Default: 0.002. */
  learningRate?: number;
  /**
   * The rate of the first layer divided by that of the head, in (0, 1]; the rates between are spread
   * evenly on a logarithmic scale. Groups that the optimizer has replace it. Default: 0.01.
   */
  lowest?: number;
  /** The layers that are new, by names or patterns. Default: the last layer with weights. */
  head?: WeightMatch;
  /** Let the moving statistics of frozen batch normalisation follow the data. Default: false. */
  updateStatistics?: boolean;
}

const OPTIONS: KnownOptions<FineTuneOptions> = {
  epochs: true,
  frozenEpochs: true,
  learningRate: true,
  lowest: true,
  head: true,
  updateStatistics: "flag",
  from: true,
  validationEpochs: true,
  validationBatches: true,
  callbacks: true,
  signal: true,
  inspect: true,
};

/**
 * Fine-tunes a model that was trained for another task: first its new head alone, then all of it, in
 * one cycle of the learning rate each, and with rates that fall from the head to the first layer.
 *
 * It is fast.ai's `learn.fine_tune()`, with the same defaults; here it is one training of
 * `frozenEpochs + epochs` epochs, so that it is recorded, cancelled and resumed as one. In Lightning
 * it is the callback `BackboneFinetuning`; Keras has no counterpart. Afterwards the layers, the
 * learning rate and the groups of the optimizer are what they were.
 *
 * @param learner The Learner of the model with its new head.
 * @param options How long, how fast, and what is new.
 * @returns The result of `train()`.
 * @throws {TypeError} If the optimizer cannot have a rate for each layer, or an option is unknown.
 * @throws {RangeError} If a number is out of range, or `head` matches nothing or everything.
 * @throws {unknown} If the training fails: the error of the training.
 *
 * @example
 * ```ts
 * import { adam, Learner, tf } from "@trainchart/trainchart";
 * import { fineTune } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * const body = tf.layers.dense({ name: "body", units: 3, inputShape: [1] }); // trained before
 * const trained: number[] = [];
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [body, tf.layers.dense({ name: "head", units: 1 })] }),
 *   optimizer: adam(),
 *   lossFunction: tf.losses.meanSquaredError,
 *   dataloaders: { train: [[tf.ones([1, 1]), tf.ones([1, 1])]] },
 *   callbacks: [
 *     { afterBackward: ({ gradients }) => void trained.push(Object.keys(gradients).length) },
 *   ],
 * });
 * await fineTune(learner, { epochs: 2 });
 * assertEquals(trained, [2, 4, 4]); // kernels and biases
 * ```
 *
 * @category Callbacks
 */
export async function fineTune(
  learner: AnyLearner,
  options: FineTuneOptions = {},
): Promise<TrainResult> {
  checkOptions(ACTION, options, OPTIONS);
  const {
    epochs = 1,
    frozenEpochs = 1,
    learningRate = 2e-3,
    lowest = 0.01,
    head,
    updateStatistics,
    callbacks = [],
    ...rest
  } = options;
  checkNumber(ACTION, "epochs", epochs, { integer: true, min: 1 });
  checkNumber(ACTION, "frozenEpochs", frozenEpochs, { integer: true, min: 1 });
  checkNumber(ACTION, "learningRate", learningRate, { above: 0 });
  checkNumber(ACTION, "lowest", lowest, { above: 0, max: 1 });
  const layers = headOf(learner, head);
  const total = frozenEpochs + epochs;
  const first = oneCycle(learningRate, { part: 0.99 });
  const second = oneCycle(learningRate / 2, { part: 0.3, divide: 5 });
  const inTurn = (of: (cycle: RateAndMomentum) => Schedule) =>
    sequence([[frozenEpochs / total, of(first)], [epochs / total, of(second)]]);
  const rates = inTurn((cycle) => cycle.learningRate);
  const momentum = inTurn((cycle) => cycle.momentum);
  const isScheduled = optimizersOf(learner).every(({ optimizer }) => hasMomentum(optimizer));
  return await learner.train({
    ...rest,
    epochs: total,
    callbacks: [
      new GradualUnfreeze({ groups: [layers], every: frozenEpochs, updateStatistics }),
      new LearningRateSchedule(isScheduled ? { learningRate: rates, momentum } : rates),
      ...lowest < 1 ? [depthRates(layers, lowest)] : [],
      ...callbacks,
    ],
  });
}

/** The new layers: not all of the model. */
function headOf({ model }: AnyLearner, head?: WeightMatch): readonly (string | RegExp)[] {
  const all = namedVariables(model);
  const last = all.at(-1)?.layer?.name;
  if (head === undefined && last === undefined) {
    throw new TypeError(
      `Cannot ${ACTION} as head must be given: the model has no layers, or no weights yet`,
    );
  }
  const match = checkWeightMatch(ACTION, "head", head ?? last!);
  const chosen = chooseVariables(ACTION, model, match).length;
  if (chosen > 0 && chosen < all.length) return match;
  throw new RangeError(
    `Cannot ${ACTION} as head must match a part of the weights: it matches ${chosen} of ${all.length}`,
  );
}

/** Gives the optimizer a rate for each layer during a training, unless it has groups. */
function depthRates(head: readonly (string | RegExp)[], lowest: number): AnyCallback {
  return {
    name: "rates by depth",
    priority: PRIORITIES.mode,
    setUp({ model, objectives, optimizer }, kind) {
      if (kind !== "train") return;
      if (Object.keys(objectives).length > 0 || !(optimizer instanceof SlotOptimizer)) {
        throw new TypeError(
          `Cannot ${ACTION} as the optimizer must be adam, adamW, rmsprop or sgd of Trainchart, ` +
            "which has a rate for each layer; or give lowest: 1",
        );
      }
      const before = optimizer.groups;
      if (before.length > 0) return;
      optimizer.groups = [
        ...head.map((match): ParameterGroup => ({ match })),
        ...groupsByDepth(model as tf.LayersModel, { lowest }),
      ];
      return () => void (optimizer.groups = before);
    },
  };
}
