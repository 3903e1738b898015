/**
 * Products by tiles in machine code, of src/backend/native/machine_tiles.ts: a product is a list of
 * tiles, which one call computes. Operands may lie anywhere, packed or not.
 */
import { KC, LIST, MASKS, PACKED } from "./panel";

/** Computes the tiles of a list on the heap, of `pages`, which may move when it grows. */
@external("env", "computeTiles")
declare function computeTiles(list: usize, pages: i32): void;

/** Fewest multiply-adds for which a call pays. */
const LEAST: i64 = 32768;

/** Width of a vector in bits; 0: there are no such tiles. */
let bits: i32 = 0;
/** End of the list of tiles that are still to be computed. */
let end: usize = 0;

/** Makes tiles in vectors of so many bits compute, or none: the results are the same. */
export function useMachineTiles(width: i32): void {
  bits = width;
}

/** Whether tiles compute a product, whose depth is not divided into blocks. */
@inline
export function usesTiles(rows: i32, columns: i32, depth: i32): bool {
  return bits != 0 && depth <= KC && <i64> rows * <i64> columns * <i64> depth >= LEAST;
}

/** Offsets of the fields of a tile's description, as machine_tiles.ts explains them. */
const EXTRA: usize = 4, A: usize = 8, DEPTH: usize = 12, ROW: usize = 16, FOUR: usize = 24, NEXT: usize = 32;
const DOWN: usize = 40, B: usize = 48, TO: usize = 52, PANELS: usize = 56, C: usize = 68, STRIDE: usize = 72;
const BIAS: usize = 80, MASK: usize = 84, SIX: usize = 88;
/** Size of a description, and of the header of a list. */
const DESCRIPTION: usize = 96, HEADER: usize = 8;
/** Most tiles of a list. */
const TILES: usize = 256;
/** Size of the memory for a list. */
export const LIST_BYTES: usize = HEADER + TILES * DESCRIPTION;
/** A bit beside those of a tile: its last vector is not full. */
const MASKED: i32 = 16;

/** Most rows of a tile for so many rows that are left. */
@inline
function rowsOfTile(left: i32): i32 {
  if (left < 4) return left;
  return bits == 256 ? 4 : left < 8 ? 4 : left < 12 ? 8 : 12;
}

/** Number of the tiles of so many rows: the most rows come first. */
@inline
function kindOf(rows: i32): i32 {
  if (bits == 256) return 4 - rows;
  return rows < 4 ? 6 - rows : 3 - (rows >> 2);
}

/**
 * Lists the tiles of a block of results, which {@linkcode runTiles} computes; a full list is computed
 * before. Several blocks may be listed, if none needs the results of another. Until they are computed,
 * all that they read has to stay.
 *
 * @param a The first row.
 * @param row Distance of two rows of A, in bytes, `four` that of every fourth, `next` of two steps.
 * @param b The first step of the first 8 columns.
 * @param down Distance of two steps of B, `panel` that of every eighth column. What is missing to 8
 *   columns may hold anything.
 * @param c The first row of results, rows `stride` bytes apart.
 * @param bias The bias of the columns, if `todo` asks for it.
 */
export function multiplyTiles(
  a: usize,
  row: usize,
  four: usize,
  next: usize,
  rows: i32,
  depth: i32,
  b: usize,
  down: usize,
  panel: usize,
  columns: i32,
  c: usize,
  stride: usize,
  bias: usize,
  todo: i32,
  scratch: usize,
): void {
  if (depth <= 0) return;
  const lanes = bits >> 5, most = bits == 512 ? 2 : 3, width = lanes * most;
  const list = scratch + LIST, masks = scratch + MASKS;
  // Vectors that lie in one line of the cache are read in half the time.
  const packed = <u32> ((scratch + PACKED + 63) & ~63);
  for (let i: usize = 0; i < 32; i += 16) {
    v128.store(masks + i, i32x4.splat(-1));
    v128.store(masks + i, i32x4.splat(0), 32);
  }
  store<f32>(masks, 6, 64);
  let to = end || list + HEADER;
  for (let j = 0; j < columns; j += width) {
    const some = min(width, columns - j), vectors = (some + lanes - 1) / lanes, last = (some + 7) / 8 - 1;
    const part = some - (vectors - 1) * lanes;
    const mask = bits == 512 ? <u32> ((<u64> 1 << some) - 1) : <u32> (masks + (<usize> (8 - part) << 2));
    const whatToDo = part < lanes ? todo | MASKED : todo;
    let from = a, at = c, packs = 1;
    for (let i = 0, count = 0; i < rows; i += count, packs = 0) {
      count = rowsOfTile(rows - i);
      store<i32>(to, (kindOf(count) * most + vectors - 1) * 2 + packs);
      store<i32>(to, whatToDo, EXTRA);
      store<u32>(to, <u32> from, A);
      store<i32>(to, depth, DEPTH);
      store<u64>(to, <u64> row, ROW);
      store<u64>(to, <u64> four, FOUR);
      store<u64>(to, <u64> next, NEXT);
      store<u64>(to, <u64> down, DOWN);
      store<u32>(to, <u32> b, B);
      store<u32>(to, packed, TO);
      store<u32>(to, <u32> (<usize> min(1, last) * panel), PANELS);
      store<u32>(to, <u32> (<usize> min(2, last) * panel), PANELS + 4);
      store<u32>(to, <u32> (<usize> min(3, last) * panel), PANELS + 8);
      store<u32>(to, <u32> at, C);
      store<u64>(to, <u64> stride, STRIDE);
      store<u32>(to, <u32> bias, BIAS);
      store<u32>(to, mask, MASK);
      store<u32>(to, <u32> (masks + 64), SIX);
      to += DESCRIPTION;
      from += <usize> (count >> 2) * four;
      at += <usize> count * stride;
      if (to == list + LIST_BYTES) {
        end = to;
        runTiles(scratch);
        to = list + HEADER;
      }
    }
    b += <usize> (width >> 3) * panel;
    c += <usize> width << 2;
    bias += <usize> width << 2;
  }
  end = to > list + HEADER ? to : 0;
}

/** Computes the tiles that are listed. */
export function runTiles(scratch: usize): void {
  if (end == 0) return;
  const list = scratch + LIST;
  store<u32>(list, <u32> (end - list));
  end = 0;
  computeTiles(list, memory.size());
}
