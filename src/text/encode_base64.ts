/** Number of bytes that are converted at once: arguments of a function are limited. */
const CHUNK = 8192;

/** Encodes bytes as base64. Node 24 has no `Uint8Array.prototype.toBase64()`. */
export function encodeBase64(bytes: Uint8Array): string {
  const text: string[] = [];
  for (let begin = 0; begin < bytes.length; begin += CHUNK) {
    text.push(String.fromCharCode(...bytes.subarray(begin, begin + CHUNK)));
  }
  return btoa(text.join(""));
}
