/**
 * Bytes as text, where the runtime cannot do it itself.
 *
 * @module
 */

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

/** Decodes base64. Node 24 has no `Uint8Array.fromBase64()`. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  if (typeof Uint8Array.fromBase64 === "function") return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Bytes as hexadecimal digits. Node 24 has no `Uint8Array.prototype.toHex()`. */
export function encodeHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
