import { builtinModule } from "./builtin_module.ts";
import { NO_FILES, withClass } from "./file_errors.ts";

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
