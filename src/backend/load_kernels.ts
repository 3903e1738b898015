/**
 * Our compiled kernels, in the fastest build that this machine can run.
 *
 * @module
 */
import * as builds from "./kernels.generated.ts";
import type { BackendWasm } from "../deps/tfjs_wasm.ts";
import { decodeBase64 } from "../text/encodings.ts";
import { emscriptenOf } from "./emscripten.ts";

/** The functions of the compiled module; addresses and flags are numbers. */
export type Kernels = Record<string, (...args: number[]) => number>;

/** Names of the builds, the fastest first. */
type Build = "relaxed" | "simd";

/** Our kernels on the heap of a backend. */
interface LoadedKernels {
  /** The functions of the instance. */
  kernels: Kernels;
  /** The places of the addresses among each kernel's arguments. */
  addresses: Readonly<Record<string, readonly number[]>>;
  /** The compiled module. */
  module: WebAssembly.Module;
  /** The heap. */
  memory: WebAssembly.Memory;
  /** The build that was chosen. */
  build: Build;
}

/**
 * Instantiates the kernels on the heap of a backend.
 *
 * @param backend The owner of the heap.
 * @param relaxed Whether multiply-adds may be fused, which is faster and more precise, but does not
 *   give the same bits on every machine.
 * @returns The kernels, or `undefined` where there is no SIMD.
 */
export function loadKernels(backend: BackendWasm, relaxed = true): LoadedKernels | undefined {
  const names: Build[] = relaxed ? ["relaxed", "simd"] : ["simd"];
  const { memory } = emscriptenOf(backend).asm;
  for (const build of names) {
    const plain = bytesOf(build);
    const bytes = isShared(memory) ? shareMemory(plain) : plain;
    if (!WebAssembly.validate(bytes)) continue;
    const module = new WebAssembly.Module(bytes);
    const { exports } = new WebAssembly.Instance(module, { env: { memory, log: Math.log } });
    const functions = Object.entries(exports).filter(([, value]) => typeof value === "function");
    const kernels = Object.fromEntries(functions) as Kernels;
    return { kernels, addresses: builds.addresses, module, memory, build };
  }
}

/** The module of a build: the file holds one, and what the other has of its own. */
function bytesOf(build: Build): Uint8Array<ArrayBuffer> {
  const relaxed = decodeBase64(builds.relaxed);
  return build === "relaxed" ? relaxed : decodeDifference(relaxed, decodeBase64(builds.simd));
}

/** Decodes bytes from what they have in common with others, as scripts/build_kernels.ts encodes it. */
export function decodeDifference(
  source: Uint8Array,
  difference: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  let at = 0, end = 0;
  const read = (): number => {
    let value = 0, shift = 0;
    for (;;) {
      const byte = difference[at++];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
      shift += 7;
    }
  };
  while (at < difference.length) {
    const added = read();
    parts.push(difference.subarray(at, at += added));
    if (at === difference.length) break;
    const length = read(), distance = read();
    const from = distance % 2 ? end - (distance + 1) / 2 : end + distance / 2;
    parts.push(source.subarray(from, end = from + length));
  }
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let size = 0;
  for (const part of parts) {
    bytes.set(part, size);
    size += part.length;
  }
  return bytes;
}

/** Whether several threads can use this heap. */
export function isShared({ buffer }: WebAssembly.Memory): boolean {
  return typeof SharedArrayBuffer === "function" && buffer instanceof SharedArrayBuffer;
}

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
