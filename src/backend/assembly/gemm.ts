/** Products of matrices. */
import { BIAS, block, BLOCK_A, BLOCK_B, blockDepth, listRows, MC, NC, padBias, todoAt } from "./panel";
import { packAcross, packAlong } from "./pack";

/**
 * Rows `m0` to `m1` and columns `n0` to `n1` of `activation(a b + bias)`, `[rows, columns]`.
 *
 * @param rows Of the whole result.
 * @param columns Of the whole result.
 * @param transposeA Whether a is stored as `[depth, rows]` rather than `[rows, depth]`.
 * @param transposeB Whether b is stored as `[columns, depth]` rather than `[depth, columns]`.
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
  bias: usize,
  activation: i32,
  scratch: usize,
): void {
  const strideA = <usize> (transposeA ? rows : depth) << 2;
  const strideB = <usize> (transposeB ? depth : columns) << 2;
  const strideC = <usize> columns << 2;
  const full = blockDepth(depth);
  for (let n = n0; n < n1; n += NC) {
    const cols = min(NC, n1 - n);
    padBias(bias ? bias + (<usize> n << 2) : 0, cols, scratch);
    let k = 0;
    do {
      const deep = min(full, depth - k);
      const todo = todoAt(k, deep, depth, bias, activation);
      const panelB = <usize> deep << 5;
      const offsetB = <usize> k * (transposeB ? 4 : strideB) + <usize> n * (transposeB ? strideB : 4);
      // With few rows a packed B would be read about as often as it is written: read it in place.
      const whole = !transposeB && m1 - m0 <= 8 ? cols & ~7 : 0;
      const packed = b + offsetB + (<usize> whole << 2);
      if (transposeB) {
        packAcross(packed, strideB, cols, deep, 8, scratch + BLOCK_B, panelB);
      } else if (whole < cols) {
        packAlong(packed, strideB, cols - whole, deep, 8, scratch + BLOCK_B, panelB);
      }
      for (let m = m0; m < m1; m += MC) {
        const some = min(MC, m1 - m);
        const panelA = <usize> deep << 4;
        if (transposeA) {
          const from = a + <usize> k * strideA + (<usize> m << 2);
          packAlong(from, strideA, some, deep, 4, scratch + BLOCK_A, panelA);
        } else {
          const from = a + <usize> m * strideA + (<usize> k << 2);
          packAcross(from, strideA, some, deep, 4, scratch + BLOCK_A, panelA);
        }
        listRows(c + <usize> m * strideC + (<usize> n << 2), some, strideC, scratch);
        if (whole) block(some, whole, deep, b + offsetB, strideB, 32, 0, todo, scratch);
        if (whole < cols) {
          const column = <usize> whole << 2;
          // The bias of these columns, where the block looks for it.
          if (whole) memory.copy(scratch + BIAS, scratch + BIAS + column, <usize> (cols - whole) << 2);
          block(some, cols - whole, deep, scratch + BLOCK_B, 32, panelB, column, todo, scratch);
          if (whole) padBias(bias ? bias + (<usize> n << 2) : 0, cols, scratch);
        }
      }
      k += full;
    } while (k < depth);
  }
}
