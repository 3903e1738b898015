/**
 * Files in the safetensors format, read part by part, and written in the background.
 *
 * @module
 */
import { nodeThreads, threadModule, type Worker } from "../host/host_process.ts";
import { OpenFile, sha256 } from "../host/files.ts";
import { DTYPES, type HostTensor } from "./host_tensor.ts";
import {
  CHECKSUM_AT,
  CHECKSUM_LENGTH,
  damaged,
  decodeHeader,
  type Header,
  type HeaderEntry,
  LARGEST_HEADER,
  writeSafetensors,
} from "./safetensors_format.ts";
import { toPath } from "./files.ts";

/** Number of bytes that are read at once. */
const CHUNK = 1 << 20;

/**
 * A file in the safetensors format, of this package or any other, read tensor by tensor.
 *
 * Opening it reads only its header. Nothing in a file is executed, and no name in it is used as a
 * path.
 *
 * @example
 * ```ts
 * import { SafetensorsFile, writeSafetensors } from "@trainchart/trainchart/io";
 * import { assertEquals } from "@std/assert";
 *
 * const granted = await Deno.permissions.query({ name: "write" });
 * if (granted.state === "granted") {
 *   const path = await Deno.makeTempFile();
 *   const seen = { dtype: "I32", shape: [], values: Int32Array.of(7) } as const;
 *   await writeSafetensors(path, new Map([["seen", seen]]), { format: "mine" });
 *   using file = await SafetensorsFile.open(path);
 *   assertEquals([...file.entries.keys()], ["seen"]);
 *   assertEquals(file.metadata.format, "mine");
 *   await Deno.remove(path);
 * }
 * ```
 *
 * @category Files
 */
export class SafetensorsFile {
  /** Path that the file was opened with. */
  readonly path: string;
  readonly #file: OpenFile;
  readonly #header: Header;
  readonly #start: number;

  private constructor(path: string, file: OpenFile, header: Header, start: number) {
    this.path = path;
    this.#file = file;
    this.#header = header;
    this.#start = start;
  }

