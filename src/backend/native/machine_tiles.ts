/**
 * Tiles of products in machine code of x86-64 processors, whose vectors have 256 or 512 bits: two or
 * four times as many as those of WebAssembly.
 *
 * assembly/machine.ts lists the tiles of a product on the heap of WebAssembly; one call computes them
 * all. Each result is the same chain of multiply-adds as in assembly/panel.ts, so that all bits agree.
 *
 * @module
 */
import { isGranted } from "../../host/host_process.ts";
import type { Emscripten, Kernels, MachineTiles } from "../wasm_modules.ts";
import { addressAt, bytesAt, callAt, openLibrary } from "./foreign.ts";
import { MachineCode, type Memory, REGISTERS } from "./machine_code.ts";

/** A set of tiles, for a kind of processors. */
export interface TileShape {
  /** Width of a vector in bits. */
  bits: 256 | 512;
  /** Most vectors in a row of a tile. */
  vectors: number;
  /** The numbers of rows of tiles, the most first. */
  rows: readonly number[];
}

/** The tiles for AVX-512: of 32 vectors, 24 hold sums. */
export const TILES_512: TileShape = { bits: 512, vectors: 2, rows: [12, 8, 4, 3, 2, 1] };
/** The tiles for AVX2: of 16 vectors, 12 hold sums. */
export const TILES_256: TileShape = { bits: 256, vectors: 3, rows: [4, 3, 2, 1] };

/**
 * Offsets of the fields that describe a tile, in bytes: as in assembly/machine.ts. Addresses are those
 * on the heap, strides are numbers of 64 bits.
 *
 * ```text
 * TILE      number of the tile's code
 * EXTRA     bits: what is done beside the product
 * A         the first row; ROW to the next one, FOUR to the fourth next, NEXT to the next step
 * B         the first step of 8 columns; PANELS to the other 8 columns, DOWN to the next step
 * PACKED    columns that were packed, or where they are packed
 * C         the first row of results; STRIDE to the next one
 * BIAS      the bias of the columns
 * MASK      bits of columns for 512 bits, or address of the mask of the last vector for 256
 * SIX       address of a 6
 * ```
 */
const TILE = 0, EXTRA = 4, A = 8, DEPTH = 12, ROW = 16, FOUR = 24, NEXT = 32, DOWN = 40;
const B = 48, PACKED = 52, PANELS = 56, C = 68, STRIDE = 72, BIAS = 80, MASK = 84, SIX = 88;
/** Sizes of a description and of what is before the first one. */
const DESCRIPTION = 96, HEADER = 8;

/** Bits of {@linkcode EXTRA}: RELU and RELU6 as in assembly/vector.ts; the last columns are few. */
const RELU = 3, RELU6 = 2, ACCUMULATE = 4, ADD_BIAS = 8, MASKED = 16;

const { rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15 } = REGISTERS;

/** The description, and the base of the heap. */
const HERE = rdi, BASE = rsi;
/** Addresses of every fourth row of A, and the distances of one row and of three. */
const FOURS = [r8, r9, r10], ROW_STEP = r11, THREE = r12;
const COUNT = r13, PACK = r14, FROM = r15;
/** Distances of the other columns of B. */
const OTHERS = [rax, rcx, rdx];

const at = (offset: number): Memory => ({ base: HERE, offset });

/**
 * Writes the code of all tiles. It is a function `(list, base)` in the manner of System V: `list` is the
 * address of a list, whose first 4 bytes are its size, and `base` that of the heap.
 */
export function writeTiles({ bits, vectors, rows }: TileShape): Uint8Array<ArrayBuffer> {
  const code = new MachineCode(), end = rbp, tile = rbx, table = rax;
  const kept = [rbx, rbp, r12, r13, r14, r15];
  for (const register of kept) code.push(register);
  code.load32(end, at(0));
  code.add64(end, HERE);
  code.addNumber(HERE, HEADER);
  const next = code.length;
  code.load32(tile, at(TILE));
  const place = code.addressOfTable(table);
  code.callOfTable(table, tile);
  code.addNumber(HERE, DESCRIPTION);
  code.compare(HERE, end);
  code.jumpIfNotZero(next);
  for (const register of kept.toReversed()) code.pop(register);
  code.zeroUpperLanes();
  code.return();
  const tiles = rows.flatMap((rows) =>
    Array.from({ length: vectors }, (_, i) => i + 1).flatMap((vectors) =>
      [false, true].map((packs) => ({ rows, vectors, packs }))
    )
  );
  code.writeTable(place, tiles.map((tile) => () => writeTile(code, bits, tile)));
  return Uint8Array.from(code.bytes);
}

