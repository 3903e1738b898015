/** Softmax of rows, its logarithm, and their gradients. */
import { constant } from "./constants";
import { exp, largest, sum } from "./vector";

/** The natural logarithm of the host. */
@external("env", "log")
declare function log(x: f64): f64;

/** Elements whose sum is made in floats. */
const PART: i32 = 256;

/** `e ** x` for x <= 0, which is 0 where `exp` would clamp it to the smallest normal number. */
@inline
export function power(x: v128): v128 {
  return v128.andnot(exp(x), f32x4.lt(x, constant(-87.3)));
}

/** The largest of `size` elements. It may be any of them if one is NaN: then all results are NaN. */
export function top(x: usize, size: i32): f32 {
  let best = load<f32>(x);
  let i: i32 = 0;
  if (size >= 8) {
    let a = v128.load(x), b = v128.load(x, 16);
    for (i = 8, x += 32; i + 8 <= size; i += 8, x += 32) {
      a = f32x4.pmax(a, v128.load(x));
      b = f32x4.pmax(b, v128.load(x, 16));
    }
    best = largest(f32x4.pmax(a, b));
  }
  for (; i < size; i++, x += 4) best = max(best, load<f32>(x));
  return best;
}

/**
 * Rows `r0` to `r1` of the softmax of `x`, or of its logarithm.
 *
 * In the second case, `y` holds the powers until their sum is known.
 */
export function softmax(
  x: usize,
  y: usize,
  r0: i32,
  r1: i32,
  size: i32,
  logarithm: bool,
  _scratch: usize,
): void {
  const stride = <usize> size << 2;
  x += <usize> r0 * stride;
  y += <usize> r0 * stride;
  for (let r = r0; r < r1; r++, x += stride, y += stride) {
    const best = top(x, size);
    const shift = f32x4.splat(best);
    let all: f64 = 0;
    let i: i32 = 0;
    while (i + 4 <= size) {
      let some = f32x4.splat(0);
      for (const end = min(i + PART, size); i + 4 <= end; i += 4) {
        const o = <usize> i << 2;
        const z = power(f32x4.sub(v128.load(x + o), shift));
        if (!logarithm) v128.store(y + o, z);
        some = f32x4.add(some, z);
      }
      all += <f64> sum(some);
    }
    for (; i < size; i++) {
      const o = <usize> i << 2;
      const z = f32x4.extract_lane(power(f32x4.sub(v128.load32_splat(x + o), shift)), 0);
      if (!logarithm) store<f32>(y + o, z);
      all += <f64> z;
    }
    if (logarithm) subtract(x, y, size, best, <f32> log(all));
    else scale(y, size, <f32> (1 / all));
  }
}

/** Makes each of the rows `r0` to `r1` that has a NaN a row of NaN. */
export function spreadNaN(y: usize, r0: i32, r1: i32, size: i32, _scratch: usize): void {
  const stride = <usize> size << 2;
  y += <usize> r0 * stride;
  for (let r = r0; r < r1; r++, y += stride) {
    let a = f32x4.splat(0), b = a;
    let i: i32 = 0;
    let o = y;
    for (; i + 8 <= size; i += 8, o += 32) {
      a = f32x4.add(a, v128.load(o));
      b = f32x4.add(b, v128.load(o, 16));
    }
    let all = sum(f32x4.add(a, b));
    for (; i < size; i++, o += 4) all += load<f32>(o);
    if (isNaN(all)) scale(y, size, all);
  }
}

/** `y = x - a - b`. */
function subtract(x: usize, y: usize, size: i32, a: f32, b: f32): void {
  let i: i32 = 0;
  const u = f32x4.splat(a), v = f32x4.splat(b);
  for (; i + 4 <= size; i += 4, x += 16, y += 16) {
    v128.store(y, f32x4.sub(f32x4.sub(v128.load(x), u), v));
  }
  for (; i < size; i++, x += 4, y += 4) store<f32>(y, load<f32>(x) - a - b);
}

/** `y *= factor`. */
export function scale(y: usize, size: i32, factor: f32): void {
  let i: i32 = 0;
  const factors = f32x4.splat(factor);
  for (; i + 4 <= size; i += 4, y += 16) v128.store(y, f32x4.mul(v128.load(y), factors));
  for (; i < size; i++, y += 4) store<f32>(y, load<f32>(y) * factor);
}

/**
 * Rows `r0` to `r1` of the gradient of a softmax, or of its logarithm, from its result `y`:
 * `(dy - sum(dy * y)) * y`, or `dy - sum(dy) * e ** y`.
 */
export function softmaxGradient(
  dy: usize,
  y: usize,
  dx: usize,
  r0: i32,
  r1: i32,
  size: i32,
  logarithm: bool,
  _scratch: usize,
): void {
  const stride = <usize> size << 2;
  dy += <usize> r0 * stride;
  y += <usize> r0 * stride;
  dx += <usize> r0 * stride;
  for (let r = r0; r < r1; r++, dy += stride, y += stride, dx += stride) {
    let all: f64 = 0;
    let i: i32 = 0;
    while (i + 4 <= size) {
      let some = f32x4.splat(0), more = some;
      const end = min(i + PART, size);
      for (; i + 8 <= end; i += 8) {
        const p = dy + (<usize> i << 2), q = y + (<usize> i << 2);
        const d = v128.load(p), e = v128.load(p, 16);
        some = f32x4.add(some, logarithm ? d : f32x4.mul(d, v128.load(q)));
        more = f32x4.add(more, logarithm ? e : f32x4.mul(e, v128.load(q, 16)));
      }
      some = f32x4.add(some, more);
      for (; i + 4 <= end; i += 4) {
        const o = <usize> i << 2;
        const d = v128.load(dy + o);
        some = f32x4.add(some, logarithm ? d : f32x4.mul(d, v128.load(y + o)));
      }
      all += <f64> sum(some);
    }
    for (; i < size; i++) {
      const o = <usize> i << 2;
      all += <f64> (load<f32>(dy + o) * (logarithm ? 1 : load<f32>(y + o)));
    }
    const sums = f32x4.splat(<f32> all);
    const whole = <usize> (size & ~3) << 2;
    let o: usize = 0;
    for (; o < whole; o += 16) {
      v128.store(dx + o, slope(v128.load(dy + o), v128.load(y + o), sums, logarithm));
    }
    for (; o < stride; o += 4) {
      const d = slope(v128.load32_splat(dy + o), v128.load32_splat(y + o), sums, logarithm);
      store<f32>(dx + o, f32x4.extract_lane(d, 0));
    }
  }
}

@inline
function slope(dy: v128, y: v128, sums: v128, logarithm: bool): v128 {
  if (logarithm) return f32x4.sub(dy, f32x4.mul(sums, power(y)));
  return f32x4.mul(f32x4.sub(dy, sums), y);
}
