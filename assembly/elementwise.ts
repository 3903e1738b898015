/** Gradients of activations, and other passes over memory. */
import { addToDoubles, roundDoubles } from "./reductions";
import { RELU6 } from "./vector";

/**
 * The result from which an activation's gradient is 0 again; NaN, which equals no result, for none.
 */
@inline
function limitOf(activation: i32): f32 {
  return activation == RELU6 ? 6 : NaN;
}

/**
 * The lanes in which an activation has the gradient one, as a mask, from its result `y`; NaN has
 * it, too.
 */
@inline
function open(y: v128, limit: v128): v128 {
  return v128.not(v128.or(f32x4.le(y, f32x4.splat(0)), f32x4.ge(y, limit)));
}

@inline
function openOne(y: f32, limit: f32): bool {
  return !(y <= 0) && !(y >= limit);
}

/**
 * `dx`: `dy` where the activation's result `y` says that its gradient is one, else zero, for
 * elements `begin` to `end`.
 */
export function activationGradient(
  dy: usize,
  y: usize,
  dx: usize,
  begin: i32,
  end: i32,
  activation: i32,
  _scratch: usize,
): void {
  const skip = <usize> begin << 2;
  dy += skip;
  y += skip;
  dx += skip;
  const limit = limitOf(activation), limits = f32x4.splat(limit);
  let i = begin;
  for (; i + 8 <= end; i += 8, dy += 32, y += 32, dx += 32) {
    const a = v128.and(v128.load(dy), open(v128.load(y), limits));
    const b = v128.and(v128.load(dy, 16), open(v128.load(y, 16), limits));
    v128.store(dx, a);
    v128.store(dx, b, 16);
  }
  for (; i + 4 <= end; i += 4, dy += 16, y += 16, dx += 16) {
    v128.store(dx, v128.and(v128.load(dy), open(v128.load(y), limits)));
  }
  for (; i < end; i++, dy += 4, y += 4, dx += 4) {
    store<f32>(dx, openOne(load<f32>(y), limit) ? load<f32>(dy) : 0);
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

/** Rows whose sums are added to doubles of their own. */
const STRIPE: i32 = 512;

/**
 * The gradients of an activation's input and of the bias before it, for stripes `begin` to `end` of
 * 512 rows each: threads that shared columns would read the same parts of memory.
 *
 * @param doubles Sums of the stripes, `[stripes, columns]`.
 * @param part Memory for one float for each column.
 */
export function activationAndBiasGradient(
  dy: usize,
  y: usize,
  dx: usize,
  rows: i32,
  columns: i32,
  begin: i32,
  end: i32,
  activation: i32,
  doubles: usize,
  part: usize,
): void {
  const bytes = <usize> columns << 2;
  const limit = limitOf(activation), limits = f32x4.splat(limit);
  const some = min(rows, 64);
  for (let stripe = begin; stripe < end; stripe++) {
    const sums = doubles + 2 * bytes * <usize> stripe, last = min((stripe + 1) * STRIPE, rows);
    memory.fill(sums, 0, 2 * bytes);
    for (let i = stripe * STRIPE; i < last; i += some) {
      memory.fill(part, 0, bytes);
      for (let row = i; row < min(i + some, last); row++) {
        const start = <usize> row * bytes;
        let c: i32 = 0;
        for (let o = start, p = part; c + 4 <= columns; c += 4, o += 16, p += 16) {
          const slope = v128.and(v128.load(dy + o), open(v128.load(y + o), limits));
          v128.store(dx + o, slope);
          v128.store(p, f32x4.add(v128.load(p), slope));
        }
        for (; c < columns; c++) {
          const o = start + (<usize> c << 2), p = part + (<usize> c << 2);
          const slope: f32 = openOne(load<f32>(y + o), limit) ? load<f32>(dy + o) : 0;
          store<f32>(dx + o, slope);
          store<f32>(p, load<f32>(p) + slope);
        }
      }
      addToDoubles(part, 0, 1, columns, sums);
    }
  }
}

/** Stores the sums of `stripes` rows of doubles as floats, `[columns]`. */
export function sumStripes(doubles: usize, stripes: i32, columns: i32, total: usize): void {
  for (let c: i32 = 0; c < columns; c++, doubles += 8, total += 4) {
    let sum = load<f64>(doubles), at = doubles;
    for (let i: i32 = 1; i < stripes; i++) {
      at += <usize> columns << 3;
      sum += load<f64>(at);
    }
    store<f32>(total, <f32> sum);
  }
}

/** Multiplies `x` by a number, in place. */
export function scale(x: usize, size: i32, factor: f32): void {
  const factors = f32x4.splat(factor);
  let i: i32 = 0;
  for (; i + 4 <= size; i += 4, x += 16) v128.store(x, f32x4.mul(v128.load(x), factors));
  for (; i < size; i++, x += 4) store<f32>(x, load<f32>(x) * factor);
}

/**
 * Adds row `i` of `x`, `[rows, size]`, to row `ids[i]` of `total`, `[segments, size]`.
 *
 * @param doubles Memory for one double for each element of the result, or 0 to sum floats.
 */
export function addSegments(
  x: usize,
  ids: usize,
  rows: i32,
  size: i32,
  total: usize,
  segments: i32,
  doubles: usize,
): void {
  const elements = <usize> segments * <usize> size;
  if (size == 1) return addNumbers(x, ids, rows, total, segments, doubles);
  if (doubles && mostOf(ids, rows, segments, doubles) <= 64) doubles = 0;
  memory.fill(doubles ? doubles : total, 0, elements << (doubles ? 3 : 2));
  const stride = <usize> size << 2;
  for (let i = 0; i < rows; i++, x += stride, ids += 4) {
    const id = load<i32>(ids);
    if (<u32> id >= <u32> segments) continue;
    if (doubles) addToDoubles(x, 0, 1, size, doubles + <usize> id * 2 * stride);
    else addRows(x, 1, size, total + <usize> id * stride);
  }
  if (doubles) roundDoubles(doubles, <i32> elements, 1, total);
}

/** The largest number of rows of one segment: sums of few are precise enough in floats. */
function mostOf(ids: usize, rows: i32, segments: i32, counts: usize): i32 {
  memory.fill(counts, 0, <usize> segments << 2);
  let most = 0;
  for (let i = 0; i < rows; i++, ids += 4) {
    const id = load<i32>(ids);
    if (<u32> id >= <u32> segments) continue;
    const at = counts + (<usize> id << 2), count = load<i32>(at) + 1;
    store<i32>(at, count);
    most = max(most, count);
  }
  return most;
}

/** As `addSegments`, of rows of one number. */
function addNumbers(x: usize, ids: usize, rows: i32, total: usize, segments: i32, doubles: usize): void {
  memory.fill(doubles ? doubles : total, 0, <usize> segments << (doubles ? 3 : 2));
  for (let i = 0; i < rows; i++, x += 4, ids += 4) {
    const id = load<i32>(ids);
    if (<u32> id >= <u32> segments) continue;
    if (doubles) {
      const at = doubles + (<usize> id << 3);
      store<f64>(at, load<f64>(at) + <f64> load<f32>(x));
    } else {
      const at = total + (<usize> id << 2);
      store<f32>(at, load<f32>(at) + load<f32>(x));
    }
  }
  if (doubles) roundDoubles(doubles, segments, 1, total);
}