/**
 * Writes the code of a tile.
 *
 * @param packs Whether columns of B are read where they are, and packed; else they were.
 */
function writeTile(
  code: MachineCode,
  bits: 256 | 512,
  { rows, vectors, packs }: { rows: number; vectors: number; packs: boolean },
): void {
  const bytes = bits / 8, eights = bits / 256;
  // Sums in the last vectors; then columns of B in the first.
  const sum = (row: number, vector: number) => (bits === 512 ? 8 : 4) + row * vectors + vector;
  const element = 3;
  const quads = FOURS.slice(0, Math.ceil(rows / 4));
  code.load32(COUNT, at(DEPTH));
  code.load64(ROW_STEP, at(ROW));
  code.address(THREE, { base: ROW_STEP, index: ROW_STEP, scale: 2 });
  for (const [i, quad] of quads.entries()) {
    if (i === 0) {
      code.load32(quad, at(A));
      code.add64(quad, BASE);
    } else {
      code.address(quad, { base: quads[i - 1] });
      code.add64(quad, at(FOUR));
    }
  }
  code.load32(PACK, at(PACKED));
  code.add64(PACK, BASE);
  if (packs) {
    code.load32(FROM, at(B));
    code.add64(FROM, BASE);
    for (let i = 1; i < vectors * eights; i++) code.load32(OTHERS[i - 1], at(PANELS + 4 * (i - 1)));
  }
  const all = Array.from(
    { length: rows },
    (_, row) =>
      Array.from({ length: vectors }, (_, vector) => ({ row, vector, sum: sum(row, vector) })),
  ).flat();
  for (const { sum } of all) code.vector("vpxord", bits, sum, sum, sum);
  const start = code.length;
  for (let i = 0; i < vectors; i++) {
    const packed = { base: PACK, offset: i * bytes };
    if (!packs) {
      code.vector("vmovupsLoad", bits, i, 0, packed);
      continue;
    }
    const from = (column: number): Memory => ({
      base: FROM,
      ...column > 0 && { index: OTHERS[column - 1] },
    });
    code.vector("vmovupsLoad", 256, i, 0, from(i * eights));
    if (bits === 512) {
      code.vector("vinsertf64x4", bits, i, i, from(i * 2 + 1));
      code.write(1);
    }
    code.vector("vmovupsStore", bits, i, 0, packed);
  }
  for (let row = 0; row < rows; row++) {
    const base = quads[row >> 2];
    const place: Memory[] = [
      { base },
      { base, index: ROW_STEP },
      { base, index: ROW_STEP, scale: 2 },
      { base, index: THREE },
    ];
    code.vector("vbroadcastss", bits, element, 0, place[row & 3]);
    for (let i = 0; i < vectors; i++) code.vector("vfmadd231ps", bits, sum(row, i), element, i);
  }
  for (const quad of quads) code.add64(quad, at(NEXT));
  if (packs) code.add64(FROM, at(DOWN));
  code.address(PACK, { base: PACK, offset: vectors * bytes });
  code.addNumber(COUNT, -1);
  code.jumpIfNotZero(start);
  finish(code, bits, vectors, all);
}

interface Sum {
  row: number;
  vector: number;
  sum: number;
}

