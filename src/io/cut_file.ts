import { fileSystem, isMissing } from "../host/files.ts";
import { toPath } from "./write_file.ts";

/**
 * Truncates a file, as a resumed run does with a log that was written after its checkpoint.
 *
 * @param path Path of the file, which may be missing.
 * @param size Number of bytes to keep.
 * @returns Number of bytes in the file now: fewer than `size` if it was shorter.
 */
export async function cutFile(path: string | URL, size: number): Promise<number> {
  try {
    const name = toPath(path);
    const actual = (await fileSystem.stat(name)).size;
    if (actual > size) await fileSystem.truncate(name, size);
    return Math.min(actual, size);
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}
