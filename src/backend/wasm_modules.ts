/**
 * The two modules that share a heap: that of tfjs's WebAssembly kernels, of which some parts are used
 * and repaired here, and our compiled kernels, in the fastest build that this machine can run.
 *
 * @module
 */
import * as builds from "./kernels.generated.ts";
import type { BackendWasm } from "../deps/tfjs.ts";
import { decodeHex } from "../text/text.ts";

/** The heap of the module and its allocator. */
export interface Emscripten {
  /** The heap as bytes; replaced when the heap grows. */
  HEAPU8: Uint8Array;
  /** Allocates bytes; returns 0 if there is no room. */
  _malloc(bytes: number): number;
  /** Frees what was allocated. */
  _free(address: number): void;
  /** The exports of the module. */
  asm: { memory: WebAssembly.Memory };
  /** The module itself, where this is a view of it that a recording watches. */
  original?: Emscripten;
}

/** The emscripten module of a backend. */
export function emscriptenOf(backend: BackendWasm): Emscripten {
  return backend.wasm as unknown as Emscripten;
}

/** Names of the internals that our kernels rely on and that this backend lacks. */
export function missingInternals(backend: BackendWasm): string[] {
  const module: Partial<Emscripten> = backend.wasm ? emscriptenOf(backend) : {};
  const needed: Record<string, boolean> = {
    "wasm.asm.memory": module.asm?.memory instanceof WebAssembly.Memory,
    "wasm.HEAPU8": module.HEAPU8 instanceof Uint8Array,
    dataIdMap: typeof backend.dataIdMap?.get === "function",
  };
  for (const name of ["_malloc", "_free"] as const) {
    needed[`wasm.${name}`] = typeof module[name] === "function";
  }
  for (const name of ["makeOutput", "incRef", "refCount", "typedArrayFromHeap"] as const) {
    needed[name] = typeof backend[name] === "function";
  }
  return Object.keys(needed).filter((name) => !needed[name]);
}

const FIXED = new WeakSet<BackendWasm>();

/** The largest allocation that WebAssembly can address, in bytes. */
const MOST_BYTES = 2 ** 32 - 65536;

/**
 * Makes a backend throw a `RangeError` where it would continue with wrong memory, and read complex
 * numbers.
 */
export function fixBackend(backend: BackendWasm): void {
  if (FIXED.has(backend)) return;
  FIXED.add(backend);
  checkAllocations(emscriptenOf(backend));
  readComplexNumbers(backend);
}

/**
 * When no memory is left, tfjs's allocator returns 0 (or, for 4 GiB and more, too small a block), and
 * kernels write there.
 */
function checkAllocations(module: Emscripten): void {
  // Emscripten replaces the function by itself at its first call, and would replace ours.
  module._free(module._malloc(16));
  const { _malloc } = module;
  module._malloc = function malloc(bytes) {
    const address = bytes <= MOST_BYTES ? _malloc(bytes) >>> 0 : 0;
    if (address === 0 && bytes > 0) {
      throw new RangeError(
        `Cannot allocate ${bytes} bytes as WebAssembly must hold all tensors in 4 GiB: ` +
          `its heap has ${module.HEAPU8.length} bytes. Dispose tensors, or train with smaller batches`,
      );
    }
    return address;
  };
}

/** tfjs stores them as pairs of floats, but does not read them. */
function readComplexNumbers(backend: BackendWasm): void {
  const { readSync } = backend;
  backend.readSync = function (dataId, start, end) {
    const { dtype, shape, memoryOffset } = this.dataIdMap.get(dataId);
    if (dtype !== "complex64") return readSync.call(this, dataId, start, end);
    const { HEAPU8 } = emscriptenOf(this);
    const size = shape.reduce((size: number, n: number) => size * n, 2);
    return new Float32Array(HEAPU8.slice(memoryOffset, memoryOffset + size * 4).buffer);
  };
}

/** The functions of the compiled module; addresses and flags are numbers. */
export type Kernels = Record<string, (...args: number[]) => number>;

/** Names of the builds, the fastest first. */
type Build = "relaxed" | "simd";

/** The compiled kernels. */
export interface KernelModules {
  /** All kernels. */
  kernels: WebAssembly.Module;
  /** The tiles in machine code, where they compute. */
  tiles?: MachineTiles;
}

/** Tiles in machine code, which native/machine_tiles.ts loads. */
export interface MachineTiles {
  /** Address of the code, a function `(list, base)`. */
  code: bigint;
  /** Width of its vectors in bits. */
  bits: 256 | 512;
}

