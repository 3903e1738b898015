import { toPath } from "./to_path.ts";
import { splitPath } from "./write_atomically.ts";

/**
 * Writes a file, and the folders above it where they are missing.
 *
 * Nothing stays open between two calls, so that a run that is killed leaves whole lines behind.
 *
 * @param path Where.
 * @param data All of it, or what comes next.
 * @param options How.
 * @param options.append Whether to write after what is there. Default: replace it.
 */
export async function writeFile(
  path: string | URL,
  data: string | Uint8Array,
  { append = false }: { append?: boolean } = {},
): Promise<void> {
  const file = toPath(path);
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  await Deno.mkdir(splitPath(file).folder, { recursive: true });
  await Deno.writeFile(file, bytes, { append });
}
