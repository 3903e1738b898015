import { fileSystem, isMissing } from "../host/files.ts";
import { loadCheckpoint, parseCheckpointName, type RunCheckpoint } from "./checkpoint_file.ts";
import { StorageError } from "./storage_error.ts";
import { isPartial } from "./write_atomically.ts";

/** Returns the names of the checkpoints in a folder, oldest first, without links and other files. */
export async function listCheckpoints(folder: string): Promise<string[]> {
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
export async function removePartials(folder: string): Promise<void> {
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
export async function newestCheckpoint(
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
