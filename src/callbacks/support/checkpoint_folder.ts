/**
 * The folder in which a run keeps its checkpoints.
 *
 * @module
 */
import { fileSystem, isMissing, lockFolder } from "../../host/files.ts";
import {
  checkpointFile,
  checkpointName,
  loadCheckpoint,
  parseCheckpointName,
  type RunCheckpoint,
} from "../../io/checkpoint_file.ts";
import { isPartial, StorageError, toPath } from "../../io/files.ts";
import { writeInBackground } from "../../io/safetensors_file.ts";

/** The files that a run keeps. */
interface KeptCheckpoints {
  /** Number of the newest files to keep. */
  readonly last: number;
  /** Number of the best files to keep. */
  readonly best: number;
  /** Whether smaller or larger values are better. */
  readonly mode: "min" | "max";
}

/** A file, and the metric at the time. */
interface Ranked {
  readonly name: string;
  readonly value: number;
}

/** The files of a run, for a checkpoint. */
export interface CheckpointFolderState {
  readonly best: readonly Ranked[];
  readonly own: readonly string[];
}

/** The checkpoints of one run in a folder: numbers and writes them, and removes those not kept. */
export class CheckpointFolder {
  /** The folder. It is made when it is first needed. */
  readonly path: string;
  readonly #kept: KeptCheckpoints;
  /** Files with the metric at the time, the best first. */
  #best: readonly Ranked[] = [];
  /** The files that this run has saved, oldest first: no other file is ever removed. */
  #own: readonly string[] = [];
  /** Number of the newest file, once it is known. */
  #number: number | undefined;
  #unlock: (() => void) | undefined;

  constructor(folder: string | URL, kept: KeptCheckpoints) {
    this.path = toPath(folder).replace(/(?<=.)\/$/, "");
    this.#kept = kept;
  }

  /** Begins a run that has saved nothing. */
  begin(): void {
    this.#best = this.#own = [];
    this.#number = undefined;
  }

