/**
 * Waits for work on a file of a sweep, and explains its failure.
 *
 * @throws {Error} If the work fails: the disk is full, or the folder is not writable.
 */
export async function withFileErrors<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new Error(
      `Cannot continue the sweep as ${path} must be a file that can be read and written: ` +
        (cause as Error).message,
      { cause },
    );
  }
}
