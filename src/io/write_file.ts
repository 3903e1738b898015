import { fileSystem } from "../host/files.ts";
import { toPath } from "./to_path.ts";
import { splitPath } from "./write_atomically.ts";

/**
 * Writes a file, and creates missing folders above it.
 *
 * The file is closed after each call, so that a killed run leaves complete lines.
 *
 * @param path Path of the file, or a `file:` URL.
 * @param data The content, or the text to append.
 * @param options Whether to append.
 * @param options.append Whether to append to an existing file rather than replace it. Default:
 *   `false`.
 */
export async function writeFile(
  path: string | URL,
  data: string | Uint8Array,
  { append = false }: { append?: boolean } = {},
): Promise<void> {
  const file = toPath(path);
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  await fileSystem.mkdir(splitPath(file).folder, { recursive: true });
  await fileSystem.writeFile(file, bytes, { flag: append ? "a" : "w" });
}
