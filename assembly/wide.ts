/**
 * Products in vectors of 256 bits, by the tiles of src/backend/wide_tiles.ts: a panel of 6 rows of A
 * times two panels of 8 columns of B. All operands are copied to the memory of the tiles.
 *
 * ```text
 * 0         rows of A in panels of 6: for 64 steps all panels, and so on
 * 2 GiB     up to 64 steps of two panels of B
 * ```
 */

@external("env", "copySteps")
declare function copySteps(b: usize, stride: usize, panel: usize, steps: i32): void;
@external("env", "copyIn")
declare function copyIn(to: usize, from: usize, bytes: usize): void;
@external("env", "prepare")
declare function prepare(sums: usize, stride: usize): void;
@external("env", "multiply64")
declare function multiply64(
  a: usize,
  c: usize,
  stride: usize,
  next: usize,
  nextStride: usize,
): void;
@external("env", "multiply16")
declare function multiply16(
  a: usize,
  c: usize,
  stride: usize,
  next: usize,
  nextStride: usize,
): void;

/** Columns of a tile. */
export const WIDE_COLUMNS: i32 = 16;
/** The least products for which these tiles are faster. */
const LEAST_ROWS: i32 = 24, LEAST_COLUMNS: i32 = 48, LEAST_DEPTH: i32 = 64;

/** Whether these tiles compute. */
let computes: bool = false;

/** Makes these tiles compute, or not: the results are the same. */
export function useWideTiles(yes: bool): void {
  computes = yes;
}

/** Whether a product is computed here. */
@inline
export function isWide(rows: i32, columns: i32, depth: i32): bool {
  return computes && rows >= LEAST_ROWS && columns >= LEAST_COLUMNS && depth >= LEAST_DEPTH;
}

/** The steps that one function computes next; the last of 16 may be empty. */
@inline
function stepsOf(rest: i32): i32 {
  return rest >= 64 ? 64 : 16;
}

/**
 * Copies packed panels of 4 rows of A as panels of 6: for the steps that one function computes all of
 * them, so that they are read from end to end.
 *
 * @param rows Number of rows; with 12 more, they have room in the scratch memory.
 * @param depth Number of steps, at most those of a block.
 * @param space Scratch memory for the panels.
 */
export function copyRows(from: usize, rows: i32, depth: i32, space: usize): void {
  const panel = <usize> depth << 4;
  let to = space;
  for (let k = 0, some = 0; k < depth; k += some, from += <usize> some << 4) {
    some = stepsOf(depth - k);
    const full = min(some, depth - k), size = <usize> full << 4, six = <usize> some * 24;
    let first = from;
    for (let i = 0; i < rows; i += 12, first += 3 * panel) {
      // Rows that do not exist may hold anything: their results are dropped.
      const second = i + 4 < rows ? panel : 0, third = i + 8 < rows ? 2 * panel : 0;
      for (let p = first; p < first + size; p += 16, to += 24) {
        const middle = v128.load(p + second);
        v128.store(to, v128.load(p));
        v128.store64_lane(to, middle, 0, 16);
        v128.store64_lane(to + six, middle, 1);
        v128.store(to + six, v128.load(p + third), 8);
      }
      for (let step = full; step < some; step++, to += 24) {
        emptyStep(to);
        emptyStep(to + six);
      }
      to += six;
    }
  }
  copyIn(0, space, to - space);
}

/** A step of a panel of A that adds -0: whatever a sum is, it keeps its bits. */
@inline
function emptyStep(to: usize): void {
  v128.store(to, f32x4.splat(-0.0));
  store<u64>(to, 0x8000000080000000, 16);
}

/**
 * Computes the copied rows of A times two panels of B.
 *
 * @param b The first step of the first panel.
 * @param next Distance of two steps of a panel, in bytes.
 * @param panel Distance of the panels.
 * @param c The first of the rows of 16 results.
 * @param stride Distance of two rows.
 * @param space Scratch memory for 7 rows of results.
 */
export function multiplyWide(
  rows: i32,
  depth: i32,
  b: usize,
  next: usize,
  panel: usize,
  c: usize,
  stride: usize,
  space: usize,
): void {
  const rest = rows % 6, last = c + <usize> (rows - rest) * stride;
  // Panels of A come in pairs.
  const unused = (rows + 11) % 12 < 6;
  const zeros = space + 6 * 64;
  for (let i: usize = 0; i < 64; i += 16) v128.store(zeros + i, f32x4.splat(0));
  let a: usize = 0;
  for (let k = 0, some = 0; k < depth; k += some, b += <usize> some * next) {
    some = stepsOf(depth - k);
    const full = min(some, depth - k);
    if (full < some) copySteps(zeros, 0, 0, some);
    copySteps(b, next, panel, full);
    const six = <usize> some * 24, begins = k == 0, nextStride = begins ? 0 : stride;
    prepare(begins ? zeros : c, nextStride);
    for (let to = c; to < last; a += six) {
      const here = to;
      to += 6 * stride;
      const isLast = to == last && !begins;
      multiply(some, a, here, stride, begins ? zeros : isLast ? space : to, isLast ? 64 : nextStride);
    }
    if (rest) {
      multiply(some, a, space, 64, zeros, 0);
      a += six;
    }
    if (unused) a += six;
  }
  for (let i = 0; i < rest; i++, space += 64) {
    for (let j: usize = 0; j < 64; j += 16) v128.store(last + <usize> i * stride + j, v128.load(space + j));
  }
}

@inline
function multiply(
  steps: i32,
  a: usize,
  c: usize,
  stride: usize,
  next: usize,
  nextStride: usize,
): void {
  if (steps == 64) multiply64(a, c, stride, next, nextStride);
  else multiply16(a, c, stride, next, nextStride);
}