/** Our kernels on the heap of a backend. */
export interface LoadedKernels {
  /** The functions of the instance. */
  kernels: Kernels;
  /** The places of the addresses among each kernel's arguments. */
  addresses: Readonly<Record<string, readonly number[]>>;
  /** The compiled modules. */
  modules: KernelModules;
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
 * @param tiles Tiles in machine code that compute products; they have the bits of the relaxed build.
 * @returns The kernels, or `undefined` where there is no SIMD.
 */
export function loadKernels(
  backend: BackendWasm,
  relaxed = true,
  tiles?: MachineTiles,
): LoadedKernels | undefined {
  const names: Build[] = relaxed ? ["relaxed", "simd"] : ["simd"];
  const { memory } = emscriptenOf(backend).asm;
  for (const build of names) {
    const plain = bytesOf(build);
    const bytes = isShared(memory) ? shareMemory(plain) : plain;
    if (!WebAssembly.validate(bytes)) continue;
    const ofBuild = build === "relaxed" ? tiles : undefined;
    const modules = { kernels: new WebAssembly.Module(bytes), tiles: ofBuild };
    const kernels = instantiateKernels(modules, memory);
    return { kernels, addresses: builds.addresses, modules, memory, build };
  }
}

/**
 * Instantiates the kernels on a heap. The source of this function is sent to threads as well, so it
 * uses nothing from outside.
 */
export function instantiateKernels(
  { kernels, tiles }: KernelModules,
  memory: WebAssembly.Memory,
): Kernels {
  // Without tiles, the function is imported, but never called.
  let computeTiles: (list: number, pages: number) => void = () => {};
  if (tiles) {
    const { UnsafeFnPointer, UnsafePointer } = globalThis.Deno;
    const compute = new UnsafeFnPointer(UnsafePointer.create(tiles.code)!, {
      parameters: ["usize", "usize"],
      result: "void",
    });
    let base = 0n, size = 0;
    computeTiles = (list, pages) => {
      if (pages !== size) {
        const heap = new Uint8Array(memory.buffer as ArrayBuffer);
        base = UnsafePointer.value(UnsafePointer.of(heap));
        size = pages;
      }
      compute.call(base + BigInt(list >>> 0), base);
    };
  }
  const { exports } = new WebAssembly.Instance(kernels, {
    env: { memory, log: Math.log, computeTiles },
  });
  const functions = Object.entries(exports).filter(([, value]) => typeof value === "function");
  const all = Object.fromEntries(functions) as Kernels;
  if (tiles) all.useMachineTiles(tiles.bits);
  return all;
}

/** The module of a build: the file holds one, and what the other has of its own. */
function bytesOf(build: Build): Uint8Array<ArrayBuffer> {
  const relaxed = decodeHex(builds.relaxed);
  return build === "relaxed" ? relaxed : decodeDifference(relaxed, decodeHex(builds.simd));
}

/** Reads a number in bytes of 7 bits, the lowest first, and moves the place behind it. */
function readNumber(bytes: Uint8Array, place: { at: number }): number {
  let value = 0, scale = 1;
  for (; place.at < bytes.length; scale *= 128) {
    const byte = bytes[place.at++];
    value += (byte & 127) * scale;
    if (byte < 128) return value;
  }
  throw tooShort(bytes);
}

function tooShort(bytes: Uint8Array): RangeError {
  return new RangeError(
    `Cannot read WebAssembly as its bytes must be complete: they end after ${bytes.length}`,
  );
}

/**
 * Decodes bytes from what they have in common with others, as scripts/build_kernels.ts encodes it.
 *
 * @throws {RangeError} If bytes are missing.
 */
export function decodeDifference(
  source: Uint8Array,
  difference: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const place = { at: 0 };
  const read = () => readNumber(difference, place);
  const copy = (bytes: Uint8Array, begin: number, end: number) => {
    if (begin < 0 || end > bytes.length) throw tooShort(bytes);
    parts.push(bytes.subarray(begin, end));
    return end;
  };
  for (let end = 0; place.at < difference.length;) {
    const added = read();
    place.at = copy(difference, place.at, place.at + added);
    if (place.at === difference.length) break;
    const length = read(), distance = read();
    const from = distance % 2 ? end - (distance + 1) / 2 : end + distance / 2;
    end = copy(source, from, from + length);
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
 * @throws {RangeError} If bytes are missing.
 */
export function shareMemory(module: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(module);
  // Behind the magic number and the version.
  const place = { at: 8 };
  const read = () => readNumber(bytes, place);
  const share = (): Uint8Array<ArrayBuffer> => {
    if (!(bytes[place.at] & HAS_MAXIMUM)) {
      throw new TypeError("Cannot share a memory as it must have a maximum size: it has none");
    }
    bytes[place.at] |= SHARED;
    return bytes;
  };
  while (place.at < bytes.length) {
    const section = read(), size = read(), end = place.at + size;
    const count = section === IMPORTS || section === MEMORIES ? read() : 0;
    if (section === MEMORIES && count > 0) return share();
    for (let i = 0; section === IMPORTS && i < count; i++) {
      for (const _ of ["module", "name"]) {
        const length = read();
        place.at += length;
      }
      const kind = bytes[place.at++];
      if (kind === MEMORY) return share();
      // A function is a type; a global is a type and a flag; a table has limits.
      if (kind === 0) read();
      else if (kind === 3) place.at += 2;
      else {
        place.at++;
        if (bytes[place.at++] & HAS_MAXIMUM) read();
        read();
      }
    }
    place.at = end;
  }
  throw new TypeError("Cannot share the memory of a module as it must have one: it has none");
}
