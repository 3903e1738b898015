/**
 * Shared by the kernels of recurrent layers.
 *
 * Every kernel computes a whole sequence, for some examples of the batch. Sequences are
 * `[batch, steps, units]`; the weights of the states are packed once.
 */
import { copyRun } from "./boxes";
import { multiplyTiles, runTiles, usesTiles } from "./machine";
import { packAcross, packAlong } from "./pack";
import { ACCUMULATE, block, BLOCK_A, blockDepth, listRows } from "./panel";
import { multiplyRows } from "./recurrent_rows";
import { multiplySixes, rowsInSixes } from "./six_rows";

/**
 * Packs a matrix as the panels that {@linkcode multiplyStates} reads: `[columns / 8, depth, 8]`.
 *
 * @param from `[depth, width]`, or if `transpose` `[columns, width]`.
 * @param width Number of elements between two rows in memory.
 */
export function packStates(
  from: usize,
  width: i32,
  depth: i32,
  columns: i32,
  transpose: bool,
  to: usize,
): void {
  const stride = <usize> width << 2, panel = <usize> depth << 5;
  if (transpose) packAcross(from, stride, columns, depth, 8, to, panel);
  else packAlong(from, stride, columns, depth, 8, to, panel);
}

/**
 * Computes `c = a b`, or `c += a b` if `adds`, for at most a block of rows.
 *
 * @param a `[rows, depth]`, rows `strideA` bytes apart.
 * @param b The packed matrix, `[depth, columns]`.
 * @param c `[rows, columns]`, rows `strideC` bytes apart.
 */
export function multiplyStates(
  a: usize,
  strideA: usize,
  rows: i32,
  depth: i32,
  b: usize,
  columns: i32,
  c: usize,
  strideC: usize,
  adds: bool,
  scratch: usize,
): void {
  const full = blockDepth(depth), panel = <usize> depth << 5;
  const inTiles = usesTiles(rows, columns, full), sixes = rowsInSixes(rows), rest = rows - sixes;
  listRows(c + <usize> sixes * strideC, rest, strideC, scratch);
  for (let k = 0; k < depth; k += full) {
    const deep = min(full, depth - k), todo = adds || k > 0 ? ACCUMULATE : 0;
    const from = a + (<usize> k << 2), at = b + (<usize> k << 5);
    if (inTiles) {
      multiplyTiles(from, strideA, 4 * strideA, 4, rows, deep, at, 32, panel, columns, c, strideC, 0, todo, scratch);
      continue;
    }
    if (sixes > 0) multiplySixes(from, strideA, sixes, deep, at, panel, columns, c, strideC, todo, scratch);
    if (rest == 0) continue;
    packAcross(from + <usize> sixes * strideA, strideA, rest, deep, 4, scratch + BLOCK_A, <usize> deep << 4);
    block(rest, columns, deep, at, 32, panel, 0, todo, scratch);
  }
  runTiles(scratch);
}

/** Sets rows to those of `from`, or to zeros without it. */
export function setRows(from: usize, to: usize, row: i32, rows: i32, size: i32): void {
  const start = <usize> row * <usize> size << 2, bytes = <usize> rows * <usize> size << 2;
  if (from) memory.copy(to + start, from + start, bytes);
  else memory.fill(to + start, 0, bytes);
}

/** Sets a row to a state without the units that dropout leaves out. */
@inline
export function dropRow(state: usize, dropout: usize, to: usize, size: i32): void {
  if (dropout) multiplyRows(state, dropout, to, size);
  else copyRun(state, to, <usize> size << 2);
}
