/**
 * Files and folders, and locks of folders, on Deno, Node and Bun.
 *
 * @module
 */
import { builtinModule, hostProcess } from "./host_process.ts";

/** The message where there are no files. */
const NO_FILES = "Cannot use a file: a browser has no files";

/** Whether an error says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === "ENOENT";
}

/** Classes of Deno's errors by code of the system. */
const CLASSES = {
  ENOENT: "NotFound",
  EEXIST: "AlreadyExists",
  EACCES: "PermissionDenied",
  EPERM: "PermissionDenied",
  ENOTDIR: "NotADirectory",
  EISDIR: "IsADirectory",
} as const;

/** Gives an error the class that Deno's own functions throw, and its name of the problem. */
function withClass(error: unknown): unknown {
  const { code = "", message } = error as { code?: string; message: string };
  if (typeof Deno === "undefined" || !message.startsWith(`${code}: `)) return error;
  // "ENOENT: no such file" becomes "No such file".
  const text = message.slice(code.length + 2)
    .replace("illegal operation on a directory", "is a directory")
    .replace(/^./, (letter) => letter.toUpperCase());
  const name = CLASSES[code as keyof typeof CLASSES];
  const Class = name ? Deno.errors[name] : Error;
  return Object.assign(new Class(text, { cause: error }), { code });
}

/** A name in a folder. */
export interface FolderEntry {
  readonly name: string;
  isFile(): boolean;
  isDirectory(): boolean;
}

/** The functions of `node:fs/promises` in use. */
export interface FileSystem {
  readFile(
    path: string | URL,
    options?: { signal?: AbortSignal },
  ): Promise<Uint8Array<ArrayBuffer>>;
  readFile(path: string | URL, encoding: "utf8"): Promise<string>;
  writeFile(path: string, data: Uint8Array | string, options?: { flag: string }): Promise<void>;
  stat(path: string | URL): Promise<{ size: number; isFile(): boolean; isDirectory(): boolean }>;
  truncate(path: string, size: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  rm(path: string, options: { recursive: true; force: true }): Promise<void>;
  mkdir(path: string, options: { recursive: true }): Promise<unknown>;
  readdir(path: string, options: { withFileTypes: true }): Promise<FolderEntry[]>;
  realpath(path: string): Promise<string>;
}

type Call = (...args: never[]) => Promise<unknown>;

/**
 * Files and folders, on Deno, Node and Bun.
 *
 * Errors have the code of the system, such as `ENOENT`. On Deno, they also have its classes, such as
 * `Deno.errors.NotFound`.
 */
export const fileSystem: FileSystem = new Proxy({} as FileSystem, {
  get: (_, name: keyof FileSystem) => async (...args: never[]) => {
    const module = builtinModule<FileSystem>("node:fs/promises");
    if (!module) throw new Error(NO_FILES);
    try {
      return await (module[name] as Call)(...args);
    } catch (error) {
      throw withClass(error);
    }
  },
});

/** The last argument of a function of `node:fs`. */
type Done = (error: unknown, result?: never) => void;

/** The functions of `node:fs` in use. */
interface NodeFs {
  open(path: string, flags: string, done: Done): void;
  read(
    file: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
    done: Done,
  ): void;
  write(
    file: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number | null,
    done: Done,
  ): void;
  fstat(file: number, done: Done): void;
  fsync(file: number, done: Done): void;
  ftruncate(file: number, size: number, done: Done): void;
  closeSync(file: number): void;
}

/** An open file, which is closed at once, unlike a `FileHandle` of Node. */
export class OpenFile {
  readonly #fs: NodeFs;
  readonly #file: number;

  private constructor(fs: NodeFs, file: number) {
    this.#fs = fs;
    this.#file = file;
  }

  /**
   * Opens a file, or a folder to flush it.
   *
   * @param path The path.
   * @param flags `r`: to read; `r+`: to read and write; `wx`: to write a file that does not exist yet.
   */
  static async open(path: string, flags: "r" | "r+" | "wx"): Promise<OpenFile> {
    const fs = builtinModule<NodeFs>("node:fs");
    if (!fs) throw new Error(NO_FILES);
    return new OpenFile(fs, await promised<number>((done) => fs.open(path, flags, done)));
  }

  /**
   * Reads into a part of an array, possibly less than the whole part.
   *
   * @returns Number of bytes; 0 at the end of the file.
   */
  read(bytes: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return promised((done) => this.#fs.read(this.#file, bytes, offset, length, position, done));
  }

  /**
   * Writes all bytes.
   *
   * @param bytes The bytes.
   * @param position Position of the first byte. Default: after the last write.
   */
  async write(bytes: Uint8Array, position?: number): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const place = position === undefined ? null : position + at;
      at += await promised<number>((done) =>
        this.#fs.write(this.#file, bytes, at, bytes.length - at, place, done)
      );
    }
  }

