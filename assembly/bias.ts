/** Bias and activation of a result that a native library has written. */
import { activate } from "./vector";

/**
 * Replaces rows `m0` to `m1` of `y` by `activation(y + bias)`.
 *
 * @param y `[rows, columns]`.
 * @param bias `[columns]`, or 0.
 * @param scratch Not used: the last argument of every kernel whose rows are shared by threads.
 */
export function addBiasInPlace(
  y: usize,
  m0: i32,
  m1: i32,
  columns: i32,
  bias: usize,
  activation: i32,
  scratch: usize,
): void {
  y += <usize> m0 * <usize> columns << 2;
  const zero = f32x4.splat(0);
  for (let m = m0; m < m1; m++) {
    let n: i32 = 0, b = bias;
    for (; n + 4 <= columns; n += 4, y += 16, b += 16) {
      const x = f32x4.add(v128.load(y), bias ? v128.load(b) : zero);
      v128.store(y, activate(x, activation));
    }
    for (; n < columns; n++, y += 4, b += 4) {
      const x = f32x4.add(v128.load32_splat(y), bias ? v128.load32_splat(b) : zero);
      store<f32>(y, f32x4.extract_lane(activate(x, activation), 0));
    }
  }
}
