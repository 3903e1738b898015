/**
 * Keeps two runs from saving in one folder, where the file system has locks. The system releases
 * the lock of a process that was killed, so that nothing is left behind.
 */
export class FolderLock {
  readonly #file: Deno.FsFile | undefined;

  private constructor(file: Deno.FsFile | undefined) {
    this.#file = file;
  }

  /**
   * Locks a folder.
   *
   * @param folder The folder.
   * @returns The lock; `undefined` if there is no such folder.
   * @throws {Error} If another run holds the lock, in this process or in another.
   */
  static async acquire(folder: string): Promise<FolderLock | undefined> {
    let file: Deno.FsFile;
    try {
      file = await open(folder);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw error;
    }
    if (await tryLock(file)) return new FolderLock(file);
    file.close();
    throw new Error(
      `Cannot use ${folder}: another run saves its checkpoints there. Give each run a folder of ` +
        "its own",
    );
  }

  /** Unlocks the folder. */
  release(): void {
    this.#file?.close();
  }
}

/** Windows locks files only. */
async function open(folder: string): Promise<Deno.FsFile> {
  if (Deno.build.os !== "windows") return await Deno.open(folder);
  await Deno.stat(folder);
  return await Deno.open(`${folder}/.lock`, { write: true, create: true });
}

/** Some network file systems have no locks: there, every run must know for itself. */
async function tryLock(file: Deno.FsFile): Promise<boolean> {
  try {
    return await file.tryLock(true);
  } catch {
    return true;
  }
}
