import type { Loader, Shard } from "../data/loader.ts";
import { disposeTensors } from "../tensors/nested_tensors.ts";
import type { AnyFields } from "./learner_fields.ts";
import type { Dataloaders } from "./run_interface.ts";
import { type LoaderName, type OpenLoader, Pass } from "./pass.ts";
import { PassLosses, type PassLossesState } from "../metrics/running_mean.ts";

/** The place that a pass has reached, with the means of its losses. */
interface PassState extends PassLossesState {
  /** The open pass, and the number of batches taken in it by all processes. */
  readonly loader?: {
    readonly name: LoaderName;
    readonly taken: number;
    /** Index of the epoch in which the loader was opened. Default: the current epoch. */
    readonly epoch?: number;
  };
  /** Index of the current batch. A paused run has fetched its next batch: it will fetch it again. */
  readonly batchIndex: number;
}

/** The places that the passes of a run have reached. */
export interface PassesState extends PassState {
  /** Number of processes that share an epoch. Default: 1. */
  readonly shards?: number;
  /** The epoch around an open validation. */
  readonly outer?: PassState;
  /** Index of the last batch of the epoch, after a validation in it and before its next batch. */
  readonly outerIndex?: number;
  /** The training loader that stays open between two epochs. */
  readonly open?: { readonly taken: number; readonly epoch: number };
  /** Number of training batches begun. */
  readonly trainedBatches?: number;
  /** Number of training batches begun before the last validation within an epoch. */
  readonly validatedAt?: number;
}

/**
 * The passes of a run, one after another: the open one, the epoch around a validation within it, and
 * a training loader that stays open between two epochs.
 */
export class RunPasses {
  readonly #learner: AnyFields;
  readonly #shard: () => Shard;
  readonly #disposeBatch: () => void;
  #current: Pass | undefined;
  /** The epoch around an open validation. */
  #outer: Pass | undefined;
  /** Index of the last batch of the epoch, after a validation in it and before its next batch. */
  #outerIndex: number | undefined;
  /** The training loader that stays open between two epochs. */
  #open: OpenLoader | undefined;

  /**
   * @param learner The fields to work on.
   * @param shard Returns the part of each epoch that this process takes.
   * @param disposeBatch Disposes the current batch.
   */
  constructor(learner: AnyFields, shard: () => Shard, disposeBatch: () => void) {
    this.#learner = learner;
    this.#shard = shard;
    this.#disposeBatch = disposeBatch;
  }

  /** The open pass. */
  get current(): Pass | undefined {
    return this.#current;
  }

  /** Index of the last batch that began in the pass that fetches next. */
  get batchIndex(): number {
    return this.#outerIndex ?? this.#learner.batchIndex;
  }

