/** Sums, in doubles: long sums keep their precision, and finite sums do not overflow on the way. */

/** The two doubles of the lower lanes. */
@inline
export function low(x: v128): v128 {
  return f64x2.promote_low_f32x4(x);
}

/** The two doubles of the upper lanes. */
@inline
export function high(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(x, x, 1, 0));
}

/** Two vectors of doubles as one of floats. */
@inline
export function demote(lower: v128, upper: v128): v128 {
  return v128.shuffle<i64>(f32x4.demote_f64x2_zero(lower), f32x4.demote_f64x2_zero(upper), 0, 2);
}

/** Elements from which sums begin with sums of eight floats: doubles add those. */
const MANY: i32 = 16384;

/** The sum of adjacent elements. */
function sumOf(x: usize, size: i32): f64 {
  if (size >= MANY) {
    const total = sumOfMany(x, size);
    // A sum of eight may overflow where the whole does not.
    if (total - total == 0) return total;
  }
  return sumOfDoubles(x, size);
}

/** The sum of elements as doubles. */
function sumOfDoubles(x: usize, size: i32): f64 {
  let a = f64x2.splat(0), b = a, c = a, d = a;
  let i = 0;
  for (; i + 8 <= size; i += 8, x += 32) {
    const u = v128.load(x), v = v128.load(x, 16);
    a = f64x2.add(a, low(u));
    b = f64x2.add(b, high(u));
    c = f64x2.add(c, low(v));
    d = f64x2.add(d, high(v));
  }
  a = f64x2.add(f64x2.add(a, b), f64x2.add(c, d));
  let total = f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1);
  for (; i < size; i++, x += 4) total += <f64> load<f32>(x);
  return total;
}

/** The sums of eight vectors, `stride` bytes apart. */
@inline
function sumOfEight(x: usize, stride: usize): v128 {
  const a = f32x4.add(v128.load(x), v128.load(x + stride));
  x += stride << 1;
  const b = f32x4.add(v128.load(x), v128.load(x + stride));
  x += stride << 1;
  const c = f32x4.add(v128.load(x), v128.load(x + stride));
  x += stride << 1;
  const d = f32x4.add(v128.load(x), v128.load(x + stride));
  return f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
}

function sumOfMany(x: usize, size: i32): f64 {
  let a = f64x2.splat(0), b = a, c = a, d = a;
  let i = 0;
  for (; i + 64 <= size; i += 64, x += 256) {
    const u = sumOfEight(x, 16), v = sumOfEight(x + 128, 16);
    a = f64x2.add(a, low(u));
    b = f64x2.add(b, high(u));
    c = f64x2.add(c, low(v));
    d = f64x2.add(d, high(v));
  }
  a = f64x2.add(f64x2.add(a, b), f64x2.add(c, d));
  return f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1) + sumOfDoubles(x, size - i);
}

/** The sums of rows `begin` to `end` of `x`, `[rows, size]`, times `factor`. */
export function sumRows(
  x: usize,
  begin: i32,
  end: i32,
  size: i32,
  y: usize,
  factor: f64,
  _scratch: usize,
): void {
  x += <usize> begin * <usize> size << 2;
  y += <usize> begin << 2;
  for (let row = begin; row < end; row++, x += <usize> size << 2, y += 4) {
    store<f32>(y, <f32> (sumOf(x, size) * factor));
  }
}

/** The sums, as doubles, of parts `begin` to `end` of `size` elements, `part` elements each. */
export function sumParts(
  x: usize,
  begin: i32,
  end: i32,
  size: i32,
  part: i32,
  sums: usize,
  _scratch: usize,
): void {
  for (let i = begin; i < end; i++) {
    const from = i * part;
    store<f64>(sums + (<usize> i << 3), sumOf(x + (<usize> from << 2), min(part, size - from)));
  }
}

/** The sum of doubles, times `factor`. */
export function addDoubles(sums: usize, count: i32, y: usize, factor: f64): void {
  let total: f64 = 0;
  for (let i = 0; i < count; i++, sums += 8) total += load<f64>(sums);
  store<f32>(y, <f32> (total * factor));
}

