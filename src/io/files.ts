/**
 * Files by their paths, written whole or in a single step, and the error of a file that cannot be used.
 *
 * @module
 */
import { describeValue } from "../checks/check_options.ts";
import { fileSystem, OpenFile } from "../host/files.ts";
import { hostProcess } from "../host/host_process.ts";

/**
 * Converts a path or a `file:` URL to a path.
 *
 * @throws {TypeError} If the value is neither, or a URL of another kind.
 */
export function toPath(path: string | URL): string {
  if (typeof path !== "string" && !(path instanceof URL)) {
    throw new TypeError(
      `Cannot open a file as its path must be a string or a file: URL: current value is ${
        describeValue(path)
      }`,
    );
  }
  if (typeof path === "string" && !/^[a-z]+:\/\//i.test(path)) return path;
  const { protocol, pathname } = new URL(path);
  if (protocol === "file:") return decodeURIComponent(pathname).replace(/^\/([a-z]:)/i, "$1");
  throw new TypeError(
    `Cannot open a file as its URL must begin with file: current value is ${protocol}//…`,
  );
}

/**
 * Writes a file in a single step: its path never shows an incomplete file.
 *
 * The content goes to a temporary file in the same folder, which is flushed to the disk and then
 * renamed. The folder is flushed too, so that the new file survives a loss of power.
 *
 * @param path Path of the file, or of a link to it.
 * @param write Writes the whole content.
 * @throws {Error} If `write` or the file system fails. An older file is then unchanged.
 * @throws {TypeError} If the path is that of a device, such as `/dev/null`.
 */
export async function writeAtomically(
  path: string,
  write: (file: OpenFile) => Promise<void>,
): Promise<void> {
  const target = await targetOf(path);
  const { folder, base } = splitPath(target);
  // A name may have 255 bytes, four for a letter.
  const temporary = `${folder}/.${base.slice(0, 40)}.${crypto.randomUUID()}.partial`;
  const file = await OpenFile.open(temporary, "wx");
  try {
    try {
      await write(file);
      await file.sync();
    } finally {
      file.close();
    }
    await fileSystem.rename(temporary, target);
  } catch (error) {
    await fileSystem.unlink(temporary).catch(() => {});
    throw error;
  }
  await flushFolder(folder);
}

/** Follows a link, and refuses a device: both would be replaced by the new file. */
async function targetOf(path: string): Promise<string> {
  const found = await fileSystem.stat(path).catch(() => undefined);
  if (!found || found.isDirectory()) return path;
  if (found.isFile()) return await fileSystem.realpath(path).catch(() => path);
  throw new TypeError(
    `Cannot save to ${path} as it must be a file: it is a device, a pipe or a socket`,
  );
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

/**
 * Kinds of problems with a file that a program can react to.
 *
 * @category Files
 */
export type StorageProblem = "damaged" | "version" | "mismatch";

/**
 * Thrown if a file cannot be used: it is damaged, of a newer version, or does not belong to the
 * model. Errors of the file system, such as those with the code `ENOENT`,
 * which on Deno are also `Deno.errors.NotFound`, are thrown as they are.
 *
 * @example
 * ```ts
 * import { StorageError } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new StorageError("mismatch", "Cannot load weights", ["no weight dense/bias"]);
 * assertEquals(error.problem, "mismatch");
 * assertEquals(error.message, "Cannot load weights:\n- no weight dense/bias");
 * ```
 *
 * @category Files
 */
export class StorageError extends Error {
  /** The name of the class. */
  override readonly name = "StorageError";
  /** The problem: a damaged file, a newer version, or a mismatch with the model. */
  readonly problem: StorageProblem;
  /** All differences between the file and the model, a line each. */
  readonly differences: readonly string[];

  /**
   * Lists the differences below the message.
   *
   * @param problem The problem.
   * @param message The message.
   * @param differences Differences between the file and the model, a line each. Default: none.
   * @param options The cause. Default: none.
   */
  constructor(
    problem: StorageProblem,
    message: string,
    differences: readonly string[] = [],
    options?: ErrorOptions,
  ) {
    super([differences.length > 0 ? `${message}:` : message, ...differences].join("\n- "), options);
    this.problem = problem;
    this.differences = differences;
  }
}
