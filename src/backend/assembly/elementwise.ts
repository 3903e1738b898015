/** Activations backwards, sums of columns, and other passes over memory. */
import { activate, RELU6 } from "./vector";

/** The slope of an activation from its result `y`, as a mask of the lanes where it is one. */
@inline
function open(y: v128, activation: i32): v128 {
  const positive = f32x4.gt(y, f32x4.splat(0));
  return activation == RELU6 ? v128.and(positive, f32x4.lt(y, f32x4.splat(6))) : positive;
}

@inline
function openOne(y: f32, activation: i32): bool {
  return y > 0 && (activation != RELU6 || y < 6);
}

/** `dx`: `dy` where the activation's result `y` shows that it let the input through, else zero. */
export function activationGradient(
  dy: usize,
  y: usize,
  dx: usize,
  size: i32,
  activation: i32,
): void {
  let i: i32 = 0;
  for (; i + 4 <= size; i += 4, dy += 16, y += 16, dx += 16) {
    v128.store(dx, v128.and(v128.load(dy), open(v128.load(y), activation)));
  }
  for (; i < size; i++, dy += 4, y += 4, dx += 4) {
    store<f32>(dx, openOne(load<f32>(y), activation) ? load<f32>(dy) : 0);
  }
}

/** Adds the rows of `x`, `[rows, columns]`, to `total`, `[columns]`. */
@inline
function addRows(x: usize, rows: i32, columns: i32, total: usize): void {
  const stride = <usize> columns << 2;
  let j: i32 = 0;
  for (; j + 16 <= columns; j += 16, x += 64, total += 64) {
    let a = v128.load(total), b = v128.load(total, 16);
    let c = v128.load(total, 32), d = v128.load(total, 48);
    let at = x;
    for (let i = 0; i < rows; i++, at += stride) {
      a = f32x4.add(a, v128.load(at));
      b = f32x4.add(b, v128.load(at, 16));
      c = f32x4.add(c, v128.load(at, 32));
      d = f32x4.add(d, v128.load(at, 48));
    }
    v128.store(total, a);
    v128.store(total, b, 16);
    v128.store(total, c, 32);
    v128.store(total, d, 48);
  }
  for (; j < columns; j++, x += 4, total += 4) {
    let a = load<f32>(total);
    let at = x;
    for (let i = 0; i < rows; i++, at += stride) a += load<f32>(at);
    store<f32>(total, a);
  }
}

/**
 * The sums of the columns of `x`, `[rows, columns]`.
 *
 * Summed by blocks of rows, and those sums in `part` (`[columns]`) first: long columns keep their
 * precision, and a block stays in the cache.
 */
export function sumColumns(x: usize, rows: i32, columns: i32, total: usize, part: usize): void {
  memory.fill(total, 0, <usize> columns << 2);
  const some = min(rows, 64);
  for (let i = 0; i < rows; i += some) {
    memory.fill(part, 0, <usize> columns << 2);
    addRows(x + (<usize> i * <usize> columns << 2), min(some, rows - i), columns, part);
    addRows(part, 1, columns, total);
  }
}

/** Both at once: the gradients of what went into an activation, and of the bias before it. */
export function activationAndBiasGradient(
  dy: usize,
  y: usize,
  dx: usize,
  rows: i32,
  columns: i32,
  activation: i32,
  total: usize,
  part: usize,
): void {
  memory.fill(total, 0, <usize> columns << 2);
  const some = min(rows, 64);
  for (let i = 0; i < rows; i += some) {
    const count = min(some, rows - i);
    const offset = <usize> i * <usize> columns << 2;
    activationGradient(dy + offset, y + offset, dx + offset, count * columns, activation);
    memory.fill(part, 0, <usize> columns << 2);
    addRows(dx + offset, count, columns, part);
    addRows(part, 1, columns, total);
  }
}

/** `activation(x + bias)`, `[rows, columns]`, in place. */
export function biasAndActivate(x: usize, rows: i32, columns: i32, bias: usize, activation: i32): void {
  for (let i = 0; i < rows; i++) {
    let j: i32 = 0;
    let b = bias;
    for (; j + 4 <= columns; j += 4, x += 16, b += 16) {
      let value = v128.load(x);
      if (bias) value = f32x4.add(value, v128.load(b));
      v128.store(x, activate(value, activation));
    }
    for (; j < columns; j++, x += 4, b += 4) {
      let value = f32x4.splat(load<f32>(x));
      if (bias) value = f32x4.add(value, f32x4.splat(load<f32>(b)));
      store<f32>(x, f32x4.extract_lane(activate(value, activation), 0));
    }
  }
}

/** Adds row `i` of `x`, `[rows, size]`, to row `ids[i]` of `total`, `[segments, size]`. */
export function addSegments(x: usize, ids: usize, rows: i32, size: i32, total: usize, segments: i32): void {
  memory.fill(total, 0, <usize> segments * <usize> size << 2);
  const stride = <usize> size << 2;
  for (let i = 0; i < rows; i++, x += stride, ids += 4) {
    const id = load<i32>(ids);
    if (<u32> id < <u32> segments) addRows(x, 1, size, total + <usize> id * stride);
  }
}
