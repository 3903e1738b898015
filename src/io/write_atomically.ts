/**
 * Writes a file so that its path never shows half of it: to a temporary file beside it, which is
 * flushed to the disk and takes the place of the old one in a single step; then the folder is
 * flushed, so that the new file is still there after a loss of power.
 *
 * @param path Where the file is to be.
 * @param write Writes all of it.
 * @throws whatever `write` or the file system threw; then the old file, if any, is untouched.
 */
export async function writeAtomically(
  path: string,
  write: (file: Deno.FsFile) => Promise<void>,
): Promise<void> {
  const { folder, base } = splitPath(path);
  const temporary = `${folder}/.${base}.${crypto.randomUUID()}.partial`;
  const file = await Deno.open(temporary, { write: true, createNew: true });
  try {
    try {
      await write(file);
      await file.sync();
    } finally {
      file.close();
    }
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  await flushFolder(folder);
}

/** Whether a file in a folder is one that {@linkcode writeAtomically} did not finish. */
export function isPartial(name: string): boolean {
  return name.startsWith(".") && name.endsWith(".partial");
}

/** The folder of a path, and its last part. */
export function splitPath(path: string): { folder: string; base: string } {
  const at = path.lastIndexOf("/");
  const folder = at === 0 ? "/" : at < 0 ? "." : path.slice(0, at);
  return { folder, base: path.slice(at + 1) };
}

/** Flushes the names in a folder to the disk, where the system can. */
async function flushFolder(folder: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  const handle = await Deno.open(folder, { read: true });
  try {
    await handle.sync();
  } finally {
    handle.close();
  }
}
