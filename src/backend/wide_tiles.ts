/**
 * The inner loop of products in vectors of 256 bits, twice as wide as those of WebAssembly.
 *
 * V8 joins operations on neighbouring vectors into operations of 256 bits, if its flag
 * `--experimental-wasm-revectorize` asks for it, and if no check of bounds stands between two
 * accesses. Deno checks every access, except at constant addresses. So these functions, written for
 * V8, have no loops: up to 64 steps of a tile, one after the other, read columns of B at constant
 * addresses in a memory of their own. V8 would fold a small constant into the instruction and then not
 * see the neighbours: the constants lie above 2 GiB, of which only the pages in use take memory.
 *
 * assembly/wide.ts calls them. Each result is the same chain of multiply-adds as in
 * assembly/panel.ts, so that all bits agree.
 *
 * @module
 */
import type { BackendWasm } from "../deps/tfjs.ts";
import {
  type Emscripten,
  emscriptenOf,
  isShared,
  type Kernels,
  type LoadedKernels,
  loadKernels,
  type WideModule,
} from "./wasm_modules.ts";

/** Size of the memory, in pages of 64 KiB: 2 GiB, and a page for columns of B and a tile. */
const PAGES = 2 ** 15 + 1;
/** Numbers of steps that a function computes. */
const STEPS = [64, 16];
/** Bytes of a step of a panel, of all steps, and of a vector. */
const STEP = 32, PANEL = STEPS[0] * STEP, VECTOR = 16;
/** Rows of a tile, and vectors of a row. */
const ROWS = 6, VECTORS = 4;
/** Places of two tiles after the panels of B: results, and the sums with which the next call begins. */
const SUMS = 2 * PANEL, NEXT_SUMS = SUMS + ROWS * VECTORS * VECTOR;

/** Whole numbers as WebAssembly writes them, in groups of seven bits. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [value % 128 + 128, ...unsigned(Math.floor(value / 128))];
}

/** The constant address, 2 ** 31 as a signed integer, on the stack: panels of B, 8 columns each, and two tiles. */
const AT_CONSTANT = [0x41, 0x80, 0x80, 0x80, 0x80, 0x78];
const get = (local: number): number[] => [0x20, ...unsigned(local)];
const set = (local: number): number[] => [0x21, ...unsigned(local)];
/** The memories: V8 keeps the address of the first in a register, which joined accesses need. */
const OWN = 0, HEAP = 1;
/** The end of an access, which need not be aligned: the memory, if it is not the first. */
const IN_OWN = [0], IN_HEAP = [64, HEAP];
/** Accesses to the own memory and to the heap, at an offset from the address on the stack. */
const load = (offset: number): number[] => [0xfd, 0, ...IN_OWN, ...unsigned(offset)];
const loadFromHeap = (offset: number): number[] => [0xfd, 0, ...IN_HEAP, ...unsigned(offset)];
const storeInHeap = (offset: number): number[] => [0xfd, 11, ...IN_HEAP, ...unsigned(offset)];
const store = (offset: number): number[] => [0xfd, 11, ...IN_OWN, ...unsigned(offset)];
/** Four copies of a lane of the variable `local`. */
const splat = (local: number, lane: number): number[] => [
  ...[...get(local), ...get(local), 0xfd, 13],
  ...Array.from({ length: VECTOR }, (_, i) => lane * 4 + i % 4),
];
/** As in the other kernels of the relaxed build. */
const MULTIPLY_ADD = [0xfd, 0x85, 2];
const LOOP = [0x03, 0x40], BRANCH_IF = [0x0d, 0], END = 0x0b;
/** Adds the integer on the stack to a variable, and leaves the sum on the stack. */
const addTo = (local: number): number[] => [...get(local), 0x6a, 0x22, ...unsigned(local)];
const DROP = 0x1a;

const list = (items: number[][]): number[] => [...unsigned(items.length), ...items.flat()];
const sized = (bytes: number[]): number[] => [...unsigned(bytes.length), ...bytes];
const text = (value: string): number[] => sized([...new TextEncoder().encode(value)]);
const section = (id: number, items: number[][]): number[] => [id, ...sized(list(items))];

