import { builtinModule } from "./builtin_module.ts";
import { NO_FILES, withClass } from "./file_errors.ts";

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
  stat(path: string | URL): Promise<{ size: number }>;
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