/** Adds `columns` of the rows of `x`, `stride` bytes apart, to doubles. */
export function addToDoubles(
  x: usize,
  stride: usize,
  rows: i32,
  columns: i32,
  total: usize,
): void {
  let j: i32 = 0;
  // Whole lines of the cache.
  for (; j + 16 <= columns; j += 16, x += 64, total += 128) {
    let a = v128.load(total), b = v128.load(total, 16);
    let c = v128.load(total, 32), d = v128.load(total, 48);
    let e = v128.load(total, 64), f = v128.load(total, 80);
    let g = v128.load(total, 96), h = v128.load(total, 112);
    let at = x;
    for (let i = 0; i < rows; i++, at += stride) {
      const u = v128.load(at), v = v128.load(at, 16);
      a = f64x2.add(a, low(u));
      b = f64x2.add(b, high(u));
      c = f64x2.add(c, low(v));
      d = f64x2.add(d, high(v));
      const w = v128.load(at, 32), z = v128.load(at, 48);
      e = f64x2.add(e, low(w));
      f = f64x2.add(f, high(w));
      g = f64x2.add(g, low(z));
      h = f64x2.add(h, high(z));
    }
    v128.store(total, a);
    v128.store(total, b, 16);
    v128.store(total, c, 32);
    v128.store(total, d, 48);
    v128.store(total, e, 64);
    v128.store(total, f, 80);
    v128.store(total, g, 96);
    v128.store(total, h, 112);
  }
  for (; j + 8 <= columns; j += 8, x += 32, total += 64) {
    let a = v128.load(total), b = v128.load(total, 16);
    let c = v128.load(total, 32), d = v128.load(total, 48);
    let at = x;
    for (let i = 0; i < rows; i++, at += stride) {
      const u = v128.load(at), v = v128.load(at, 16);
      a = f64x2.add(a, low(u));
      b = f64x2.add(b, high(u));
      c = f64x2.add(c, low(v));
      d = f64x2.add(d, high(v));
    }
    v128.store(total, a);
    v128.store(total, b, 16);
    v128.store(total, c, 32);
    v128.store(total, d, 48);
  }
  for (; j < columns; j++, x += 4, total += 8) {
    let a = load<f64>(total);
    let at = x;
    for (let i = 0; i < rows; i++, at += stride) a += <f64> load<f32>(at);
    store<f64>(total, a);
  }
}

/** Stores doubles, `[columns]`, times `factor` as floats. */
export function roundDoubles(total: usize, columns: i32, factor: f64, y: usize): void {
  const factors = f64x2.splat(factor);
  let j = 0;
  for (; j + 4 <= columns; j += 4, total += 32, y += 16) {
    const lower = f64x2.mul(v128.load(total), factors), upper = f64x2.mul(v128.load(total, 16), factors);
    v128.store(y, demote(lower, upper));
  }
  for (; j < columns; j++, total += 8, y += 4) store<f32>(y, <f32> (load<f64>(total) * factor));
}

/** Rows from which sums of columns begin with sums of eight floats. */
const MANY_ROWS: i32 = 256;

/** Adds the sums of `columns` of eight rows, `stride` bytes apart, to doubles. */
function addEightRows(x: usize, stride: usize, columns: i32, total: usize): void {
  let j = 0;
  for (; j + 8 <= columns; j += 8, x += 32, total += 64) {
    const u = sumOfEight(x, stride), v = sumOfEight(x + 16, stride);
    v128.store(total, f64x2.add(v128.load(total), low(u)));
    v128.store(total, f64x2.add(v128.load(total, 16), high(u)), 16);
    v128.store(total, f64x2.add(v128.load(total, 32), low(v)), 32);
    v128.store(total, f64x2.add(v128.load(total, 48), high(v)), 48);
  }
  for (; j < columns; j++, x += 4, total += 8) {
    let sum = load<f64>(total), at = x;
    for (let i = 0; i < 8; i++, at += stride) sum += <f64> load<f32>(at);
    store<f64>(total, sum);
  }
}

function areFinite(total: usize, count: i32): bool {
  let sum: f64 = 0;
  for (let i = 0; i < count; i++, total += 8) {
    const x = load<f64>(total);
    sum += x - x;
  }
  return sum == 0;
}

/**
 * The sums of columns `c0` to `c1` of `x`, `[rows, columns]`, times `factor`.
 *
 * @param total Memory for one double for each of these columns.
 */
