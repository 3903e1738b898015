/**
 * Libraries of the machine, through Deno's foreign functions. Only threads call them past this file.
 *
 * @module
 */

/** Deno, where there is one. */
const { Deno: deno } = globalThis as { Deno?: typeof globalThis.Deno };

/** An open library, or why it cannot be opened. */
export type Opened<S extends Deno.ForeignLibraryInterface> =
  | { symbols: Deno.DynamicLibrary<S>["symbols"]; name: string; close(): void }
  | { refused: "permission" | "missing" | "symbols" };

/**
 * Opens the first of several libraries that is there. One that computes stays open until the process
 * ends, because the memory of a library that is closed is gone.
 *
 * @param names Names that the system's loader looks for, or paths.
 * @param symbols Functions to bind.
 */
export function openLibrary<const S extends Deno.ForeignLibraryInterface>(
  names: readonly string[],
  symbols: S,
): Opened<S> {
  if (!opensLibraries()) return { refused: "missing" };
  // Pointers need the whole permission; where a terminal can ask for it, Deno asks.
  if (deno!.permissions.requestSync({ name: "ffi" }).state !== "granted") {
    return { refused: "permission" };
  }
  let refused: "missing" | "symbols" = "missing";
  for (const name of names) {
    try {
      const library = deno!.dlopen(name, symbols);
      return { symbols: library.symbols, name, close: () => library.close() };
    } catch (error) {
      if (/symbol/i.test(String(error))) refused = "symbols";
    }
  }
  return { refused };
}

/**
 * Binds functions of an open library when they are first called: each takes a tenth of a millisecond.
 *
 * @returns The functions. Throws an `Error` if one is missing.
 */
export function lazily<const S extends Deno.ForeignLibraryInterface>(
  names: readonly string[],
  symbols: S,
): () => Deno.DynamicLibrary<S>["symbols"] {
  let bound: Deno.DynamicLibrary<S>["symbols"] | undefined;
  return () => {
    if (bound) return bound;
    const opened = openLibrary(names, symbols);
    if ("refused" in opened) throw new Error(`Cannot compute: ${names} lacks a function.`);
    return (bound = opened.symbols);
  };
}

/** Whether this runtime can open libraries. */
export function opensLibraries(): boolean {
  return typeof deno?.dlopen === "function";
}

/** The operating system and the processor, as Deno names them. */
export function platform(): { os: string; arch: string } {
  return deno?.build ?? { os: "", arch: "" };
}

/** Bytes outside the engine's own heap, at an address that stays the same while they are held. */
export function allocate(bytes: number): { bytes: ArrayBuffer; address: bigint } {
  const buffer = new ArrayBuffer(bytes);
  return { bytes: buffer, address: addressOf(new Uint8Array(buffer)) };
}

/** The address of the first byte. */
export function addressOf(view: Uint8Array): bigint {
  return deno!.UnsafePointer.value(deno!.UnsafePointer.of(view as Uint8Array<ArrayBuffer>));
}

/** The address of a pointer that a library returned. */
export function addressAt(pointer: Deno.PointerValue): bigint {
  return deno!.UnsafePointer.value(pointer);
}

/** Bytes at a pointer that a library returned. */
export function bytesAt(pointer: Deno.PointerValue, count: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(deno!.UnsafePointerView.getArrayBuffer(pointer!, count));
}

/** Calls a function at an address with the address of bytes. */
export function callAt(address: bigint, bytes: Uint8Array<ArrayBuffer>): void {
  const { UnsafeFnPointer, UnsafePointer } = deno!;
  const definition = { parameters: ["buffer"], result: "void" } as const;
  new UnsafeFnPointer(UnsafePointer.create(address)!, definition).call(bytes);
}

/** The text at an address, or at a pointer that a library returned, up to a zero. */
export function textAt(place: Deno.PointerValue | bigint): string {
  const pointer = typeof place === "bigint" ? deno!.UnsafePointer.create(place) : place;
  return pointer ? new deno!.UnsafePointerView(pointer).getCString() : "";
}

/** 32-bit integers at a pointer that a library returned. */
export function integersAt(pointer: Deno.PointerValue, count: number): number[] {
  if (!pointer) return [];
  const view = new deno!.UnsafePointerView(pointer);
  return Array.from({ length: count }, (_, i) => view.getInt32(i * 4));
}

/**
 * Opens a library while variables that it reads at that moment are set, unless the user has set them.
 *
 * @returns What `open` returns, and whether the variables were set.
 */
export function withVariables<T>(
  variables: Record<string, string>,
  open: () => T,
): { result: T; set: boolean } {
  const added: string[] = [];
  let set = true;
  try {
    for (const [name, value] of Object.entries(variables)) {
      if (deno!.env.get(name) !== undefined) continue;
      deno!.env.set(name, value);
      added.push(name);
    }
  } catch {
    set = false;
  }
  try {
    return { result: open(), set };
  } finally {
    for (const name of added) deno!.env.delete(name);
  }
}
