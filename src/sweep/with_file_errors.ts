/**
 * Waits for what is done to a file of a sweep.
 *
 * @throws {Error} If it cannot be done: the disk is full, or the folder is none.
 */
export async function onDisk<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new Error(
      `Cannot go on with the sweep as ${path} must be a file that can be read and written: ` +
        (cause as Error).message,
      { cause },
    );
  }
}