  /** Opens the training loader, or continues with the one that has stayed open. */
  openTrain(): void | Promise<void> {
    const learner = this.#learner;
    if (!this.#open) return this.open("train", learner.dataloaders?.train);
    learner.batchIndex = -1;
    this.#current = Pass.continue(learner, "train", this.#shard(), this.#open);
    this.#open = undefined;
  }

  /** Opens a loader; a pass that is open waits until the new one is closed. */
  async open(name: LoaderName, loader: Loader | undefined): Promise<void> {
    const learner = this.#learner;
    if (this.#current) {
      this.#outer = this.#current;
      learner.validatedAt = learner.trainedBatches;
      this.#current = undefined;
    }
    learner.batchIndex = -1;
    this.#current = await Pass.open(learner, name, loader, { shard: this.#shard() });
  }

  /** After a validation within an epoch, the fields say again where the epoch is. */
  returnToEpoch(): void {
    if (this.#outerIndex === undefined) return;
    this.#learner.phase = "train";
    this.#learner.batchIndex = this.#outerIndex;
    this.#outerIndex = undefined;
  }

  /** Closes a validation within an epoch, if it was opened, and returns to the epoch's pass. */
  async closeInner(): Promise<void> {
    const outer = this.#outer ?? this.#current!;
    this.#outerIndex = outer.batchIndex;
    if (this.#outer) await this.#closeCurrent();
    this.#current = outer;
    this.#outer = undefined;
  }

  /** Closes the open pass, and writes its losses to the Learner. */
  async close(): Promise<void> {
    this.returnToEpoch();
    await this.#closeCurrent();
  }

  async #closeCurrent(): Promise<void> {
    const pass = this.#current;
    if (!pass) return;
    if (pass.batch) this.#disposeBatch();
    this.#current = undefined;
    try {
      if (pass.name !== "predict") await this.#keepLosses(pass.name, pass.losses);
    } finally {
      const isContinued = pass.name === "train" && this.#learner.continueLoader;
      const open = isContinued ? pass.release() : undefined;
      if (open) this.#open = open;
      else await pass.close();
    }
  }

  async #keepLosses(name: keyof Dataloaders, losses: PassLosses): Promise<void> {
    const learner = this.#learner;
    const { loss, objectives } = await losses.read(learner.peers);
    const { metrics } = learner;
    for (const [objective, mean] of Object.entries(objectives)) {
      metrics[`${name}.${objective}.loss`] = mean;
    }
    metrics[`${name}.loss`] = loss;
    if (name === "train") learner.trainLoss = loss;
    else if (name === "validation") learner.validationLoss = loss;
    else learner.testLoss = loss;
  }

  /** The state of the mean losses of the open pass. */
  lossesState(): PassLossesState {
    return (this.#current?.losses ?? new PassLosses()).state();
  }

  /** Releases all loaders, however the run ended. */
  async dispose(): Promise<void> {
    const passes = [this.#current, this.#outer];
    this.#current = this.#outer = undefined;
    for (const pass of passes) await pass?.close();
    await this.#open?.reader.close();
  }

  /**
   * The places that the passes have reached; the tensors in them stay the run's.
   *
   * @param again Number of batches that were fetched, but will be fetched again: 0 or 1.
   */
  state(again: number): PassesState {
    const pass = this.#current, outer = this.#outer, open = this.#open;
    const { batchIndex, trainedBatches, validatedAt } = this.#learner;
    const shards = this.#shard().count;
    return {
      shards,
      batchIndex: batchIndex - again,
      loader: pass && {
        name: pass.name,
        taken: pass.taken - again * shards,
        epoch: pass.openedIn,
      },
      ...this.lossesState(),
      outer: outer && {
        batchIndex: outer.batchIndex,
        loader: { name: outer.name, taken: outer.taken, epoch: outer.openedIn },
        ...outer.losses.state(),
      },
      outerIndex: this.#outerIndex,
      open: open && { taken: open.taken, epoch: open.epoch },
      trainedBatches: trainedBatches - (pass?.name === "train" ? again : 0),
      validatedAt,
    };
  }

  /** Opens the loaders again where they were; the tensors of the state now belong to the run. */
  async restore(state: PassesState): Promise<void> {
    const learner = this.#learner;
    const shard = this.#shard();
    const { shards = 1, outer, outerIndex } = state;
    const indexOf = (index: number) =>
      shards === shard.count ? index : Math.floor((index + 1) * shards / shard.count) - 1;
    this.#outer = outer && await this.#reopen(outer, indexOf(outer.batchIndex));
    learner.batchIndex = indexOf(state.batchIndex);
    this.#current = await this.#reopen(state, indexOf(outerIndex ?? state.batchIndex));
    const { trainedBatches = state.batchIndex + 1 } = state;
    learner.trainedBatches = indexOf(trainedBatches - 1) + 1;
    this.#outerIndex = outerIndex === undefined ? undefined : indexOf(outerIndex);
    learner.validatedAt = state.validatedAt;
    if (!state.open) return;
    const { epoch, taken: skip } = state.open;
    const options = { shard, skip, epoch };
    const pass = await Pass.open(learner, "train", learner.dataloaders.train, options);
    this.#open = pass.release();
  }

  async #reopen(
    { loader, mean, objectiveMeans }: PassState,
    batchIndex: number,
  ): Promise<Pass | undefined> {
    if (!loader) {
      disposeTensors([mean, objectiveMeans]);
      return;
    }
    const source = this.#learner.dataloaders[loader.name as keyof Dataloaders];
    const options = { shard: this.#shard(), skip: loader.taken, epoch: loader.epoch };
    const pass = await Pass.open(this.#learner, loader.name, source, options);
    pass.losses.restore({ mean, objectiveMeans });
    pass.batchIndex = batchIndex;
    return pass;
  }
}
