/**
 * The bytes of a file, unpacked if they are gzipped.
 *
 * Whether they are is told by their first two bytes, 1f 8b, and not by the file's name.
 *
 * @param source A path, or a URL: of a file, or of what `fetch()` gets.
 * @returns The bytes.
 * @throws {Error} When the file cannot be read, or is gzipped and damaged.
 */
export async function readBytes(source: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await rawBytes(source);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  try {
    return await new Response(unpacked).bytes();
  } catch (cause) {
    throw new Error(
      `Cannot read ${source} as what begins like gzip must be whole: current value is damaged`,
      { cause },
    );
  }
}

async function rawBytes(source: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  if (!(source instanceof URL) || source.protocol === "file:") return await Deno.readFile(source);
  const response = await fetch(source);
  if (response.ok) return await response.bytes();
  await response.body?.cancel();
  throw new Error(
    `Cannot read ${source} as the server must answer with success: current value is ` +
      `${response.status} ${response.statusText}`,
  );
}
