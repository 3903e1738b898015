import type { RunKind } from "../chart/chart.ts";
import * as field from "../checks/fields.ts";
import { type AnyLearner, Callback, type StateCheck } from "../learner/callback.ts";
import { hostTensorOf } from "../io/host_tensor.ts";
import type { Watch } from "../learner/callback_protocol.ts";
import type { Peers, Shard } from "../data/loader.ts";
import { tf } from "../deps/tfjs.ts";
import { statisticsOf } from "../model/layers.ts";
import { describeValue } from "../checks/check_options.ts";
import { Cancellation } from "../errors.ts";
import type { RunCheckpoint } from "../io/checkpoint_file.ts";
import type { RunEvent } from "../learner/run_interface.ts";
import { averageGradients, averageStatistics, elementsIn } from "./average_gradients.ts";
import { broadcastLearner } from "./broadcast_learner.ts";
import { broadcastBundle } from "./bundle.ts";
import { gatherStates } from "./gather_states.ts";
import { keepAliveWhile } from "./end_job_together.ts";
import { failJob } from "./fail_job.ts";
import { Lockstep, STEPS } from "./lockstep.ts";
import { isMainRankOnly, withoutHooks } from "./without_hooks.ts";
import type { World } from "./world.ts";

/** Interval in which ranks that are paused ask one another whether to continue, in ms. */
const INTERVAL = 20;

/** Time after an error in which other callbacks can still save, in ms. */
const GRACE = 1000;

interface State {
  /** Number of examples in the open window of accumulation. */
  readonly examples: number;
  /** Moving statistics of batch normalisation. Missing in checkpoints of version 0.1. */
  readonly statistics?: readonly tf.Tensor[];
}

/**
 * Trains one model on several processes (ranks), each on its share of every batch.
 *
 * The batch size of a `DataLoader` is that of one rank: n ranks train as one process does with n
 * times the batch size, up to rounding. Rank 0 sends all others its weights, optimizer state,
 * learning rate and seed. Each rank takes its share of an epoch's permutation, which repeats and
 * omits no example; batches of other loaders are dealt out in turn, without an incomplete last turn.
 * Gradients are averaged in `beforeStep`, before all other callbacks, weighted by examples or by the
 * labels that count; where they are accumulated, once per window. Losses and metrics are those of all
 * examples. Moving statistics of batch normalisation are averaged at every step. Random draws inside
 * a step differ from rank to rank.
 *
 * A cancel, a pause and an early stop on one rank act on all ranks at the same batch. Callbacks that
 * display, save or serve run on rank 0 only. An error on any rank ends the job.
 *
 * Call `train()`, `validate()` and `test()` on all ranks; `predict()` works on each rank alone. In a
 * world of one, this callback does nothing.
 *
 * @example
 * ```ts
 * import { Learner, sgd, tf } from "@trainchart/trainchart";
 * import { DataParallel, mpi } from "@trainchart/trainchart/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
 *   optimizer: sgd(),
 *   lossFunction: tf.losses.meanSquaredError,
 *   dataloaders: { train: [[tf.ones([4, 1]), tf.ones([4, 1])]] },
 *   callbacks: [new DataParallel(await mpi())],
 * });
 * assertEquals((await learner.train()).status, "completed");
 * ```
 *
 * @category Data-parallel
 */
export class DataParallel extends Callback implements Peers {
  /** Before all other callbacks: gradients are averaged before they are clipped. */
  override priority: number = Number.MIN_SAFE_INTEGER;
  /** In the last batch of an epoch, ranks may have different numbers of examples. */
  override readonly perRank: boolean = true;
  /** Synchronises the ranks before each task; `undefined` in a world of one. */
  override readonly watch?: Watch;
  /** The share of this rank in the data. */
  readonly shard: Shard;
  readonly #world: World;
  readonly #lockstep: Lockstep;
  #learner!: AnyLearner;
  /** Number of examples in the open window of accumulation. */
  #examples = 0;
  /** Number of sums since the last batch was fetched, or since the end of the pass. */
  #sums = 0;
  /** Whether the current pass has ended. */
  #ended = false;
  #own: () => unknown = () => undefined;
  /** Whether all ranks have the same weights in this run. */
  #equal = false;
  /** Counts the tasks of the Learner: a pause ends with the next one. */
  #tasks = 0;

  /**
   * Makes the callback of one rank.
   *
   * @param world The ranks, as {@linkcode mpi} returns them.
   * @throws {TypeError} If `world` is not a world.
   */
  constructor(world: World) {
    super();
    if (typeof world?.rank !== "number") {
      throw new TypeError(
        "Cannot build DataParallel as world must be what `await mpi()` returns: current value is " +
          describeValue(world),
      );
    }
    this.#world = world;
    this.#lockstep = new Lockstep(world, () => gatherStates(world, this.#own()));
    this.shard = { index: world.rank, count: world.size };
    if (world.size > 1) this.watch = (work, callback) => this.#watch(work, callback !== undefined);
  }

