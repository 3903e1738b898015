/**
 * The inner loop of products and convolutions: a tile of 4 x 8 results, from packed operands.
 *
 * A panel of A holds 4 rows as `[depth][4]`, a panel of B 8 columns as `[depth][8]`: the inner loop
 * reads both from end to end. A block of A stays in the second-level cache, a panel of B in the first
 * (Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008).
 */
import { activate, madd } from "./vector";
import { LIST_BYTES, multiplyTiles, runTiles, usesTiles } from "./machine";

/** Rows of a block of A. */
export const MC: i32 = 128;
/** Depth of a block. */
export const KC: i32 = 512;
/** Columns of a block of B. */
export const NC: i32 = 512;

/**
 * Offsets in scratch memory, in bytes: packed blocks, padded bias, tile, tables of rows, points and
 * addresses, a block of results, a list of tiles in machine code, their masks and their packed columns
 * of B, zeros.
 */
export const BLOCK_A: usize = 0;
export const BLOCK_B: usize = BLOCK_A + <usize> (MC * KC * 4);
export const BIAS: usize = BLOCK_B + <usize> (NC * KC * 4);
export const TILE: usize = BIAS + <usize> (NC * 4);
export const ROWS: usize = TILE + 128;
export const POINTS: usize = ROWS + <usize> (MC * 4);
export const ADDRESSES: usize = POINTS + <usize> (KC * 16);
export const RESULTS: usize = ADDRESSES + <usize> (KC * 4);
export const LIST: usize = RESULTS + <usize> (MC * NC * 4);
export const MASKS: usize = LIST + LIST_BYTES;
export const PACKED: usize = MASKS + 80;
export const ZEROS: usize = PACKED + <usize> (KC * 32 * 4) + 64;

/** Lists the rows of a block of results, `stride` bytes apart. */
export function listRows(first: usize, rows: i32, stride: usize, scratch: usize): void {
  let to = scratch + ROWS;
  for (let i = 0; i < rows; i++, first += stride, to += 4) store<u32>(to, <u32> first);
}

/** Flags: what is done to a tile beside the product. The activation is in the lowest two bits. */
export const ACCUMULATE: i32 = 4;
export const ADD_BIAS: i32 = 8;

/** Size of the scratch memory that products need, without the zeros, in bytes. */
export function scratchBytes(): i32 {
  return <i32> ZEROS;
}

/** The depth of equal blocks, rather than of full ones and a small rest. */
@inline
export function blockDepth(depth: i32): i32 {
  const blocks = max((depth + KC - 1) / KC, 1);
  return ((depth + blocks - 1) / blocks + 3) & ~3;
}

/**
 * Computes one tile, whose rows are at `c0` to `c3`; rows of B are `stride` bytes apart.
 *
 * @typeParam To An integer: the rows of B are packed at `packed` meanwhile. Else they are not.
 */
function tile<To>(
  depth: i32,
  a: usize,
  b: usize,
  stride: usize,
  packed: usize,
  c0: usize,
  c1: usize,
  c2: usize,
  c3: usize,
  bias: usize,
  todo: i32,
): void {
  let x00 = f32x4.splat(0), x01 = x00;
  let x10 = x00, x11 = x00;
  let x20 = x00, x21 = x00;
  let x30 = x00, x31 = x00;
  for (const end = a + (<usize> depth << 4); a < end; a += 16, b += stride) {
    const column = v128.load(a);
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    if (isInteger<To>()) {
      v128.store(packed, b0);
      v128.store(packed, b1, 16);
      packed += 32;
    }
    const a0 = v128.shuffle<f32>(column, column, 0, 0, 0, 0);
    x00 = madd(a0, b0, x00);
    x01 = madd(a0, b1, x01);
    const a1 = v128.shuffle<f32>(column, column, 1, 1, 1, 1);
    x10 = madd(a1, b0, x10);
    x11 = madd(a1, b1, x11);
    const a2 = v128.shuffle<f32>(column, column, 2, 2, 2, 2);
    x20 = madd(a2, b0, x20);
    x21 = madd(a2, b1, x21);
    const a3 = v128.shuffle<f32>(column, column, 3, 3, 3, 3);
    x30 = madd(a3, b0, x30);
    x31 = madd(a3, b1, x31);
  }
  if (todo & ACCUMULATE) {
    x00 = f32x4.add(x00, v128.load(c0));
    x01 = f32x4.add(x01, v128.load(c0, 16));
    x10 = f32x4.add(x10, v128.load(c1));
    x11 = f32x4.add(x11, v128.load(c1, 16));
    x20 = f32x4.add(x20, v128.load(c2));
    x21 = f32x4.add(x21, v128.load(c2, 16));
    x30 = f32x4.add(x30, v128.load(c3));
    x31 = f32x4.add(x31, v128.load(c3, 16));
  }
  if (todo & ADD_BIAS) {
    const b0 = v128.load(bias), b1 = v128.load(bias, 16);
    x00 = f32x4.add(x00, b0);
    x01 = f32x4.add(x01, b1);
    x10 = f32x4.add(x10, b0);
    x11 = f32x4.add(x11, b1);
    x20 = f32x4.add(x20, b0);
    x21 = f32x4.add(x21, b1);
    x30 = f32x4.add(x30, b0);
    x31 = f32x4.add(x31, b1);
  }
  const activation = todo & 3;
  if (activation) {
    x00 = activate(x00, activation);
    x01 = activate(x01, activation);
    x10 = activate(x10, activation);
    x11 = activate(x11, activation);
    x20 = activate(x20, activation);
    x21 = activate(x21, activation);
    x30 = activate(x30, activation);
    x31 = activate(x31, activation);
  }
  v128.store(c0, x00);
  v128.store(c0, x01, 16);
  v128.store(c1, x10);
  v128.store(c1, x11, 16);
  v128.store(c2, x20);
  v128.store(c2, x21, 16);
  v128.store(c3, x30);
  v128.store(c3, x31, 16);
}

