import { isMissing } from "../../host/file_errors.ts";
import { lockFolder } from "../../host/lock_folder.ts";

/**
 * Keeps two runs from saving in one folder, where the file system has locks. The lock of a process
 * that was killed does not hold, so that nothing is left behind.
 */
export class FolderLock {
  readonly #unlock: () => void;

  private constructor(unlock: () => void) {
    this.#unlock = unlock;
  }

  /**
   * Locks a folder.
   *
   * @param folder The folder.
   * @returns The lock; `undefined` if there is no such folder.
   * @throws {Error} If another run holds the lock, in this process or in another.
   */
  static async acquire(folder: string): Promise<FolderLock | undefined> {
    let unlock: (() => void) | undefined;
    try {
      unlock = await lockFolder(folder);
    } catch (error) {
      if (isMissing(error)) return;
      throw error;
    }
    if (unlock) return new FolderLock(unlock);
    throw new Error(
      `Cannot use ${folder}: another run saves its checkpoints there. Give each run a folder of ` +
        "its own",
    );
  }

  /** Unlocks the folder. */
  release(): void {
    this.#unlock();
  }
}
