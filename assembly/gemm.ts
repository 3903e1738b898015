/** Products of matrices. */
import {
  BIAS,
  block,
  BLOCK_A,
  BLOCK_B,
  blockDepth,
  columnsOfBlock,
  listRows,
  MC,
  NC,
  packAndBlock,
  padBias,
  todoAt,
} from "./panel";
import { multiplyTiles, runTiles, usesTiles } from "./machine";
import { packAcross, packAlong } from "./pack";
import { multiplySixes, packSixes, rowsInSixes } from "./six_rows";
import { activate, madd, sum } from "./vector";

/** Rows of a block that are computed in sixes. */
const SIXES: i32 = 126;

/** Most columns for which a transposed block of rows is not packed, and its largest size in bytes. */
const NEAR_COLUMNS: i32 = 64;
const NEAR_BYTES: usize = 24576;

/**
 * Columns `n0` to `n1` of one row times a matrix. Memory is the limit, so rows of the matrix are read
 * from end to end, and nothing is packed. Sums are made in the parts of blocks: the bits are those of
 * the same row in a product of many rows.
 */
function multiplyRow(
  a: usize,
  step: usize,
  b: usize,
  stride: usize,
  c: usize,
  depth: i32,
  n0: i32,
  n1: i32,
  bias: usize,
  activation: i32,
): void {
  let n = n0;
  const part = blockDepth(depth);
  const zero = f32x4.splat(0);
  for (; n + 16 <= n1; n += 16) {
    const offset = <usize> n << 2;
    let y0 = zero, y1 = zero, y2 = zero, y3 = zero;
    let p = a, q = b + offset;
    for (let k = 0; k < depth;) {
      let x0 = zero, x1 = zero, x2 = zero, x3 = zero;
      for (const end = min(k + part, depth); k < end; k++, p += step, q += stride) {
        const value = v128.load32_splat(p);
        x0 = madd(value, v128.load(q), x0);
        x1 = madd(value, v128.load(q, 16), x1);
        x2 = madd(value, v128.load(q, 32), x2);
        x3 = madd(value, v128.load(q, 48), x3);
      }
      y0 = f32x4.add(y0, x0);
      y1 = f32x4.add(y1, x1);
      y2 = f32x4.add(y2, x2);
      y3 = f32x4.add(y3, x3);
    }
    if (bias) {
      y0 = f32x4.add(y0, v128.load(bias + offset));
      y1 = f32x4.add(y1, v128.load(bias + offset, 16));
      y2 = f32x4.add(y2, v128.load(bias + offset, 32));
      y3 = f32x4.add(y3, v128.load(bias + offset, 48));
    }
    const to = c + offset;
    v128.store(to, activate(y0, activation));
    v128.store(to, activate(y1, activation), 16);
    v128.store(to, activate(y2, activation), 32);
    v128.store(to, activate(y3, activation), 48);
  }
  for (; n < n1; n++) {
    const offset = <usize> n << 2;
    let y = zero;
    let p = a, q = b + offset;
    for (let k = 0; k < depth;) {
      let x = zero;
      for (const end = min(k + part, depth); k < end; k++, p += step, q += stride) {
        x = madd(v128.load32_splat(p), v128.load32_splat(q), x);
      }
      y = f32x4.add(y, x);
    }
    if (bias) y = f32x4.add(y, v128.load32_splat(bias + offset));
    store<f32>(c + offset, f32x4.extract_lane(activate(y, activation), 0));
  }
}

/** Elements of a row whose products are summed in floats. */
const SOME: i32 = 128;

/**
 * Rows `m0` to `m1` of a matrix times a vector, without packing: memory is the limit. The sums of parts
 * are added in doubles, so that rows may be long.
 *
 * @param bias The bias of all rows, or 0.
 */
