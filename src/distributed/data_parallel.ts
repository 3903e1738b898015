import { type AnyLearner, Callback } from "../learner/callback.ts";
import type { Watch } from "../learner/callback_protocol.ts";
import type { Peers, Shard } from "../data/shard.ts";
import { tf } from "../deps/tfjs.ts";
import { Cancellation } from "../errors.ts";
import type { RunCheckpoint } from "../io/checkpoint_file.ts";
import type { RunEvent } from "../learner/run_actor.ts";
import { averageGradients, elementsIn } from "./average_gradients.ts";
import { broadcastLearner } from "./broadcast_learner.ts";
import { broadcastBundle } from "./bundle.ts";
import { gatherStates } from "./gather_states.ts";
import { fail, needWhile } from "./guard.ts";
import { Lockstep, STEPS } from "./lockstep.ts";
import { isMainRankOnly, withoutHooks } from "./without_hooks.ts";
import type { World } from "./world.ts";

/** How often those that wait ask one another whether to go on, ms. */
const INTERVAL = 20;

/** After an error, how long the other callbacks have to save what there is, ms. */
const GRACE = 1000;

/**
 * Trains one model on several processes, each on its share of every batch.
 *
 * The batch size of a `DataLoader` is that of each process: n of them train as one does with n times
 * the batch size, up to rounding. Rank 0 sends all others its weights, what its optimizer remembers,
 * its learning rate and its seed. Each takes its share of every epoch's one permutation, none
 * repeated and none left out; other loaders are dealt out batch by batch, an incomplete last turn
 * left out. Gradients are averaged in `beforeStep`, before anybody else has this hook, weighted by
 * examples; where they are accumulated, once for each window. Losses and metrics are those of all
 * examples. Statistics of batch normalisation are averaged at every step. Random draws inside a step
 * differ from rank to rank.
 *
 * A cancel, a pause and an early stop on one rank act on all at the same batch. Callbacks that show,
 * save or serve are left out on all ranks but the first. An error on any rank ends the job.
 *
 * `train()`, `validate()` and `test()` are called on all ranks; `predict()` is each one's own. In a
 * world of one it does nothing.
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
 */
export class DataParallel extends Callback implements Peers {
  /** Before all others: gradients are averaged before they are clipped. */
  override priority: number = Number.MIN_SAFE_INTEGER;
  /** In the last batch of an epoch, one may have fewer examples than another. */
  override readonly perRank: boolean = true;
  /** Where the run is, as long as there are others. */
  override readonly watch: Watch | undefined;
  readonly shard: Shard;
  readonly #world: World;
  readonly #lockstep: Lockstep;
  #learner!: AnyLearner;
  /** How many examples the gradients of the window at hand are made of. */
  #examples = 0;
  /** How many sums were made since a batch was fetched, or the last one is behind. */
  #sums = 0;
  /** Whether a pass has come to its end. */
  #ended = false;
  #own: () => unknown = () => undefined;
  /** Whether all have had the same weights in this run. */
  #equal = false;
  /** Counts the tasks of the Learner: a pause is over when there is another. */
  #tasks = 0;

  /** Takes one of the places in a world. */
  constructor(world: World) {
    super();
    this.#world = world;
    this.#lockstep = new Lockstep(world, () => gatherStates(world, this.#own()));
    this.shard = { index: world.rank, count: world.size };
    if (world.size > 1) this.watch = (work, callback) => this.#watch(work, callback !== undefined);
  }