  /** Its size in bytes, and whether it is a regular file. */
  async stat(): Promise<{ size: number; isFile: boolean }> {
    const facts = await promised<{ size: number; isFile(): boolean }>((done) =>
      this.#fs.fstat(this.#file, done)
    );
    return { size: facts.size, isFile: facts.isFile() };
  }

  /** Flushes it to the disk. */
  sync(): Promise<void> {
    return promised((done) => this.#fs.fsync(this.#file, done));
  }

  /** Cuts it off. */
  truncate(size: number): Promise<void> {
    return promised((done) => this.#fs.ftruncate(this.#file, size, done));
  }

  /** Closes it. */
  close(): void {
    this.#fs.closeSync(this.#file);
  }
}

function promised<T>(begin: (done: Done) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    begin((error, result) => error ? reject(withClass(error)) : resolve(result as T));
  });
}

/** Takes bytes, gives their digest. */
export interface Hash {
  /** Takes some more. */
  update(bytes: Uint8Array): void;
  /** The digest of all, as 64 hexadecimal digits. */
  digest(encoding: "hex"): string;
}

/** Begins a SHA-256 digest, which is made piece by piece: `crypto.subtle` cannot do that. */
export function sha256(): Hash {
  const crypto = builtinModule<{ createHash(algorithm: "sha256"): Hash }>("node:crypto");
  if (!crypto) throw new Error(NO_FILES);
  return crypto.createHash("sha256");
}

/** Name of the file of a lock, where folders cannot be locked. */
const LOCK = ".lock";

/** Number of looks at a file that has no content yet, and the time between them, in ms. */
const LOOKS = 5;
const GLANCE = 20;

/**
 * Locks a folder for this process.
 *
 * @returns Unlocks it; `undefined` if it is locked already, by this process or by another that is
 *   still alive.
 * @throws {Error} If there is no such folder, with the code `ENOENT`.
 */
export function lockFolder(folder: string): Promise<(() => void) | undefined> {
  return typeof Deno === "undefined" ? lockByFile(folder) : lockBySystem(folder);
}

/** The system releases the lock of a process that was killed. Only Deno has such locks. */
async function lockBySystem(folder: string): Promise<(() => void) | undefined> {
  const file = await open(folder);
  if (await tryLock(file)) return () => file.close();
  file.close();
}

/** Windows locks files only. */
async function open(folder: string): Promise<Deno.FsFile> {
  if (Deno.build.os !== "windows") return await Deno.open(folder);
  await Deno.stat(folder);
  return await Deno.open(`${folder}/${LOCK}`, { write: true, create: true });
}

/** Some network file systems have no locks: there, every run must know for itself. */
async function tryLock(file: Deno.FsFile): Promise<boolean> {
  try {
    return await file.tryLock(true);
  } catch {
    return true;
  }
}

/** The folders that this process has locked by a file. */
const HELD = new Set<string>();

/** A file names the process that holds the lock. */
async function lockByFile(folder: string): Promise<(() => void) | undefined> {
  const { hostname } = builtinModule<{ hostname(): string }>("node:os")!;
  const { unlinkSync } = builtinModule<{ unlinkSync(path: string): void }>("node:fs")!;
  const path = `${await fileSystem.realpath(folder)}/${LOCK}`;
  const own = `${hostname()} ${hostProcess!.pid}`;
  while (true) {
    if (HELD.has(path)) return;
    try {
      await fileSystem.writeFile(path, own, { flag: "wx" });
      break;
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
    }
    if (isAlive(await holderOf(path), own)) return;
    await fileSystem.unlink(path).catch(ignoreMissing);
  }
  HELD.add(path);
  return () => {
    HELD.delete(path);
    try {
      unlinkSync(path);
    } catch {
      // The folder was removed.
    }
  };
}

async function holderOf(path: string): Promise<string> {
  for (let look = 0;; look++) {
    const holder = await fileSystem.readFile(path, "utf8").catch(ignoreMissing) ?? "";
    if (holder !== "" || look === LOOKS) return holder;
    await new Promise((resolve) => setTimeout(resolve, GLANCE));
  }
}

/** Whether a holder lives; the process of another machine is taken to live. */
function isAlive(holder: string, own: string): boolean {
  const [host, pid] = holder.split(" ");
  // A former process with the number of this one has ended: this one holds no lock.
  if (holder === "" || holder === own) return false;
  if (host !== own.split(" ")[0]) return true;
  try {
    hostProcess!.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}

function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}