/** For each vector of a tile: its place, and that in its row, whose address is in a variable. */
function eachOfRows(
  [first, stride, row]: number[],
  make: (place: number, inRow: number) => number[],
): number[] {
  const vectors = Array.from({ length: ROWS * VECTORS }, (_, i) => [
    ...i > 0 && i % VECTORS === 0 ? [...get(stride), ...addTo(row), DROP] : [],
    ...make(i * VECTOR, i % VECTORS * VECTOR),
  ]);
  return [...get(first), ...set(row), ...vectors.flat()];
}

/** Copies rows of sums, whose address and distance are in variables, to the tile of next sums. */
function copySums(rows: number[]): number[] {
  return eachOfRows(rows, (place, inRow) => [
    ...[...AT_CONSTANT, ...get(rows[2]), ...loadFromHeap(inRow)],
    ...store(NEXT_SUMS + place),
  ]);
}

/** `(sums, stride)`: copies the sums of the first tile. */
function prepare(): number[] {
  return sized([...list([[1, 0x7f]]), ...copySums([0, 1, 2]), END]);
}

/**
 * `(a, c, stride, next, nextStride)`: a panel of 6 rows of A, `[steps][6]`, times the columns of B, is
 * added to the sums in the tile of next sums: rows of 16 results, `stride` bytes apart in the heap. Then
 * the sums of the next call are copied to that tile; those of a product's first steps are zeros.
 *
 * Sums move by way of tiles at constant addresses, as accesses at others are not joined. A tile is
 * read long after it was written: a read of 256 bits waits until two writes of 128 are done.
 */
function multiply(steps: number): number[] {
  const [a, c, stride, next, nextStride, row] = [0, 1, 2, 3, 4, 5];
  const count = ROWS * VECTORS, sum = row + 1, column = sum + count;
  const element = column + VECTORS, four = element + 1;
  const each = (make: (i: number, place: number) => number[]) =>
    Array.from({ length: count }, (_, i) => make(i, i * VECTOR)).flat();
  const code = [
    ...each((i, place) => [...AT_CONSTANT, ...load(NEXT_SUMS + place), ...set(sum + i)]),
    ...copySums([next, nextStride, row]),
  ];
  for (let step = 0; step < steps; step++) {
    for (let j = 0; j < VECTORS; j++) {
      const from = (j >> 1) * PANEL + step * STEP + (j & 1) * VECTOR;
      code.push(...AT_CONSTANT, ...load(from), ...set(column + j));
    }
    for (let i = 0; i < ROWS; i++) {
      const place = step * ROWS + i;
      // A check of bounds for four elements; V8 reads each at its own address, for eight lanes.
      if (place % 4 === 0) code.push(...get(a), ...load(place * 4), ...set(four));
      code.push(...splat(four, place % 4), ...set(element));
      for (let j = 0; j < VECTORS; j++) {
        const to = sum + i * VECTORS + j;
        code.push(...get(element), ...get(column + j), ...get(to), ...MULTIPLY_ADD, ...set(to));
      }
    }
  }
  code.push(
    ...each((i, place) => [...AT_CONSTANT, ...get(sum + i), ...store(SUMS + place)]),
    ...eachOfRows([c, stride, row], (place, inRow) => [
      ...[...get(row), ...AT_CONSTANT, ...load(SUMS + place), ...storeInHeap(inRow)],
    ]),
  );
  const locals = list([[1, 0x7f], [...unsigned(count + VECTORS + 2), 0x7b]]);
  return sized([...locals, ...code, END]);
}

/** `(from, stride, panel, steps)`: copies steps of two panels of B, `stride` bytes apart, `panel` between. */
function copySteps(): number[] {
  const [from, stride, panel, steps, to] = [0, 1, 2, 3, 4];
  const copy = (j: number) => [
    ...get(to),
    ...get(from),
    ...j < 2 ? [] : [...get(panel), 0x6a],
    ...loadFromHeap((j & 1) * VECTOR),
    ...store((j >> 1) * PANEL + (j & 1) * VECTOR),
  ];
  const code = [
    ...[...AT_CONSTANT, ...set(to), ...LOOP],
    ...[0, 1, 2, 3].flatMap(copy),
    ...[...get(stride), ...addTo(from), DROP],
    ...[0x41, STEP, ...addTo(to), DROP],
    ...[0x41, 0x7f, ...addTo(steps), ...BRANCH_IF, END],
  ];
  return sized([...list([[1, 0x7f]]), ...code, END]);
}