/** Computes a tile at a distance of `column` from the starts of four rows in the table. */
@inline
function tileOfRows<To>(
  depth: i32,
  a: usize,
  b: usize,
  stride: usize,
  packed: usize,
  table: usize,
  column: usize,
  bias: usize,
  todo: i32,
): void {
  tile<To>(
    depth,
    a,
    b,
    stride,
    packed,
    <usize> load<u32>(table) + column,
    <usize> load<u32>(table, 4) + column,
    <usize> load<u32>(table, 8) + column,
    <usize> load<u32>(table, 12) + column,
    bias,
    todo,
  );
}

function copyTile(rows: i32, cols: i32, table: usize, column: usize, to: usize, back: bool): void {
  for (let i = 0; i < rows; i++, to += 32, table += 4) {
    const row = <usize> load<u32>(table) + column;
    const from = back ? to : row, target = back ? row : to;
    // Of a few floats, a call of the engine's copy takes longer.
    for (let j: usize = 0; j < <usize> cols << 2; j += 4) store<u32>(target + j, load<u32>(from + j));
  }
}

/**
 * Computes a block of results: the packed block of A times panels of B, `panel` bytes apart.
 *
 * `column` is the distance of its first column from the starts of the rows in the table.
 */
export function block(
  rows: i32,
  cols: i32,
  depth: i32,
  b: usize,
  stride: usize,
  panel: usize,
  column: usize,
  todo: i32,
  scratch: usize,
): void {
  if (usesTiles(rows, cols, depth)) {
    const first = <usize> load<u32>(scratch + ROWS), next = <usize> load<u32>(scratch + ROWS, 4) - first;
    const a = scratch + BLOCK_A, four = <usize> depth << 4, bias = scratch + BIAS;
    multiplyTiles(a, 4, four, 16, rows, depth, b, stride, panel, cols, first + column, next, bias, todo, scratch);
    runTiles(scratch);
    return;
  }
  for (let j = 0; j < cols; j += 8, b += panel, column += 32) {
    const bias = scratch + BIAS + (<usize> j << 2);
    columnsOfBlock(0, rows, cols - j, depth, b, stride, column, bias, todo, scratch);
  }
}

/**
 * Computes a block of results of rows of B that are not packed, `stride` bytes apart, and packs them
 * at BLOCK_B while the first rows are computed: they are then read from memory once.
 *
 * @param rows Number of rows, at least 4.
 * @param cols Number of columns, a multiple of 8.
 */
export function packAndBlock(
  rows: i32,
  cols: i32,
  depth: i32,
  b: usize,
  stride: usize,
  todo: i32,
  scratch: usize,
): void {
  const table = scratch + ROWS, panel = <usize> depth << 5;
  let packed = scratch + BLOCK_B;
  for (let j = 0; j < cols; j += 8, b += 32, packed += panel) {
    const column = <usize> j << 2, bias = scratch + BIAS + column;
    tileOfRows<usize>(depth, scratch + BLOCK_A, b, stride, packed, table, column, bias, todo);
    columnsOfBlock(4, rows, 8, depth, packed, 32, column, bias, todo, scratch);
  }
}

/** Computes at most 8 columns of a block of results, from the row `first` on. */
export function columnsOfBlock(
  first: i32,
  rows: i32,
  cols: i32,
  depth: i32,
  b: usize,
  stride: usize,
  column: usize,
  bias: usize,
  todo: i32,
  scratch: usize,
): void {
  const panelA = <usize> depth << 4;
  let a = scratch + BLOCK_A + <usize> (first >> 2) * panelA;
  for (let i = first; i < rows; i += 4, a += panelA) {
    const table = scratch + ROWS + (<usize> i << 2);
    if (i + 4 <= rows && cols >= 8) {
      tileOfRows<f32>(depth, a, b, stride, 0, table, column, bias, todo);
    } else {
      const at = scratch + TILE, height = min(4, rows - i), width = min(8, cols);
      if (todo & ACCUMULATE) copyTile(height, width, table, column, at, false);
      tile<f32>(depth, a, b, stride, 0, at, at + 32, at + 64, at + 96, bias, todo);
      copyTile(height, width, table, column, at, true);
    }
  }
}

/** Copies the bias of a block of columns, so that whole vectors can be read. */
export function padBias(bias: usize, cols: i32, scratch: usize): void {
  if (bias) memory.copy(scratch + BIAS, bias, <usize> cols << 2);
}

/** The flags of a tile in the block of depth that starts at `k`. */
@inline
export function todoAt(k: i32, depth: i32, all: i32, bias: usize, activation: i32): i32 {
  let todo = k > 0 ? ACCUMULATE : 0;
  if (k + depth >= all) todo |= activation | (bias ? ADD_BIAS : 0);
  return todo;
}
