import { fileSystem } from "../host/files.ts";
import { checkNumber } from "../checks/check_options.ts";

/** Limit of {@linkcode readBytes} if none is given: 1 GiB. */
const MAX_BYTES = 2 ** 30;

/**
 * Options of the functions that read a whole file into memory.
 *
 * @category Files of data
 */
export interface ReadOptions {
  /** Largest size of the file once unpacked, in bytes, an integer >= 1. Default: 2^30, 1 GiB. */
  readonly maxBytes?: number;
}

/**
 * Reads a file, and unpacks it if it is gzipped.
 *
 * A file counts as gzipped if its first two bytes are 1f 8b, whatever its name. A small gzipped file
 * can unpack to thousands of times its size, so unpacking stops at `maxBytes`.
 *
 * @param source A path, or a URL: `file:`, or anything that `fetch()` accepts.
 * @param options The limit.
 * @returns The bytes.
 * @throws {RangeError} If there are more than `maxBytes` bytes.
 * @throws {Error} If the file cannot be read, or is gzipped and damaged.
 */
export async function readBytes(
  source: string | URL,
  { maxBytes = MAX_BYTES }: ReadOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  checkNumber(`read ${source}`, "maxBytes", maxBytes, { integer: true, min: 1 });
  const bytes = await rawBytes(source, maxBytes);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  try {
    return await collect(unpacked, source, maxBytes);
  } catch (cause) {
    if (cause instanceof RangeError) throw cause;
    throw new Error(
      `Cannot read ${source} as what begins like gzip must be whole: current value is damaged`,
      { cause },
    );
  }
}

async function rawBytes(
  source: string | URL,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!(source instanceof URL) || source.protocol === "file:") {
    if ((await fileSystem.stat(source)).size > maxBytes) throw tooLarge(source, maxBytes);
    return await fileSystem.readFile(source);
  }
  const response = await fetch(source);
  if (response.ok && response.body) return await collect(response.body, source, maxBytes);
  await response.body?.cancel();
  throw new Error(
    `Cannot read ${source} as the server must answer with success: current value is ` +
      `${response.status} ${response.statusText}`,
  );
}

/** Leaving the loop by an error cancels the stream, so that nothing is unpacked in vain. */
async function collect(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  source: string | URL,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const part of stream) {
    size += part.length;
    if (size > maxBytes) throw tooLarge(source, maxBytes);
    parts.push(part);
  }
  return await new Blob(parts).bytes();
}

function tooLarge(source: string | URL, maxBytes: number): RangeError {
  return new RangeError(
    `Cannot read ${source} as it must have at most ${maxBytes} bytes once unpacked: it has more ` +
      "(`maxBytes` sets the limit)",
  );
}