  /**
   * Connects the Learner with those of the other ranks.
   *
   * @throws {TypeError} If the Learner has another callback of this kind.
   */
  override prepare(learner: AnyLearner): void {
    const isFirst = !this.#learner;
    this.#learner = learner;
    if (this.#world.size === 1) return;
    const count = learner.callbacks.filter((other) => other instanceof DataParallel).length;
    if (count > 1) {
      throw new TypeError(
        `Cannot train on several ranks as there must be one ${this.name}: there are ${count}`,
      );
    }
    if (isFirst) keepAliveWhile(() => this.#learner.phase !== "idle");
    this.#lockstep.begin();
    this.#equal = false;
    this.#examples = 0;
    learner.peers = this;
    if (this.#world.rank === 0) return;
    learner.callbacks = learner.callbacks.map((other) =>
      isMainRankOnly(other) ? withoutHooks(other) : other
    );
  }

  /** The checkpoint that rank 0 resumes from, for all ranks. */
  override async resumeFrom(
    check: (checkpoint: RunCheckpoint) => Promise<void>,
  ): Promise<RunCheckpoint | undefined> {
    if (this.#world.size === 1) return;
    const found = this.#world.rank === 0 ? await this.#find(check) : undefined;
    const { tensors = new Map(), ...rest } = found ?? {};
    const sent = broadcastBundle(this.#world, { json: rest, tensors });
    const checkpoint = { ...sent.json as object, tensors: sent.tensors } as RunCheckpoint;
    return "format" in checkpoint ? checkpoint : undefined;
  }

  /** Postpones requests from outside until all ranks are at the same point. */
  override postpone(event: RunEvent, reason?: string): boolean {
    if (this.#world.size === 1 || this.#learner?.phase === "predict") return false;
    return this.#lockstep.postpone(event, reason);
  }

  /** Checks a state from a file. */
  override readonly checkState: StateCheck = (state, path, learner) => {
    const shapes = statisticsOf(learner.model).map(({ shape }) => hostTensorOf(shape));
    return field.record({
      examples: field.integer({ min: 0 }),
      statistics: field.optional((value, path) =>
        Array.isArray(value) && value.length === 0 ? undefined : field.tuple(...shapes)(value, path)
      ),
    })(state, path);
  };

  /** The values of this rank that are not averaged yet; the tensors stay the model's. */
  override state(): unknown {
    const { model } = this.#learner ?? {};
    const statistics = this.#world.size > 1 && model ? statisticsOf(model) : [];
    return { examples: this.#examples, statistics } satisfies State;
  }

  /** Continues from a checkpoint, whose weights are already in place. */
  override restore(state: unknown, learner: AnyLearner): void {
    const { examples, statistics = [] } = state as State;
    this.#equal = true;
    this.#examples = examples;
    // In the middle of a window, the moving statistics differ from those of rank 0.
    statisticsOf(learner.model).forEach((variable, index) => {
      if (statistics[index]) variable.assign(statistics[index]);
    });
    tf.dispose([...statistics]);
  }

  /** Gives all ranks the weights of rank 0, before the other callbacks take copies of them. */
  override async setUp(learner: AnyLearner, kind: RunKind): Promise<void> {
    if (kind !== "predict") await this.#equalize(learner);
  }

  /** Waits until all ranks begin the pass. */
  override beforeEpoch(learner: AnyLearner): void {
    this.#enter(learner, "epoch");
  }

  /** Waits until all ranks begin the validation, with the same weights. */
  override beforeValidate(learner: AnyLearner): void {
    this.#enter(learner, "evaluation");
  }

  /** Waits until all ranks begin the test, with the same weights. */
  override beforeTest(learner: AnyLearner): void {
    this.#enter(learner, "evaluation");
  }

  /** Waits until all ranks end the training. */
  override afterTrain(learner: AnyLearner): void {
    this.#enter(learner, "trained");
  }

  /** Averages the gradients. */
  override async beforeStep(learner: AnyLearner): Promise<void> {
    if (this.#world.size === 1) return;
    const { gradients, gradientWeight, batchIndex, batchSize } = learner;
    const weight = typeof gradientWeight === "number"
      ? gradientWeight
      : (await gradientWeight.data())[0];
    this.#examples += batchSize;
    const mean = this.#average(STEPS.exchange(batchIndex), gradients, weight);
    const exchanged = mean && Object.keys(mean).length > 0;
    if (exchanged) this.#examples = 0;
    if (exchanged) learner.gradients = mean;
  }

  /** Ends the job, unless the error itself ends the process first. */
  override onError(learner: AnyLearner): void {
    if (this.#world.size === 1) return;
    const [{ error }] = learner.failures;
    setTimeout(() => failJob(this.#world, error), GRACE);
  }

  /** Sets the function that returns the state of this rank. */
  attach(own: () => unknown): void {
    this.#own = own;
  }

  /** Gathers the states of all ranks, for a checkpoint. */
  collect(): unknown[] {
    const snapshot = this.#learner.actor!.getSnapshot();
    // Outside of these states, the other ranks may have ended their run, and would not answer.
    const within = snapshot.matches("train") || snapshot.matches("test");
    const reports = within && this.#lockstep.meet(this.#learner, STEPS.collect());
    return reports ? gatherStates(this.#world, this.#own()) : [];
  }

  /** Sums numbers over all ranks, in place. */
  sum(values: Float64Array): void {
    const learner = this.#learner;
    const count = ++this.#sums;
    const step = this.#ended ? STEPS.end(count) : STEPS.sum(learner.batchIndex, count);
    if (this.#lockstep.meet(learner, step)) this.#world.reduce(values);
  }

  /**
   * Averages gradients over all ranks.
   *
   * @returns The mean, whose tensors the caller disposes.
   */
  average(gradients: tf.NamedTensorMap, examples: number): tf.NamedTensorMap {
    const own = Object.fromEntries(
      Object.entries(gradients).map(([name, gradient]) => [name, gradient.clone()]),
    );
    const mean = this.#average(STEPS.end(++this.#sums), own, examples);
    this.#examples = 0;
    if (!mean) return own;
    tf.dispose(own);
    return mean;
  }

  #average(
    step: number,
    gradients: tf.NamedTensorMap,
    weight: number,
  ): tf.NamedTensorMap | undefined {
    const learner = this.#learner;
    const report = { weight, examples: this.#examples, elements: elementsIn(gradients) };
    const meet = step < STEPS.end() ? "agree" : "meet";
    const reports = this.#lockstep[meet](learner, step, report);
    return reports && averageGradients(this.#world, learner.model, gradients, reports);
  }

  #watch(work: string, hook: boolean): () => void {
    const learner = this.#learner;
    if (!hook && learner.phase !== "predict") {
      this.#tasks++;
      const next = learner.batchIndex + 1;
      if (work === "fetch") {
        this.#sums = 0;
        this.#lockstep.agree(learner, STEPS.fetch(next));
        if (learner.actor!.getSnapshot().context.hold) void this.#hold(learner, this.#tasks);
      } else if (work.startsWith("open")) {
        this.#ended = false;
        this.#lockstep.agree(learner, STEPS.open());
      } else if (work === "evaluate") this.#lockstep.agree(learner, STEPS.exchange(next - 1));
      else if (work === "step") this.#lockstep.agree(learner, STEPS.update(next - 1));
      else if (work === "closeLoader") {
        this.#sums = 0;
        this.#ended = true;
        this.#lockstep.meet(learner, STEPS.end());
      }
    }
    return this.#world.watch(work);
  }

  #enter(learner: AnyLearner, next: "epoch" | "evaluation" | "trained"): void {
    if (this.#world.size === 1) return;
    this.#lockstep.enter(next === "trained");
    const report = { examples: this.#examples };
    const reports = next === "trained"
      ? this.#lockstep.meet(learner, STEPS.gate(), report)
      : this.#lockstep.beginPass(learner, report);
    // In an open window of accumulation, the moving statistics of the ranks differ.
    if (reports && next !== "epoch") averageStatistics(this.#world, learner.model, reports);
  }

  /** The first pass of a run begins with the weights of rank 0. */
  async #equalize(learner: AnyLearner): Promise<void> {
    if (this.#equal || this.#world.size === 1) return;
    this.#equal = true;
    await broadcastLearner(this.#world, learner);
  }

  /** While the run is paused, asks the other ranks for requests. */
  async #hold(learner: AnyLearner, task: number): Promise<void> {
    const hasResumed = () => this.#tasks !== task;
    while (!hasResumed()) {
      await new Promise((resolve) => setTimeout(resolve, INTERVAL));
      if (hasResumed() || !learner.actor!.getSnapshot().hasTag("paused")) continue;
      try {
        this.#lockstep.agree(learner, STEPS.held(learner.batchIndex));
      } catch (error) {
        if (!(error instanceof Cancellation)) throw error;
        this.#lockstep.directly(() => learner.cancel(error.cancels, error.message));
      }
    }
  }

  /** The checkpoint of the first other callback that has one. */
  async #find(
    check: (checkpoint: RunCheckpoint) => Promise<void>,
  ): Promise<RunCheckpoint | undefined> {
    for (const other of this.#learner.callbacks) {
      const found = other === this ? undefined : await other.resumeFrom?.(check);
      // Without a common seed, each rank would draw an order of its own.
      if (found) {
        return { ...found, seed: found.seed ?? crypto.getRandomValues(new Uint32Array(1))[0] };
      }
    }
  }
}