  /** The files of this run, for a checkpoint. */
  state(): CheckpointFolderState {
    return { best: this.#best, own: this.#own };
  }

  /** Continues a run, in another process perhaps. */
  restore({ best, own }: CheckpointFolderState): void {
    // Any other name could lead out of the folder, and the files in `own` are removed one day.
    const isSound = (name: string) => parseCheckpointName(name) !== undefined;
    this.#best = best.filter(({ name }) => isSound(name));
    this.#own = own.filter(isSound);
    this.#number = undefined;
  }

  /**
   * Loads the newest intact checkpoint of any run in the folder.
   *
   * @param warn Called with a message for each damaged file.
   * @param check Rejects with a `StorageError` if a checkpoint is damaged.
   * @returns The checkpoint and its file; `undefined` if no checkpoint is found.
   * @throws {Error} If another run saves in the folder.
   */
  async newest(
    warn: (message: string) => void,
    check: (checkpoint: RunCheckpoint) => Promise<void>,
  ): Promise<{ file: string; checkpoint: RunCheckpoint } | undefined> {
    const unlock = this.#unlock ?? await this.#lockIfAny();
    try {
      await removePartials(this.path);
      return await newestCheckpoint(this.path, warn, check);
    } finally {
      if (unlock !== this.#unlock) unlock?.();
    }
  }

  /**
   * Names the next file.
   *
   * @param at Where the run is.
   * @param value The metric by which the file is ranked among the best; NaN: not at all.
   * @returns The name, for {@linkcode write}.
   * @throws {Error} If another run saves in the folder.
   */
  async next(
    at: Pick<RunCheckpoint, "phase" | "epoch" | "batch" | "error">,
    value: number,
  ): Promise<string> {
    await fileSystem.mkdir(this.path, { recursive: true });
    this.#unlock ??= await this.#lock();
    if (this.#number === undefined) {
      const newest = (await listCheckpoints(this.path)).at(-1) ?? "";
      this.#number = parseCheckpointName(newest)?.number ?? 0;
    }
    const name = checkpointName(++this.#number, at);
    if (!Number.isNaN(value)) this.#rank({ name, value });
    this.#own = [...this.#own, name];
    return name;
  }

  /** Writes a file, and removes those that are no longer kept. */
  async write(name: string, checkpoint: RunCheckpoint): Promise<void> {
    const { tensors, metadata } = checkpointFile(checkpoint);
    await writeInBackground(`${this.path}/${name}`, tensors, metadata);
    const newest = this.#own.slice(-this.#kept.last);
    const kept = new Set([...newest, ...this.#best.map(({ name }) => name), name]);
    for (const old of this.#own.filter((name) => !kept.has(name))) {
      await fileSystem.unlink(`${this.path}/${old}`).catch((error) => {
        if (!isMissing(error)) throw error;
      });
    }
    this.#own = this.#own.filter((name) => kept.has(name));
  }

  /** Lets other runs save in the folder. */
  release(): void {
    this.#unlock?.();
    this.#unlock = undefined;
  }

  /**
   * Keeps other runs from saving in the folder, where the file system has locks. The lock of a
   * process that was killed does not hold, so that nothing is left behind.
   */
  async #lock(): Promise<() => void> {
    const unlock = await lockFolder(this.path);
    if (unlock) return unlock;
    throw new Error(
      `Cannot use ${this.path}: another run saves its checkpoints there. Give each run a folder ` +
        "of its own",
    );
  }

  async #lockIfAny(): Promise<(() => void) | undefined> {
    try {
      return await this.#lock();
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  #rank(file: Ranked): void {
    const sign = this.#kept.mode === "max" ? -1 : 1;
    this.#best = [...this.#best, file]
      .sort((a, b) => sign * (a.value - b.value)).slice(0, this.#kept.best);
  }
}

/** Returns the names of the checkpoints in a folder, oldest first, without links and other files. */
async function listCheckpoints(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for (const entry of await fileSystem.readdir(folder, { withFileTypes: true })) {
      if (entry.isFile() && parseCheckpointName(entry.name)) names.push(entry.name);
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return names.sort();
}

/** Removes incomplete files, which a process leaves if it is killed while it writes. */
async function removePartials(folder: string): Promise<void> {
  try {
    for (const entry of await fileSystem.readdir(folder, { withFileTypes: true })) {
      if (entry.isFile() && isPartial(entry.name) && /^\.\d{8}-/.test(entry.name)) {
        await fileSystem.unlink(`${folder}/${entry.name}`);
      }
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/**
 * Loads the newest checkpoint in a folder that a run can be resumed from.
 *
 * @param folder Folder of the Checkpoint callback.
 * @param warn Called with a message for each damaged file, which is skipped.
 * @param check Rejects with a {@linkcode StorageError} if a checkpoint is damaged. Default: accepts
 *   every checkpoint that can be loaded.
 * @returns The checkpoint and its path; `undefined` if the folder has no checkpoint.
 * @throws {StorageError} If the newest intact checkpoint is of a newer version of this package.
 */
async function newestCheckpoint(
  folder: string,
  warn: (message: string) => void,
  check: (checkpoint: RunCheckpoint) => Promise<void> = () => Promise.resolve(),
): Promise<{ file: string; checkpoint: RunCheckpoint } | undefined> {
  for (const name of (await listCheckpoints(folder)).reverse()) {
    if (parseCheckpointName(name)!.failed) continue;
    const file = `${folder}/${name}`;
    try {
      const checkpoint = await loadCheckpoint(file);
      await check(checkpoint);
      return { file, checkpoint };
    } catch (error) {
      if (!(error instanceof StorageError) || error.problem !== "damaged") throw error;
      warn(`Skipped the damaged checkpoint ${file}: ${error.message}`);
    }
  }
}
