/** Remainders of every byte by the reflected polynomial of Castagnoli. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) {
    remainder = remainder & 1 ? (remainder >>> 1) ^ 0x82f63b78 : remainder >>> 1;
  }
  return remainder;
});

/**
 * Returns the checksum CRC-32C of Castagnoli, an unsigned integer of 32 bits.
 *
 * RFC 3720, appendix B.4, <https://www.rfc-editor.org/rfc/rfc3720>.
 */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