/** Writes what is done to a tile beside the product, and its results. */
function finish(code: MachineCode, bits: 256 | 512, vectors: number, all: Sum[]): void {
  const bytes = bits / 8, [to, stride, mask] = [rax, rcx, rdx];
  const [temporary, lanes, zero, six] = [0, 1, 2, 3];
  const last = vectors - 1;
  if (bits === 512) {
    code.load32(mask, at(MASK));
    code.setMask(1, mask);
    code.shiftRight(mask, 16);
    code.setMask(2, mask);
  } else {
    code.load32(mask, at(MASK));
    code.add64(mask, BASE);
    code.vector("vmovupsLoad", bits, lanes, 0, { base: mask });
  }
  code.load64(stride, at(STRIDE));
  const eachRow = (write: (sum: Sum, place: Memory) => void) => {
    code.load32(to, at(C));
    code.add64(to, BASE);
    for (const item of all) {
      if (item.vector === 0 && item.row > 0) code.add64(to, stride);
      write(item, { base: to, offset: item.vector * bytes });
    }
  };
  code.ifSet(at(EXTRA), ACCUMULATE, () =>
    eachRow(({ vector, sum }, place) => {
      if (bits === 512) code.vector("vaddps", bits, sum, sum, place, vector + 1);
      else if (vector < last) code.vector("vaddps", bits, sum, sum, place);
      else {
        code.vector("vmaskmovpsLoad", bits, temporary, lanes, place);
        code.vector("vaddps", bits, sum, sum, temporary);
      }
    }));
  code.ifSet(at(EXTRA), ADD_BIAS, () => {
    code.load32(mask, at(BIAS));
    code.add64(mask, BASE);
    for (const { vector, sum } of all) {
      code.vector("vaddps", bits, sum, sum, { base: mask, offset: vector * bytes });
    }
  });
  // In this order of operands NaN stays NaN.
  code.ifSet(at(EXTRA), RELU, () => {
    code.vector("vpxord", bits, zero, zero, zero);
    for (const { sum } of all) code.vector("vmaxps", bits, sum, zero, sum);
  });
  code.ifSet(at(EXTRA), RELU6, () => {
    code.load32(mask, at(SIX));
    code.add64(mask, BASE);
    code.vector("vbroadcastss", bits, six, 0, { base: mask });
    for (const { sum } of all) code.vector("vminps", bits, sum, six, sum);
  });
  const store = ({ vector, sum }: Sum, place: Memory, masked: boolean) => {
    if (bits === 512) code.vector("vmovupsStore", bits, sum, 0, place, vector + 1);
    else if (masked && vector === last) code.vector("vmaskmovpsStore", bits, sum, lanes, place);
    else code.vector("vmovupsStore", bits, sum, 0, place);
  };
  if (bits === 256) {
    code.ifSet(at(EXTRA), MASKED, () => {
      eachRow((sum, place) => store(sum, place, true));
      code.return();
    });
  }
  eachRow((sum, place) => store(sum, place, false));
  code.return();
}

/** Functions of the C library that bring code into memory. */
const LIBRARY = "libc.so.6";
const FUNCTIONS = {
  mmap: { parameters: ["usize", "usize", "i32", "i32", "i32", "usize"], result: "pointer" },
  mprotect: { parameters: ["pointer", "usize", "i32"], result: "i32" },
} as const;
/** `PROT_READ | PROT_WRITE`, `PROT_READ | PROT_EXEC`, and `MAP_PRIVATE | MAP_ANONYMOUS`. */
const WRITABLE = 3, EXECUTABLE = 5, PRIVATE = 0x22;

/**
 * A function `(to)` that stores what a processor and its system can do: ecx of leaf 1 of `cpuid`, ebx of
 * leaf 7, and the registers that the system keeps (`xgetbv`).
 */
// deno-fmt-ignore
const DETECT = [
  0x53, 0xb8, 1, 0, 0, 0, 0x31, 0xc9, 0x0f, 0xa2, 0x89, 0x0f, // push rbx; cpuid 1; mov [rdi], ecx
  0x31, 0xc0, 0x0f, 0xba, 0xe1, 27, 0x73, 5, // xor eax, eax; bt ecx, 27 (OSXSAVE); jnc behind
  0x31, 0xc9, 0x0f, 0x01, 0xd0, // xor ecx, ecx; xgetbv
  0x89, 0x47, 8, 0xb8, 7, 0, 0, 0, 0x31, 0xc9, 0x0f, 0xa2, // mov [rdi + 8], eax; cpuid 7
  0x89, 0x5f, 4, 0x5b, 0xc3, // mov [rdi + 4], ebx; pop rbx; ret
];
/** Bits: FMA and AVX; AVX2; AVX-512; the registers of 256 and of 512 bits. */
const FMA_AVX = 1 << 12 | 1 << 28, AVX2 = 1 << 5, AVX512 = 1 << 16, KEPT_256 = 6, KEPT_512 = 0xe6;

