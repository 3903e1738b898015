/**
 * SHA-256 piece by piece, which `crypto.subtle` cannot do. Loaded when first needed, so that a
 * page without files needs none of it.
 *
 * @module
 */

/** Takes bytes, gives their digest. */
export interface Hash {
  /** Takes some more. */
  update(bytes: Uint8Array): void;
  /** The digest of all, as 64 hexadecimal digits. */
  digest(encoding: "hex"): string;
}

/** Begins a digest. */
export async function sha256(): Promise<Hash> {
  const { createHash } = await import("node:crypto");
  return createHash("sha256") as unknown as Hash;
}