/** `(to, from, bytes)`: copies from the heap. */
function copyIn(): number[] {
  return sized([0, ...get(0), ...get(1), ...get(2), 0xfc, 10, OWN, HEAP, END]);
}

/**
 * Compiles the module.
 *
 * @param isShared Whether the heap is shared between threads.
 */
export function wideModule(isShared: boolean): WideModule {
  return { tiles: new WebAssembly.Module(write(isShared)), pages: PAGES };
}

/** Writes the module. */
function write(isShared: boolean): Uint8Array<ArrayBuffer> {
  /** The number of parameters and the body of each function. */
  const functions: Record<string, [number, number[]]> = {
    copyIn: [3, copyIn()],
    copySteps: [4, copySteps()],
    prepare: [2, prepare()],
  };
  for (const steps of STEPS) functions[`multiply${steps}`] = [5, multiply(steps)];
  const names = Object.keys(functions), all = Object.values(functions);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, all.map(([count]) => [0x60, ...list(Array(count).fill([0x7f])), 0])),
    ...section(2, [
      [...text("env"), ...text("own"), 2, 1, ...unsigned(PAGES), ...unsigned(PAGES)],
      [...text("env"), ...text("memory"), 2, isShared ? 3 : 1, 1, ...unsigned(65536)],
    ]),
    ...section(3, all.map((_, i) => [i])),
    ...section(7, names.map((name, i) => [...text(name), 0, i])),
    ...section(10, all.map(([, body]) => body)),
  ]);
}

/** Why the tiles do not compute. */
const FLAG = "vectors of 128 bits, as V8 needs --experimental-wasm-revectorize for 256";

/**
 * Loads kernels with these tiles, if they are faster.
 *
 * @returns The kernels with them, if they are faster, and the reason.
 */
export function loadWide(
  backend: BackendWasm,
  { build, memory }: LoadedKernels,
): { loaded?: LoadedKernels; reason: string } {
  if (build !== "relaxed") return { reason: "vectors of 128 bits, as those of 256 are relaxed" };
  try {
    const loaded = loadKernels(backend, true, wideModule(isShared(memory)))!;
    const isFaster = areTilesFaster(loaded.kernels, emscriptenOf(backend));
    return isFaster ? { loaded, reason: "vectors of 256 bits" } : { reason: FLAG };
  } catch (error) {
    return { reason: `vectors of 128 bits, as others do not start: ${error}` };
  }
}

/** Longest time to look whether the tiles are faster, in ms: V8 compiles them meanwhile. */
const LONGEST = 400;
/** Time after which the other kernels are compiled, in ms. */
const WARM = 40;
/** Part of the time of the other kernels that the tiles take at most, if V8 joins vectors. */
const FASTER = 0.85;

/** Whether kernels are faster with these tiles, by a product of 60 x 64 and 64 x 64 elements. */
function areTilesFaster(kernels: Kernels, { _malloc, _free }: Emscripten): boolean {
  const a = 0, b = 60 * 64 * 4, c = b + 64 * 64 * 4, scratch = c + b;
  const at = _malloc(scratch + kernels.scratchBytes());
  const time = (isWide: number) => {
    kernels.useWideTiles(isWide);
    const start = performance.now();
    for (let i = 0; i < 20; i++) {
      kernels.gemm(
        ...[at + a, at + b, at + c, 60, 64, 64, 0, 60, 0, 64, 0, 0, 64, 64, 0, 0, at + scratch],
      );
    }
    return performance.now() - start;
  };
  try {
    let [narrow, wide] = [Infinity, Infinity];
    for (let start = performance.now(), passed = 0; passed < LONGEST;) {
      narrow = Math.min(narrow, time(0));
      wide = Math.min(wide, time(1));
      passed = performance.now() - start;
      if (passed > WARM && wide < narrow * FASTER) return true;
    }
    return false;
  } finally {
    _free(at);
  }
}
