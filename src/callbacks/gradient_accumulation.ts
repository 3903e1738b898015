import type { RunKind } from "../chart/chart.ts";
import * as field from "../checks/fields.ts";
import { checkNumber } from "../checks/check_options.ts";
import type { tf } from "../deps/tfjs.ts";
import { hostTensorOf } from "../io/host_tensor.ts";
import { type AnyLearner, Callback, type StateCheck, weightAt } from "../learner/callback.ts";
import type { PutBack } from "../learner/callback_protocol.ts";
import { PRIORITIES } from "../learner/callback_list.ts";
import { variablesOf } from "../model/model.ts";
import {
  type Gradients,
  GradientWindow,
  usableWeight,
  type WindowState,
} from "./support/gradient_window.ts";

interface State extends Partial<WindowState> {
  /** The windows of objectives. Default: the Learner has none. */
  readonly objectives?: Readonly<Record<string, WindowState>>;
}

/** The key of the window of a Learner without objectives. */
const ONLY = "";

/** The gradients of the current batch, until it is known whether the batch is cancelled. */
interface Pending {
  readonly learner: AnyLearner;
  readonly window: GradientWindow;
  /** They belong to the batch. */
  readonly gradients: Gradients;
  readonly weight: tf.Scalar;
  /** Whether this batch fills the window. */
  readonly full: boolean;
  /** The optimizer, and its number of updates before that of the window. */
  readonly optimizer: tf.Optimizer;
  readonly updates: number;
}

/**
 * Updates the weights once for several batches, with the mean of their gradients weighted by batch
 * size: the update of one large batch, in the memory of a small one. (Batch normalisation still sees
 * small batches.) Where a loss says what it divides by, as `crossEntropy` does of labels to ignore and
 * of class weights, that is the weight of its batch.
 *
 * The last window of an epoch may be shorter. (If the loader does not know its length, one batch is
 * fetched ahead.) An epoch that is cut short leaves its window open for the next one. In the batches
 * before the last of a window, `gradients` is empty from `afterBackward` on, and nothing is updated.
 *
 * The gradients of a batch that is cancelled, in whichever hook, do not enter the window, and neither
 * do gradients that are not finite; the others stay.
 *
 * @example
 * ```ts
 * import { Learner, sgd, tf } from "@trainchart/trainchart";
 * import { GradientAccumulation } from "@trainchart/trainchart/callbacks";
 * import { assertEquals } from "@std/assert";
 *
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
 *   optimizer: sgd(),
 *   lossFunction: tf.losses.meanSquaredError,
 *   dataloaders: { train: Array(5).fill([tf.ones([2, 1]), tf.ones([2, 1])]) },
 *   callbacks: [new GradientAccumulation(2)],
 * });
 * await learner.train();
 * assertEquals(learner.optimizer.iterations, 3); // of 2, 2 and 1 batches
 * ```
 *
 * @category Callbacks
 */
export class GradientAccumulation extends Callback {
  /** Before callbacks that read the gradients. */
  override priority: number = PRIORITIES.data;
  /** Ranks exchange gradients only when the window is full: until then, sums differ. */
  override readonly perRank: boolean = true;
  readonly #size: number;
  /** The window of each objective. */
  readonly #windows = new Map<string, GradientWindow>();
  #pending: Pending[] = [];

  /**
   * Checks the number.
   *
   * @param batches Number of batches in an update, an integer >= 1.
   * @throws {RangeError} If `batches` is not an integer >= 1.
   */
  constructor(batches: number) {
    super();
    const range = { integer: true, min: 1 };
    this.#size = checkNumber("accumulate gradients", "batches", batches, range);
  }

  /** Tells the other callbacks that updates take several batches. */
  override setUp(learner: AnyLearner, kind: RunKind): PutBack | void {
    if (kind !== "train") return;
    const before = learner.batchesPerUpdate;
    learner.batchesPerUpdate *= this.#size;
    return () => void (learner.batchesPerUpdate = before);
  }

  /** Empties the window. */
  override beforeTrain(): void {
    this.#clear();
  }

  /** Replaces the gradients: by nothing, or by the mean of the window that they fill. */
  override async afterBackward(learner: AnyLearner): Promise<void> {
    const { gradients, model, gradientWeight, objective = ONLY, optimizer } = learner;
    if (Object.keys(gradients).length === 0) return;
    // A cancel in a later objective of the batch does not concern those before.
    this.#settle();
    const variables = variablesOf(model);
    const own = Object.fromEntries(
      variables.flatMap(({ name }, position) =>
        gradients[name] ? [[position, gradients[name]]] : []
      ),
    );
    const window = this.#windowOf(objective);
    const full = window.batches + 1 === this.#size || await learner.isLastBatch();
    const weight = usableWeight(own, gradientWeight);
    const updates = optimizer.iterations;
    this.#pending.push({ learner, window, gradients: own, weight, full, optimizer, updates });
    learner.gradients = {};
    if (!full) return;
    const { mean, weight: total } = window.meanWith(own, weight);
    learner.gradients = Object.fromEntries(
      Object.entries(mean).map(([position, value]) => [variables[Number(position)].name, value]),
    );
    learner.gradientWeight = total;
  }

  /** Adds the gradients to the window, unless the batch was cancelled. */
  override afterBatch(): void {
    this.#settle();
  }

  /** Empties the window. */
  override afterTrain(): void {
    this.#clear();
  }

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = (state, path, learner) => {
    const window: field.FieldCheck = (state, path) => {
      const positions = Object.keys(Object(state).sums ?? {}).map((position) =>
        [position, weightAt(learner, Number(position))] as const
      );
      return field.record({
        batches: field.integer({ min: 0 }),
        weight: field.optional(hostTensorOf([])),
        examples: field.optional(field.number({ min: 0 })),
        sums: field.record(Object.fromEntries(positions)),
      })(state, path);
    };
    const several = Object(state).objectives !== undefined;
    return several
      ? field.record({ objectives: field.recordOf(window) })(state, path)
      : window(state, path);
  };

  /** The open window, for a checkpoint; the tensors stay the callback's. */
  override state(): unknown {
    this.#settle();
    const windows = [...this.#windows].filter(([objective]) => objective !== ONLY);
    if (windows.length === 0) return this.#windowOf(ONLY).state() satisfies State;
    const objectives = Object.fromEntries(windows.map(([name, window]) => [name, window.state()]));
    return { objectives } satisfies State;
  }

  /** Continues from a checkpoint; its tensors now belong to the callback. */
  override restore(state: unknown): void {
    const { objectives, ...only } = state as State;
    this.#clear();
    for (const [name, window] of Object.entries(objectives ?? { [ONLY]: only as WindowState })) {
      this.#windowOf(name).restore(window);
    }
  }

  #windowOf(objective: string): GradientWindow {
    let window = this.#windows.get(objective);
    if (!window) this.#windows.set(objective, window = new GradientWindow());
    return window;
  }

  #settle(): void {
    for (const pending of this.#pending.splice(0)) {
      const { learner: { cancelled, failures }, window, gradients, weight, full } = pending;
      // A batch may be cancelled after the update that it completes.
      const isUpdated = full && pending.optimizer.iterations !== pending.updates;
      if (isUpdated) window.clear();
      else if (!cancelled.has("batch") && failures.length === 0) {
        if (full) window.clear();
        else window.add(gradients, weight);
      }
      weight.dispose();
    }
  }

  #clear(): void {
    for (const { weight } of this.#pending.splice(0)) weight.dispose();
    for (const window of this.#windows.values()) window.clear();
    this.#windows.clear();
  }
}