function multiplyVector(
  a: usize,
  stride: usize,
  x: usize,
  c: usize,
  depth: i32,
  m0: i32,
  m1: i32,
  bias: usize,
  activation: i32,
): void {
  a += <usize> m0 * stride;
  c += <usize> m0 << 2;
  for (let m = m0; m < m1; m++, a += stride, c += 4) {
    let p = a, q = x;
    let total: f64 = 0;
    for (let k = 0; k < depth;) {
      let x0 = f32x4.splat(0), x1 = x0, x2 = x0, x3 = x0;
      const end = min(k + SOME, depth);
      for (; k + 16 <= end; k += 16, p += 64, q += 64) {
        x0 = madd(v128.load(p), v128.load(q), x0);
        x1 = madd(v128.load(p, 16), v128.load(q, 16), x1);
        x2 = madd(v128.load(p, 32), v128.load(q, 32), x2);
        x3 = madd(v128.load(p, 48), v128.load(q, 48), x3);
      }
      for (; k + 4 <= end; k += 4, p += 16, q += 16) x0 = madd(v128.load(p), v128.load(q), x0);
      total += <f64> sum(f32x4.add(f32x4.add(x0, x1), f32x4.add(x2, x3)));
      for (; k < end; k++, p += 4, q += 4) total += <f64> load<f32>(p) * <f64> load<f32>(q);
    }
    storeSum(c, <f32> total, bias, activation);
  }
}

@inline
function storeSum(c: usize, total: f32, bias: usize, activation: i32): void {
  const y = f32x4.splat(bias ? total + load<f32>(bias) : total);
  store<f32>(c, f32x4.extract_lane(activate(y, activation), 0));
}

/**
 * Rows `m0` to `m1` and columns `n0` to `n1` of `activation(a b + bias)`, `[rows, columns]`.
 *
 * @param rows Number of rows of the whole result.
 * @param columns Number of columns of the whole result.
 * @param transposeA Whether a is stored as `[depth, rows]` rather than `[rows, depth]`.
 * @param transposeB Whether b is stored as `[columns, depth]` rather than `[depth, columns]`.
 * @param widthA Number of elements between two rows of a in memory.
 * @param widthB Number of elements between two rows of b in memory.
 * @param bias `[columns]`, or 0.
 */
export function gemm(
  a: usize,
  b: usize,
  c: usize,
  rows: i32,
  columns: i32,
  depth: i32,
  m0: i32,
  m1: i32,
  n0: i32,
  n1: i32,
  transposeA: bool,
  transposeB: bool,
  widthA: i32,
  widthB: i32,
  bias: usize,
  activation: i32,
  scratch: usize,
): void {
  multiply(
    a,
    b,
    c,
    columns,
    depth,
    m0,
    m1,
    n0,
    n1,
    transposeA,
    transposeB,
    widthA,
    widthB,
    bias,
    activation,
    scratch,
  );
  runTiles(scratch);
}

