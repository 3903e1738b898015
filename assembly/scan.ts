/**
 * Running sums and products along the middle axis of `[outer, size, inner]`, for outer indices `begin`
 * to `end`, with the gradients of products, and arithmetic sequences. Floats are combined in
 * doubles.
 */
import { demote, high, low } from "./reductions";

@inline
function combine(isProduct: bool, a: f64, b: f64): f64 {
  return isProduct ? a * b : a + b;
}

@inline
function combineTwo(isProduct: bool, a: v128, b: v128): v128 {
  return isProduct ? f64x2.mul(a, b) : f64x2.add(a, b);
}

/** One row after the other; four of them at once hide that each step waits for the one before. */
@inline
function scanRows(isProduct: bool, x: usize, rows: i32, size: i32, step: isize, y: usize, exclusive: bool): void {
  const start: f64 = isProduct ? 1 : 0, stride = <usize> size << 2;
  let row = 0;
  for (; row + 4 <= rows; row += 4, x += stride << 2, y += stride << 2) {
    let a = start, b = start, c = start, d = start;
    let at: isize = step < 0 ? <isize> stride - 4 : 0;
    for (let k = 0; k < size; k++, at += step) {
      const p = x + at, q = y + at;
      const e = combine(isProduct, a, <f64> load<f32>(p));
      const f = combine(isProduct, b, <f64> load<f32>(p + stride));
      const g = combine(isProduct, c, <f64> load<f32>(p + 2 * stride));
      const h = combine(isProduct, d, <f64> load<f32>(p + 3 * stride));
      store<f32>(q, <f32> (exclusive ? a : e));
      store<f32>(q + stride, <f32> (exclusive ? b : f));
      store<f32>(q + 2 * stride, <f32> (exclusive ? c : g));
      store<f32>(q + 3 * stride, <f32> (exclusive ? d : h));
      a = e;
      b = f;
      c = g;
      d = h;
    }
  }
  for (; row < rows; row++, x += stride, y += stride) {
    let a = start;
    let at: isize = step < 0 ? <isize> stride - 4 : 0;
    for (let k = 0; k < size; k++, at += step) {
      const e = combine(isProduct, a, <f64> load<f32>(x + at));
      store<f32>(y + at, <f32> (exclusive ? a : e));
      a = e;
    }
  }
}

/** All columns of one outer index; `totals` is memory for `inner` doubles. */
@inline
function scanColumns(
  isProduct: bool,
  x: usize,
  size: i32,
  inner: i32,
  step: isize,
  y: usize,
  exclusive: bool,
  totals: usize,
): void {
  const start: f64 = isProduct ? 1 : 0;
  for (let j = 0; j < inner; j++) store<f64>(totals + (<usize> j << 3), start);
  for (let k = 0; k < size; k++, x += step, y += step) {
    let total = totals, from = x, to = y;
    let j = 0;
    for (; j + 4 <= inner; j += 4, total += 32, from += 16, to += 16) {
      const u = v128.load(from), a = v128.load(total), b = v128.load(total, 16);
      const c = combineTwo(isProduct, a, low(u)), d = combineTwo(isProduct, b, high(u));
      v128.store(total, c);
      v128.store(total, d, 16);
      v128.store(to, exclusive ? demote(a, b) : demote(c, d));
    }
    for (; j < inner; j++, total += 8, from += 4, to += 4) {
      const a = load<f64>(total), c = combine(isProduct, a, <f64> load<f32>(from));
      store<f64>(total, c);
      store<f32>(to, <f32> (exclusive ? a : c));
    }
  }
}

@inline
function scanFloats(
  isProduct: bool,
  x: usize,
  begin: i32,
  end: i32,
  size: i32,
  inner: i32,
  y: usize,
  exclusive: bool,
  reverse: bool,
  totals: usize,
): void {
  const bytes = <usize> size * <usize> inner << 2;
  const step: isize = reverse ? -(<isize> inner << 2) : <isize> inner << 2;
  x += <usize> begin * bytes;
  y += <usize> begin * bytes;
  if (inner == 1) return scanRows(isProduct, x, end - begin, size, step, y, exclusive);
  const first = reverse ? bytes - (<usize> inner << 2) : 0;
  for (let outer = begin; outer < end; outer++, x += bytes, y += bytes) {
    scanColumns(isProduct, x + first, size, inner, step, y + first, exclusive, totals);
  }
}

/**
 * Running sums or products.
 *
 * @param totals Memory for `inner` doubles.
 */
export function scan(
  isProduct: i32,
  x: usize,
  begin: i32,
  end: i32,
  size: i32,
  inner: i32,
  y: usize,
  exclusive: i32,
  reverse: i32,
  totals: usize,
): void {
  if (isProduct) scanFloats(true, x, begin, end, size, inner, y, exclusive != 0, reverse != 0, totals);
  else scanFloats(false, x, begin, end, size, inner, y, exclusive != 0, reverse != 0, totals);
}

