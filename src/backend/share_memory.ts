/** Numbers of sections of a module, and of a kind of import. */
const IMPORTS = 2, MEMORIES = 5, MEMORY = 2;
/** Flags of a memory's limits: it has a maximum; it is shared. */
const HAS_MAXIMUM = 1, SHARED = 2;

/**
 * Copies a WebAssembly module and makes its memory, defined or imported, shared between threads.
 *
 * The copy differs in one byte: the flags of that memory.
 *
 * @throws {TypeError} If the module has no memory, or one without a maximum.
 */
export function shareMemory(module: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(module);
  let at = 8;
  const read = (): number => {
    let value = 0, shift = 0;
    for (;;) {
      const byte = bytes[at++];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
      shift += 7;
    }
  };
  const share = (): Uint8Array<ArrayBuffer> => {
    if (!(bytes[at] & HAS_MAXIMUM)) {
      throw new TypeError("Cannot share a memory as it must have a maximum size: it has none");
    }
    bytes[at] |= SHARED;
    return bytes;
  };
  while (at < bytes.length) {
    const section = read(), size = read(), end = at + size;
    const count = section === IMPORTS || section === MEMORIES ? read() : 0;
    if (section === MEMORIES && count > 0) return share();
    for (let i = 0; section === IMPORTS && i < count; i++) {
      for (const _ of ["module", "name"]) {
        const length = read();
        at += length;
      }
      const kind = bytes[at++];
      if (kind === MEMORY) return share();
      // A function is a type; a global is a type and a flag; a table has limits.
      if (kind === 0) read();
      else if (kind === 3) at += 2;
      else {
        at++;
        if (bytes[at++] & HAS_MAXIMUM) read();
        read();
      }
    }
    at = end;
  }
  throw new TypeError("Cannot share the memory of a module as it must have one: it has none");
}