/** Computes a product, or lists its tiles. */
function multiply(
  a: usize,
  b: usize,
  c: usize,
  columns: i32,
  depth: i32,
  m0: i32,
  m1: i32,
  n0: i32,
  n1: i32,
  transposeA: bool,
  transposeB: bool,
  widthA: i32,
  widthB: i32,
  bias: usize,
  activation: i32,
  scratch: usize,
): void {
  const strideA = <usize> widthA << 2;
  const strideB = <usize> widthB << 2;
  const strideC = <usize> columns << 2;
  if (columns == 1 && !transposeA && (transposeB || widthB == 1)) {
    multiplyVector(a, strideA, b, c, depth, m0, m1, bias, activation);
    return;
  }
  if (columns == 1 && transposeA && bias == 0 && (transposeB || widthB == 1)) {
    multiplyRow(b, 4, a, strideA, c, depth, m0, m1, 0, activation);
    return;
  }
  if (m1 - m0 == 1 && !transposeB) {
    const from = a + (transposeA ? <usize> m0 << 2 : <usize> m0 * strideA);
    const step = transposeA ? strideA : 4;
    multiplyRow(from, step, b, strideB, c + <usize> m0 * strideC, depth, n0, n1, bias, activation);
    return;
  }
  const full = blockDepth(depth);
  const rowA = transposeA ? 4 : strideA, nextA = transposeA ? strideA : 4;
  const rowB = transposeB ? 4 : strideB, nextB = transposeB ? strideB : 4;
  if (usesTiles(m1 - m0, n1 - n0, full)) {
    const from = a + <usize> m0 * rowA, to = c + <usize> m0 * strideC;
    multiplyByTiles(from, rowA, nextA, b, rowB, nextB, to, strideC, depth, m1 - m0, n0, n1, bias, activation, scratch);
    return;
  }
  // Rows of B are not packed for four rows.
  const few = m1 - m0 <= 4;
  for (let n = n0; n < n1; n += NC) {
    const cols = min(NC, n1 - n);
    padBias(bias ? bias + (<usize> n << 2) : 0, cols, scratch);
    let k = 0;
    do {
      const deep = min(full, depth - k);
      const todo = todoAt(k, deep, depth, bias, activation);
      const panelB = <usize> deep << 5;
      const offsetB = <usize> k * (transposeB ? 4 : strideB) + <usize> n * (transposeB ? strideB : 4);
      const whole = transposeB ? 0 : cols & ~7;
      const packed = b + offsetB + (<usize> whole << 2);
      const rest = scratch + BLOCK_B + (few ? 0 : <usize> (whole >> 3) * panelB);
      if (transposeB) {
        packAcross(packed, strideB, cols, deep, 8, scratch + BLOCK_B, panelB);
      } else if (whole < cols) {
        packAlong(packed, strideB, cols - whole, deep, 8, rest, panelB);
      }
      const inSixes = rowsInSixes(m1 - m0) > 0;
      for (let m = m0, some = 0; m < m1; m += some) {
        const isPacked = transposeB || !few && m > m0;
        // B is packed with the first four rows; the others are computed in sixes.
        some = min(inSixes ? isPacked ? SIXES : 4 : MC, m1 - m);
        const panelA = <usize> deep << 4, sixes = inSixes && isPacked ? rowsInSixes(some) : 0;
        if (sixes > 0) {
          const to = c + <usize> m * strideC + (<usize> n << 2);
          let from = a + <usize> m * strideA + (<usize> k << 2), step = strideA, next: usize = 4;
          if (transposeA) {
            from = a + <usize> k * strideA + (<usize> m << 2);
            step = 4;
            next = strideA;
            // A matrix that stays in the first-level cache is read where it is for a few panels.
            if (cols > NEAR_COLUMNS || <usize> deep * strideA > NEAR_BYTES) {
              packSixes(from, strideA, sixes, deep, scratch + BLOCK_A);
              from = scratch + BLOCK_A;
              step = 0;
            }
          }
          multiplySixes(from, step, sixes, deep, scratch + BLOCK_B, panelB, cols, to, strideC, todo, scratch, next);
          some = sixes;
          continue;
        }
        if (transposeA) {
          const from = a + <usize> k * strideA + (<usize> m << 2);
          packAlong(from, strideA, some, deep, 4, scratch + BLOCK_A, panelA);
        } else {
          const from = a + <usize> m * strideA + (<usize> k << 2);
          packAcross(from, strideA, some, deep, 4, scratch + BLOCK_A, panelA);
        }
        listRows(c + <usize> m * strideC + (<usize> n << 2), some, strideC, scratch);
        if (isPacked) {
          block(some, cols, deep, scratch + BLOCK_B, 32, panelB, 0, todo, scratch);
          continue;
        }
        if (few) block(some, whole, deep, b + offsetB, strideB, 32, 0, todo, scratch);
        else packAndBlock(some, whole, deep, b + offsetB, strideB, todo, scratch);
        if (whole < cols) {
          const column = <usize> whole << 2, bias = scratch + BIAS + column;
          columnsOfBlock(0, some, cols - whole, deep, rest, 32, column, bias, todo, scratch);
        }
      }
      k += full;
    } while (k < depth);
  }
}