/** Running sums of integers, which wrap. */
export function scanIntegers(
  x: usize,
  begin: i32,
  end: i32,
  size: i32,
  inner: i32,
  y: usize,
  exclusive: i32,
  reverse: i32,
  totals: usize,
): void {
  const bytes = <usize> size * <usize> inner << 2;
  const step: isize = reverse ? -(<isize> inner << 2) : <isize> inner << 2;
  const first = reverse ? bytes - (<usize> inner << 2) : 0;
  for (let outer = begin; outer < end; outer++) {
    let from = x + <usize> outer * bytes + first, to = y + <usize> outer * bytes + first;
    if (inner == 1) {
      let total = 0;
      for (let k = 0; k < size; k++, from += step, to += step) {
        const next = total + load<i32>(from);
        store<i32>(to, exclusive ? total : next);
        total = next;
      }
      continue;
    }
    memory.fill(totals, 0, <usize> inner << 2);
    for (let k = 0; k < size; k++, from += step, to += step) {
      let j: usize = 0;
      const columns = <usize> inner << 2;
      for (; j + 16 <= columns; j += 16) {
        const a = v128.load(totals + j), c = i32x4.add(a, v128.load(from + j));
        v128.store(totals + j, c);
        v128.store(to + j, exclusive ? a : c);
      }
      for (; j < columns; j += 4) {
        const a = load<i32>(totals + j), c = a + load<i32>(from + j);
        store<i32>(totals + j, c);
        store<i32>(to + j, exclusive ? a : c);
      }
    }
  }
}

/**
 * The gradients of running products, exact where factors are 0: the gradient by factor `k` is the
 * product before `k` times `s[k]`, where `s[k] = dy[k] + x[k + 1] s[k + 1]`.
 *
 * @param isLast Whether only the last products have gradients, `dy` `[outer, inner]`.
 */
export function productSlope(
  dy: usize,
  x: usize,
  dx: usize,
  begin: i32,
  end: i32,
  size: i32,
  inner: i32,
  exclusive: i32,
  reverse: i32,
  isLast: i32,
  _scratch: usize,
): void {
  const bytes = <usize> size * <usize> inner << 2;
  const step: isize = reverse ? -(<isize> inner << 2) : <isize> inner << 2;
  const first = reverse ? bytes - (<usize> inner << 2) : 0;
  for (let outer = begin; outer < end; outer++) {
    for (let j = 0; j < inner; j++) {
      const start = <usize> outer * bytes + first + (<usize> j << 2);
      let at = start;
      let product: f64 = 1;
      for (let k = 0; k < size; k++, at += step) {
        const factor = <f64> load<f32>(x + at);
        store<f32>(dx + at, <f32> product);
        product *= factor;
      }
      at -= step;
      const slope = isLast ? <f64> load<f32>(dy + (<usize> outer * <usize> inner + <usize> j << 2)) : 0;
      let later: f64 = 0, factor: f64 = 0;
      for (let k = size - 1; k >= 0; k--, at -= step) {
        let own: f64 = 0;
        if (isLast) own = k == size - 1 ? slope : 0;
        else if (!exclusive) own = <f64> load<f32>(dy + at);
        else if (k + 1 < size) own = <f64> load<f32>(dy + at + step);
        later = k + 1 < size ? own + factor * later : own;
        factor = <f64> load<f32>(x + at);
        store<f32>(dx + at, <f32> (<f64> load<f32>(dx + at) * later));
      }
    }
  }
}

/** The numbers `start + i * step` for `i` from `begin` to `end`, as floats. */
export function sequence(y: usize, begin: i32, end: i32, start: f64, step: f64, _scratch: usize): void {
  let i = begin;
  const a = f64x2.splat(start), b = f64x2.splat(step);
  let p = f64x2.replace_lane(f64x2.splat(<f64> i), 1, <f64> (i + 1));
  let q = f64x2.add(p, f64x2.splat(2));
  const four = f64x2.splat(4);
  y += <usize> begin << 2;
  for (; i + 4 <= end; i += 4, y += 16) {
    v128.store(y, demote(f64x2.add(a, f64x2.mul(p, b)), f64x2.add(a, f64x2.mul(q, b))));
    p = f64x2.add(p, four);
    q = f64x2.add(q, four);
  }
  for (; i < end; i++, y += 4) store<f32>(y, <f32> (start + <f64> i * step));
}

/** As `sequence`, of integers. */
export function sequenceOfIntegers(y: usize, begin: i32, end: i32, start: f64, step: f64, _scratch: usize): void {
  let i = begin;
  const a = f64x2.splat(start), b = f64x2.splat(step);
  let p = f64x2.replace_lane(f64x2.splat(<f64> i), 1, <f64> (i + 1));
  const two = f64x2.splat(2);
  y += <usize> begin << 2;
  for (; i + 2 <= end; i += 2, y += 8) {
    v128.store64_lane(y, i32x4.trunc_sat_f64x2_s_zero(f64x2.add(a, f64x2.mul(p, b))), 0);
    p = f64x2.add(p, two);
  }
  for (; i < end; i++, y += 4) store<i32>(y, <i32> (start + <f64> i * step));
}
