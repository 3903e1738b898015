import { loadCheckpoint, parseCheckpointName, type RunCheckpoint } from "./checkpoint_file.ts";
import { StorageError } from "./storage_error.ts";
import { isPartial } from "./write_atomically.ts";

/** The names of the checkpoints in a folder, oldest first; links and other files are left out. */
export async function listCheckpoints(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isFile } of Deno.readDir(folder)) {
      if (isFile && parseCheckpointName(name)) names.push(name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}

/** Removes what a process that was killed in the middle of a write has left. */
export async function removePartials(folder: string): Promise<void> {
  try {
    for await (const { name, isFile } of Deno.readDir(folder)) {
      if (isFile && isPartial(name) && /^\.\d{8}-/.test(name)) {
        await Deno.remove(`${folder}/${name}`);
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Loads the newest checkpoint in a folder from which a run can go on.
 *
 * @param folder Where the Checkpoint callback saves.
 * @param warn Hears of each file that is damaged, and so left out.
 * @returns The checkpoint and its path; `undefined` if there is none.
 * @throws {StorageError} If the newest intact one is of a newer version of this package.
 */
export async function newestCheckpoint(
  folder: string,
  warn: (message: string) => void,
): Promise<{ file: string; checkpoint: RunCheckpoint } | undefined> {
  for (const name of (await listCheckpoints(folder)).reverse()) {
    if (parseCheckpointName(name)!.failed) continue;
    const file = `${folder}/${name}`;
    try {
      return { file, checkpoint: await loadCheckpoint(file) };
    } catch (error) {
      if (!(error instanceof StorageError) || error.problem !== "damaged") throw error;
      warn(`Left out a damaged checkpoint: ${error.message}`);
    }
  }
}