export function sumColumns(
  x: usize,
  rows: i32,
  columns: i32,
  c0: i32,
  c1: i32,
  y: usize,
  factor: f64,
  total: usize,
): void {
  const stride = <usize> columns << 2, count = c1 - c0;
  x += <usize> c0 << 2;
  memory.fill(total, 0, <usize> count << 3);
  let i = 0;
  if (rows >= MANY_ROWS) {
    for (; i + 8 <= rows; i += 8) addEightRows(x + <usize> i * stride, stride, count, total);
    if (!areFinite(total, count)) {
      memory.fill(total, 0, <usize> count << 3);
      i = 0;
    }
  }
  // A block of rows stays in the cache while its columns are summed; more rows are more streams of
  // memory than a processor fetches ahead.
  x += <usize> i * stride;
  for (; i < rows; i += 16, x += stride << 4) {
    addToDoubles(x, stride, min(16, rows - i), count, total);
  }
  roundDoubles(total, count, factor, y + (<usize> c0 << 2));
}

/**
 * The sums along the middle axis of `x`, `[outer, size, inner]`, times `factor`, for outer indices
 * `begin` to `end`.
 *
 * @param total Memory for `inner` doubles.
 */
export function sumMiddle(
  x: usize,
  begin: i32,
  end: i32,
  size: i32,
  inner: i32,
  y: usize,
  factor: f64,
  total: usize,
): void {
  for (let outer = begin; outer < end; outer++) {
    const from = x + (<usize> outer * <usize> size * <usize> inner << 2);
    sumColumns(from, size, inner, 0, inner, y + (<usize> outer * <usize> inner << 2), factor, total);
  }
}

/** Adds the products of rows, `[rows, columns]`, to doubles, `[columns]`. */
function addProducts(a: usize, b: usize, rows: i32, columns: i32, total: usize): void {
  const stride = <usize> columns << 2;
  let j = 0;
  for (; j + 4 <= columns; j += 4, a += 16, b += 16, total += 32) {
    let u = v128.load(total), v = v128.load(total, 16);
    let left = a, right = b;
    for (let i = 0; i < rows; i++, left += stride, right += stride) {
      const x = v128.load(left), y = v128.load(right);
      u = f64x2.add(u, f64x2.mul(low(x), low(y)));
      v = f64x2.add(v, f64x2.mul(high(x), high(y)));
    }
    v128.store(total, u);
    v128.store(total, v, 16);
  }
  for (; j < columns; j++, a += 4, b += 4, total += 8) {
    let sum = load<f64>(total);
    let left = a, right = b;
    for (let i = 0; i < rows; i++, left += stride, right += stride) {
      sum += <f64> load<f32>(left) * <f64> load<f32>(right);
    }
    store<f64>(total, sum);
  }
}

/**
 * Sums of products along the middle axis, in doubles.
 *
 * @param scratch Memory for `inner` doubles.
 */
export function sumProducts(
  a: usize,
  b: usize,
  begin: i32,
  end: i32,
  size: i32,
  inner: i32,
  y: usize,
  scratch: usize,
): void {
  for (let outer = begin; outer < end; outer++) {
    const skip = <usize> outer * <usize> size * <usize> inner << 2;
    let left = a + skip, right = b + skip;
    if (inner == 1) {
      let u = f64x2.splat(0), v = u;
      let i = 0;
      for (; i + 4 <= size; i += 4, left += 16, right += 16) {
        const x = v128.load(left), y = v128.load(right);
        u = f64x2.add(u, f64x2.mul(low(x), low(y)));
        v = f64x2.add(v, f64x2.mul(high(x), high(y)));
      }
      u = f64x2.add(u, v);
      let total = f64x2.extract_lane(u, 0) + f64x2.extract_lane(u, 1);
      for (; i < size; i++, left += 4, right += 4) {
        total += <f64> load<f32>(left) * <f64> load<f32>(right);
      }
      store<f32>(y + (<usize> outer << 2), <f32> total);
      continue;
    }
    memory.fill(scratch, 0, <usize> inner << 3);
    for (let i = 0; i < size; i += 64) {
      const block = <usize> i * <usize> inner << 2;
      addProducts(left + block, right + block, min(64, size - i), inner, scratch);
    }
    roundDoubles(scratch, inner, 1, y + (<usize> outer * <usize> inner << 2));
  }
}