/** The widest tiles of the processor; `undefined`: it has too narrow vectors. */
function widestTiles([basic, extended, kept]: Uint32Array): TileShape | undefined {
  const has = (found: number, bits: number) => (found & bits) === bits;
  if (!has(basic, FMA_AVX) || !has(extended, AVX2) || !has(kept, KEPT_256)) return undefined;
  return has(extended, AVX512) && has(kept, KEPT_512) ? TILES_512 : TILES_256;
}

/** Tiles in machine code, where there are some, and what is to be said about them. */
export interface MachineChoice {
  tiles?: MachineTiles;
  reason?: string;
}

/** The tiles, or why they are missing: they stay in memory until the process ends. */
let loaded: MachineChoice | undefined;

/**
 * Brings the tiles into memory, those of the widest vectors of the processor, on Linux and x86-64 where
 * the program may call machine code without being asked.
 */
export function loadMachineTiles(): MachineChoice {
  if (!isGranted({ name: "ffi" })) return without("that needs --allow-ffi");
  return loaded ??= load();
}

function without(why: string): MachineChoice {
  return { reason: `no machine code for products, as ${why}` };
}

function load(): MachineChoice {
  try {
    const tiles = loadTiles();
    return { tiles, reason: `products in vectors of ${tiles.bits} bits` };
  } catch (error) {
    return without((error as Error).message);
  }
}

/**
 * Brings tiles into memory.
 *
 * @param wanted The tiles. Default: those of the widest vectors of the processor.
 * @throws {Error} If the processor or the system has no such tiles.
 */
export function loadTiles(wanted?: TileShape): MachineTiles {
  const opened = openLibrary([LIBRARY], FUNCTIONS);
  if ("refused" in opened) throw new Error(`there is no ${LIBRARY}`);
  try {
    const found = new Uint32Array(3);
    callAt(place(Uint8Array.from(DETECT), opened.symbols), new Uint8Array(found.buffer));
    const widest = widestTiles(found), shape = wanted ?? widest;
    if (!shape || !widest || shape.bits > widest.bits) {
      throw new Error(`the processor has no AVX${shape?.bits === 512 ? "-512" : "2"}`);
    }
    return { code: place(writeTiles(shape), opened.symbols), bits: shape.bits };
  } finally {
    opened.close();
  }
}

/**
 * Brings code into memory that can be executed, and no longer be written.
 *
 * @throws {Error} If the system does not allow that.
 */
function place(
  code: Uint8Array<ArrayBuffer>,
  { mmap, mprotect }: Deno.DynamicLibrary<typeof FUNCTIONS>["symbols"],
): bigint {
  const size = BigInt(code.length), page = mmap(0n, size, WRITABLE, PRIVATE, -1, 0n);
  const address = addressAt(page);
  // MAP_FAILED
  if (address === 2n ** 64n - 1n) throw new Error("the system gives no memory");
  bytesAt(page, code.length).set(code);
  if (mprotect(page, size, EXECUTABLE) !== 0) throw new Error("the system executes no memory");
  return address;
}

/** Rows, columns and depth of a product with rests of tiles. */
const ROWS = 27, COLUMNS = 75, STEPS = 33;

/**
 * Whether tiles give the bits of the other kernels here, for one product: a processor, or a program that
 * stands for one, may be wrong.
 */
export function areBitsSame(kernels: Kernels, { bits }: MachineTiles, module: Emscripten): boolean {
  const scratch = kernels.scratchBytes(), sizes = [ROWS * STEPS, STEPS * COLUMNS, COLUMNS];
  const [a, b, bias] = [0, sizes[0], sizes[0] + sizes[1]], c = bias + sizes[2];
  const at = module._malloc(scratch + (c + ROWS * COLUMNS) * 4);
  try {
    const heap = new Float32Array(module.HEAPU8.buffer, at + scratch, c + ROWS * COLUMNS);
    for (let i = 0; i < c; i++) heap[i] = i * 37 % 101 / 64 - 0.7;
    const place = (first: number) => at + scratch + first * 4;
    const results = [0, bits].map((bits) => {
      kernels.useMachineTiles(bits);
      kernels.gemm(
        ...[place(a), place(b), place(c), ROWS, COLUMNS, STEPS, 0, ROWS, 0, COLUMNS, 0, 0],
        ...[STEPS, COLUMNS, place(bias), 1, at],
      );
      return new Uint32Array(heap.slice(c).buffer);
    });
    return results[0].every((word, i) => word === results[1][i]);
  } finally {
    module._free(at);
  }
}
