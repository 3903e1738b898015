import { toPath } from "./to_path.ts";

/**
 * Cuts off what is after a number of bytes, as a resumed run does with a log that went on after its
 * checkpoint.
 *
 * @param path Of the file; it may be missing.
 * @param size How many bytes are kept.
 * @returns How many bytes it has now: fewer if it was shorter.
 */
export async function cutFile(path: string | URL, size: number): Promise<number> {
  try {
    const name = toPath(path);
    const actual = (await Deno.stat(name)).size;
    if (actual > size) await Deno.truncate(name, size);
    return Math.min(actual, size);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}
