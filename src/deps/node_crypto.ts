/**
 * SHA-256 piece by piece, which `crypto.subtle` cannot do.
 *
 * @module
 */
import { builtinModule } from "../host/builtin_module.ts";
import { NO_FILES } from "../host/file_errors.ts";

/** Takes bytes, gives their digest. */
export interface Hash {
  /** Takes some more. */
  update(bytes: Uint8Array): void;
  /** The digest of all, as 64 hexadecimal digits. */
  digest(encoding: "hex"): string;
}

/** Begins a digest. */
export function sha256(): Hash {
  const crypto = builtinModule<{ createHash(algorithm: "sha256"): Hash }>("node:crypto");
  if (!crypto) throw new Error(NO_FILES);
  return crypto.createHash("sha256");
}