  /** Makes the Learner one of several. */
  override prepare(learner: AnyLearner): void {
    if (this.#world.size === 1) return;
    const count = learner.callbacks.filter((other) => other instanceof DataParallel).length;
    if (count > 1) {
      throw new TypeError(
        `Cannot train on several ranks as there must be one ${this.name}: there are ${count}`,
      );
    }
    if (!this.#learner) needWhile(() => this.#learner.phase !== "idle");
    this.#learner = learner;
    this.#lockstep.begin();
    this.#equal = false;
    this.#examples = 0;
    learner.peers = this;
    if (this.#world.rank === 0) return;
    learner.callbacks = learner.callbacks.map((other) =>
      isMainRankOnly(other) ? withoutHooks(other) : other
    );
  }

  /** What rank 0 goes on from, for all. */
  override async resumeFrom(): Promise<RunCheckpoint | undefined> {
    if (this.#world.size === 1) return;
    const found = this.#world.rank === 0 ? await this.#find() : undefined;
    const { tensors = new Map(), ...rest } = found ?? {};
    const sent = broadcastBundle(this.#world, { json: rest, tensors });
    const checkpoint = { ...sent.json as object, tensors: sent.tensors } as RunCheckpoint;
    return "format" in checkpoint ? checkpoint : undefined;
  }

  /** Whatever comes from outside waits until all are at the same point. */
  override postpone(event: RunEvent, reason?: string): boolean {
    if (this.#world.size === 1 || this.#learner?.phase === "predict") return false;
    return this.#lockstep.postpone(event, reason);
  }

  /** What is not averaged yet, for a checkpoint. */
  override state(): unknown {
    return { examples: this.#examples };
  }

  /** Goes on from a checkpoint. */
  override restore(state: unknown): void {
    this.#equal = true;
    this.#examples = (state as { examples: number }).examples;
  }

  /** Makes all start from what rank 0 has. */
  override async beforeTrain(learner: AnyLearner): Promise<void> {
    await this.#equalize(learner);
  }

  /** Begins a pass together. */
  override beforeEpoch(learner: AnyLearner): void {
    this.#enter(learner, "pass");
  }

  /** Begins a pass together. */
  override async beforeValidate(learner: AnyLearner): Promise<void> {
    await this.#equalize(learner);
    this.#enter(learner, "pass");
  }

  /** Begins a pass together. */
  override async beforeTest(learner: AnyLearner): Promise<void> {
    await this.#equalize(learner);
    this.#enter(learner, "pass");
  }

  /** Ends the training together. */
  override afterTrain(learner: AnyLearner): void {
    this.#enter(learner, "trained");
  }

  /** Averages the gradients. */
  override beforeStep(learner: AnyLearner): void {
    if (this.#world.size === 1) return;
    const { gradients, batchIndex, batchSize } = learner;
    const examples = this.#examples + batchSize;
    const mean = this.#average(STEPS.exchange(batchIndex), gradients, examples);
    const exchanged = mean && Object.keys(mean).length > 0;
    this.#examples = exchanged ? 0 : examples;
    if (exchanged) learner.gradients = mean;
  }

  /** Ends the job, unless the process does so by itself before. */
  override onError(learner: AnyLearner): void {
    if (this.#world.size === 1) return;
    const [{ error }] = learner.failures;
    setTimeout(() => fail(this.#world, error), GRACE);
  }

  attach(own: () => unknown): void {
    this.#own = own;
  }

  collect(): unknown[] {
    const snapshot = this.#learner.actor!.getSnapshot();
    // Outside of these, the others may have come to the end, and would not answer.
    const within = snapshot.matches("train") || snapshot.matches("test");
    const reports = within && this.#lockstep.meet(this.#learner, STEPS.collect());
    return reports ? gatherStates(this.#world, this.#own()) : [];
  }

  sum(values: Float64Array): void {
    const learner = this.#learner;
    const count = ++this.#sums;
    const step = this.#ended ? STEPS.end(count) : STEPS.sum(learner.batchIndex, count);
    if (this.#lockstep.meet(learner, step)) this.#world.reduce(values);
  }

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
    examples: number,
  ): tf.NamedTensorMap | undefined {
    const learner = this.#learner;
    const report = { examples, elements: elementsIn(gradients) };
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

  #enter(learner: AnyLearner, next: "pass" | "trained"): void {
    if (this.#world.size === 1) return;
    this.#lockstep.enter(next);
    if (next === "trained") this.#lockstep.meet(learner, STEPS.gate());
    else this.#lockstep.begins(learner);
  }

  /** Whatever is the first of a run, begins with what rank 0 has. */
  async #equalize(learner: AnyLearner): Promise<void> {
    if (this.#equal || this.#world.size === 1) return;
    this.#equal = true;
    await broadcastLearner(this.#world, learner);
  }

  /** While the run is paused, asks the others whether somebody wants it to go on. */
  async #hold(learner: AnyLearner, task: number): Promise<void> {
    const goesOn = () => this.#tasks !== task;
    while (!goesOn()) {
      await new Promise((resolve) => setTimeout(resolve, INTERVAL));
      if (goesOn() || !learner.actor!.getSnapshot().hasTag("paused")) continue;
      try {
        this.#lockstep.agree(learner, STEPS.held(learner.batchIndex));
      } catch (error) {
        if (!(error instanceof Cancellation)) throw error;
        this.#lockstep.directly(() => learner.cancel(error.cancels, error.message));
      }
    }
  }

  /** What the first of the others knows. */
  async #find(): Promise<RunCheckpoint | undefined> {
    for (const other of this.#learner.callbacks) {
      const found = other === this ? undefined : await other.resumeFrom?.();
      // A run without a seed goes on with one: else each would draw an order of its own.
      if (found) {
        return { ...found, seed: found.seed ?? crypto.getRandomValues(new Uint32Array(1))[0] };
      }
    }
  }
}
