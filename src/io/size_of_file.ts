import { toPath } from "./to_path.ts";

/** The size of a file in bytes; 0 if the file does not exist. */
export async function sizeOfFile(path: string | URL): Promise<number> {
  try {
    return (await Deno.stat(toPath(path))).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}
