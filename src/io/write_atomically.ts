import { fileSystem, OpenFile } from "../host/files.ts";
import { hostProcess } from "../host/host_process.ts";

/**
 * Writes a file in a single step: its path never shows an incomplete file.
 *
 * The content goes to a temporary file in the same folder, which is flushed to the disk and then
 * renamed. The folder is flushed too, so that the new file survives a loss of power.
 *
 * @param path Path of the file.
 * @param write Writes the whole content.
 * @throws {Error} If `write` or the file system fails. An older file is then unchanged.
 */
export async function writeAtomically(
  path: string,
  write: (file: OpenFile) => Promise<void>,
): Promise<void> {
  const { folder, base } = splitPath(path);
  const temporary = `${folder}/.${base}.${crypto.randomUUID()}.partial`;
  const file = await OpenFile.open(temporary, "wx");
  try {
    try {
      await write(file);
      await file.sync();
    } finally {
      file.close();
    }
    await fileSystem.rename(temporary, path);
  } catch (error) {
    await fileSystem.unlink(temporary).catch(() => {});
    throw error;
  }
  await flushFolder(folder);
}

/** Returns whether a file is one that {@linkcode writeAtomically} did not finish. */
export function isPartial(name: string): boolean {
  return name.startsWith(".") && name.endsWith(".partial");
}

/** Splits a path into its folder and its last part. */
export function splitPath(path: string): { folder: string; base: string } {
  const at = path.lastIndexOf("/");
  const folder = at === 0 ? "/" : at < 0 ? "." : path.slice(0, at);
  return { folder, base: path.slice(at + 1) };
}

/** Flushes the names in a folder to the disk, if the system supports it. */
async function flushFolder(folder: string): Promise<void> {
  if (hostProcess?.platform === "win32") return;
  const handle = await OpenFile.open(folder, "r");
  try {
    await handle.sync();
  } finally {
    handle.close();
  }
}