  /**
   * Opens a file and reads its header. Close the file, or declare it with `using`.
   *
   * @param path Path of the file, or a `file:` URL.
   * @throws {StorageError} If the file is damaged, or is not a safetensors file.
   */
  static async open(path: string | URL): Promise<SafetensorsFile> {
    const name = toPath(path);
    const file = await OpenFile.open(name, "r");
    try {
      const { size, isFile } = await file.stat();
      if (!isFile) throw damaged(name, "it must be a regular file");
      if (size < 8) throw damaged(name, `it must have at least 8 bytes: it has ${size}`);
      const prefix = await readAt(file, 0, 8, name);
      const length = Number(new DataView(prefix.buffer).getBigUint64(0, true));
      if (length > Math.min(size - 8, LARGEST_HEADER)) {
        throw damaged(name, `its header must fit into its ${size} bytes: it has ${length}`);
      }
      const start = 8 + length;
      const header = decodeHeader(await readAt(file, 8, length, name), size - start, name);
      return new SafetensorsFile(name, file, header, start);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Element type, shape and position of each tensor, by name, in the order of their data. */
  get entries(): ReadonlyMap<string, HeaderEntry> {
    return this.#header.entries;
  }

  /** Texts by name. */
  get metadata(): Readonly<Record<string, string>> {
    return this.#header.metadata;
  }

  /**
   * Reads one tensor.
   *
   * @param name Name of the tensor, one of `entries`.
   * @throws {RangeError} If there is no tensor of that name.
   * @throws {TypeError} If this version does not know its element type.
   * @throws {StorageError} If the file has become shorter.
   */
  async read(name: string): Promise<HostTensor> {
    const entry = this.entries.get(name);
    if (!entry) {
      throw new RangeError(
        `Cannot read tensor ${name} as ${this.path} must have it: its tensors are ` +
          `${[...this.entries.keys()].slice(0, 8).join(", ") || "(none)"}`,
      );
    }
    const { dtype, shape, offsets: [begin, end] } = entry;
    if (!Object.hasOwn(DTYPES, dtype)) {
      throw new TypeError(
        `Cannot read tensor ${name} as its dtype must be one of ` +
          `${Object.keys(DTYPES).join(", ")}: current value is ${dtype}`,
      );
    }
    const { buffer } = await readAt(this.#file, this.#start + begin, end - begin, this.path);
    return { dtype, shape, values: new DTYPES[dtype](buffer) };
  }

  /**
   * Reads the whole file, in pieces, and verifies its checksum.
   *
   * @throws {StorageError} If the checksum is missing or wrong.
   */
  async verify(): Promise<void> {
    const { metadata, path } = this;
    if (typeof metadata.sha256 !== "string" || metadata.sha256.length !== CHECKSUM_LENGTH) {
      throw damaged(path, "it must have a checksum: it has none");
    }
    const { size } = await this.#file.stat();
    const hash = sha256();
    const chunk = new Uint8Array(Math.min(CHUNK, size));
    for (let begin = 0; begin < size; begin += CHUNK) {
      const bytes = chunk.subarray(0, size - begin);
      await readInto(bytes, this.#file, begin, path);
      if (begin === 0) bytes.fill(0x30, CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_LENGTH);
      hash.update(bytes);
    }
    const actual = hash.digest("hex");
    if (actual !== metadata.sha256) {
      throw damaged(path, `its checksum must be ${metadata.sha256}: it is ${actual}`);
    }
  }

  /** Closes the file. */
  close(): void {
    this.#file.close();
  }

  /** Closes the file at the end of its `using` block. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** Reads a part of a file. Two reads of one file may not overlap in time. */
async function readAt(
  file: OpenFile,
  begin: number,
  length: number,
  path: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  await readInto(bytes, file, begin, path);
  return bytes;
}

async function readInto(
  bytes: Uint8Array,
  file: OpenFile,
  begin: number,
  path: string,
): Promise<void> {
  const { length } = bytes;
  for (let done = 0; done < length;) {
    const part = Math.min(CHUNK, length - done);
    const read = await file.read(bytes, done, part, begin + done);
    if (read === 0) throw damaged(path, `it must have ${length} bytes from byte ${begin} on`);
    done += read;
  }
}

/** Number of bytes from which a thread of its own pays: its start takes about 20 ms. */
const LARGE = 1 << 26;

/**
 * Does the work of {@linkcode writeSafetensors} on another thread if the tensors are large, so that
 * the training is not held up.
 *
 * @param path Path of the file. An older file is replaced in a single step.
 * @param tensors Tensors by name. They are empty after the call: their memory is moved, not copied.
 * @param metadata Texts by name.
 * @throws {Error} If the file system fails. An older file is then unchanged.
 */
export async function writeInBackground(
  path: string,
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const buffers = new Set(Array.from(tensors.values(), ({ values }) => values.buffer));
  const size = [...buffers].reduce((size, { byteLength }) => size + byteLength, 0);
  const worker = size < LARGE ? undefined : await startWorker();
  if (!worker) return await writeSafetensors(path, tensors, metadata);
  try {
    const answer = nextAnswer(worker);
    worker.postMessage([path, tensors, metadata], [...buffers] as ArrayBuffer[]);
    const { failure } = await answer;
    if (failure !== undefined) throw new Error(failure);
  } finally {
    await worker.terminate();
  }
}

/** Returns `undefined` if the program may not read its own modules, or has no workers. */
async function startWorker(): Promise<Worker | undefined> {
  const threads = nodeThreads();
  if (!threads) return;
  const module = threadModule(new URL("./write_worker.ts", import.meta.url));
  const worker = new threads.Worker(module, {});
  try {
    await nextAnswer(worker);
    return worker;
  } catch {
    await worker.terminate();
  }
}

function nextAnswer(worker: Worker): Promise<{ failure?: string }> {
  return new Promise((resolve, reject) => {
    worker.once("message", resolve).once("error", reject);
  });
}
