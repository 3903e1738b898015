/**
 * A file that an earlier run has left, which a resumed run continues: its size, its last line, its end.
 *
 * @module
 */
import { fileSystem, isMissing, OpenFile } from "../host/files.ts";
import { toPath } from "./files.ts";

/** The size of a file in bytes; 0 if the file does not exist. */
export async function sizeOfFile(path: string | URL): Promise<number> {
  try {
    return (await fileSystem.stat(toPath(path))).size;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}

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

const NEWLINE = 10;

/** Number of bytes at the end of a file in which its last line is looked for first. */
const TAIL = 1 << 16;

/**
 * Makes a file of JSON lines end with a whole line: a last line that a full disk or a loss of power
 * cut short would swallow the next one. A whole value gets its newline, anything else is removed.
 *
 * @param path The path; the file may be missing.
 * @returns Whether there is a file.
 */
export async function endLastLine(path: string | URL): Promise<boolean> {
  let file: OpenFile;
  try {
    file = await OpenFile.open(toPath(path), "r+");
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
  try {
    const { size } = await file.stat();
    const line = await readLastLine(file, size);
    if (line.length === 0) return true;
    if (!isJson(line)) await file.truncate(size - line.length);
    else await file.write(Uint8Array.of(NEWLINE), size);
    return true;
  } finally {
    file.close();
  }
}

/** The bytes after the last newline. */
async function readLastLine(file: OpenFile, size: number): Promise<Uint8Array> {
  for (let length = Math.min(TAIL, size);; length = Math.min(2 * length, size)) {
    const tail = await readFrom(file, size - length, length);
    const newline = tail.lastIndexOf(NEWLINE);
    if (newline >= 0 || length === size) return tail.subarray(newline + 1);
  }
}

async function readFrom(file: OpenFile, start: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const count = await file.read(bytes, filled, length - filled, start + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}