/** Most columns, less than whole vectors, that are packed rather than the last few. */
const SOME_COLUMNS: i32 = 64;

/**
 * As {@linkcode gemm}, by tiles in machine code: only transposed matrices are packed.
 *
 * @param row Distance of two rows of A, `next` that of two columns.
 * @param down Distance of two rows of B, `across` that of two columns.
 */
function multiplyByTiles(
  a: usize,
  row: usize,
  next: usize,
  b: usize,
  down: usize,
  across: usize,
  c: usize,
  stride: usize,
  depth: i32,
  rows: i32,
  n0: i32,
  n1: i32,
  bias: usize,
  activation: i32,
  scratch: usize,
): void {
  const full = blockDepth(depth);
  for (let n = n0; n < n1; n += NC) {
    const cols = min(NC, n1 - n);
    // Tiles that are listed may read what is written here.
    if (bias) runTiles(scratch);
    padBias(bias ? bias + (<usize> n << 2) : 0, cols, scratch);
    for (let k = 0; k < depth; k += full) {
      const deep = min(full, depth - k), panel = <usize> deep << 5;
      const todo = todoAt(k, deep, depth, bias, activation);
      const from = b + <usize> k * down + <usize> n * across;
      // Columns that are read where they are: whole eights of rows.
      const whole = across != 4 || (cols & 7) && cols < SOME_COLUMNS ? 0 : cols & ~7, rest = cols - whole;
      if (rest) runTiles(scratch);
      if (across != 4) packAcross(from, across, cols, deep, 8, scratch + BLOCK_B, panel);
      else if (rest) packAlong(from + (<usize> whole << 2), down, rest, deep, 8, scratch + BLOCK_B, panel);
      for (let m = 0; m < rows; m += MC) {
        const some = min(MC, rows - m), to = c + <usize> m * stride + (<usize> n << 2);
        let first = a + <usize> m * row + <usize> k * next, step = row, four = 4 * row, far = next;
        if (row == 4 && (cols > NEAR_COLUMNS || <usize> deep * next > NEAR_BYTES)) {
          runTiles(scratch);
          packAlong(first, next, some, deep, 4, scratch + BLOCK_A, <usize> deep << 4);
          first = scratch + BLOCK_A;
          four = <usize> deep << 4;
          far = 16;
        }
        const added = scratch + BIAS, last = <usize> whole << 2;
        if (whole) multiplyTiles(first, step, four, far, some, deep, from, down, 32, whole, to, stride, added, todo, scratch);
        if (rest) multiplyTiles(first, step, four, far, some, deep, scratch + BLOCK_B, 32, panel, rest, to + last, stride, added + last, todo, scratch);
      }
    }
  }
}

/**
 * Products `i0` to `i1` of a batch of matrices.
 *
 * @param nextA Number of elements between two matrices of a: 0 if one serves all products.
 * @param nextB Number of elements between two matrices of b.
 */
export function gemmBatch(
  a: usize,
  b: usize,
  c: usize,
  rows: i32,
  columns: i32,
  depth: i32,
  i0: i32,
  i1: i32,
  nextA: i32,
  nextB: i32,
  transposeA: bool,
  transposeB: bool,
  bias: usize,
  activation: i32,
  scratch: usize,
): void {
  for (let i = i0; i < i1; i++) {
    multiply(
      a + (<usize> i * <usize> nextA << 2),
      b + (<usize> i * <usize> nextB << 2),
      c + (<usize> i * <usize> rows * <usize> columns << 2),
      columns,
      depth,
      0,
      rows,
      0,
      columns,
      transposeA,
      transposeB,
      transposeA ? rows : depth,
      transposeB ? depth : columns,
      bias,
      activation,
      scratch,
    );
  }
  runTiles(scratch);
}
