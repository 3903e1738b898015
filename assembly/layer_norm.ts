/** Normalisation of the rows of a matrix, and its gradients. */
import { slopeSums } from "./slope_sums";
import { madd, sum } from "./vector";

/** Elements whose sum is made in floats: longer sums lose precision. */
const PART: i32 = 256;

/** The sum of `size` elements. */
function total(x: usize, size: i32): f64 {
  let all: f64 = 0;
  let i: i32 = 0;
  while (i + 4 <= size) {
    let a = f32x4.splat(0), b = a;
    const end = min(i + PART, size);
    for (; i + 8 <= end; i += 8, x += 32) {
      a = f32x4.add(a, v128.load(x));
      b = f32x4.add(b, v128.load(x, 16));
    }
    for (; i + 4 <= end; i += 4, x += 16) a = f32x4.add(a, v128.load(x));
    all += <f64> sum(f32x4.add(a, b));
  }
  for (; i < size; i++, x += 4) all += <f64> load<f32>(x);
  return all;
}

/** The sum of the squares of the distances from `mean`. */
function spread(x: usize, size: i32, mean: f32): f64 {
  const middle = f32x4.splat(mean);
  let all: f64 = 0;
  let i: i32 = 0;
  while (i + 4 <= size) {
    let a = f32x4.splat(0), b = a;
    const end = min(i + PART, size);
    for (; i + 8 <= end; i += 8, x += 32) {
      const u = f32x4.sub(v128.load(x), middle), v = f32x4.sub(v128.load(x, 16), middle);
      a = madd(u, u, a);
      b = madd(v, v, b);
    }
    for (; i + 4 <= end; i += 4, x += 16) {
      const u = f32x4.sub(v128.load(x), middle);
      a = madd(u, u, a);
    }
    all += <f64> sum(f32x4.add(a, b));
  }
  for (; i < size; i++, x += 4) {
    const u = load<f32>(x) - mean;
    all += <f64> (u * u);
  }
  return all;
}

@inline
function meanOf(x: usize, size: i32): f32 {
  return <f32> (total(x, size) / <f64> size);
}

@inline
function inverseOf(x: usize, size: i32, mean: f32, epsilon: f64): f32 {
  return <f32> (1 / sqrt<f64>(spread(x, size, mean) / <f64> size + epsilon));
}

/** The numbers at `x`, or ones where it is 0. */
@inline
function factors(x: usize, offset: usize): v128 {
  return x ? v128.load(x + offset) : f32x4.splat(1);
}

@inline
function factor(x: usize, offset: usize): f32 {
  return x ? load<f32>(x + offset) : 1;
}

/**
 * Rows `r0` to `r1` of `(x - mean) / sqrt(variance + epsilon) * scale + offset`, with mean and
 * variance of each row.
 *
 * @param scale `[size]`, or 0 for ones.
 * @param offset `[size]`, or 0 for zeros.
 */
export function layerNorm(
  x: usize,
  scale: usize,
  offset: usize,
  y: usize,
  r0: i32,
  r1: i32,
  size: i32,
  epsilon: f64,
  _scratch: usize,
): void {
  const stride = <usize> size << 2;
  x += <usize> r0 * stride;
  y += <usize> r0 * stride;
  for (let r = r0; r < r1; r++, x += stride, y += stride) {
    const mean = meanOf(x, size), inverse = inverseOf(x, size, mean, epsilon);
    const middle = f32x4.splat(mean), inverses = f32x4.splat(inverse);
    let i: i32 = 0;
    for (let o: usize = 0; i + 4 <= size; i += 4, o += 16) {
      const u = f32x4.mul(f32x4.sub(v128.load(x + o), middle), inverses);
      const plus = offset ? v128.load(offset + o) : f32x4.splat(0);
      v128.store(y + o, madd(u, factors(scale, o), plus));
    }
    for (; i < size; i++) {
      const o = <usize> i << 2;
      const plus: f32 = offset ? load<f32>(offset + o) : 0;
      store<f32>(y + o, (load<f32>(x + o) - mean) * inverse * factor(scale, o) + plus);
    }
  }
}

/**
 * Rows `r0` to `r1` of the gradient of `x`.
 *
 * @param statistics Mean and inverse deviation of each row, `[rows, 2]`, which this call writes.
 */
export function layerNormGradient(
  dy: usize,
  x: usize,
  scale: usize,
  dx: usize,
  statistics: usize,
  r0: i32,
  r1: i32,
  size: i32,
  epsilon: f64,
  _scratch: usize,
): void {
  const stride = <usize> size << 2;
  dy += <usize> r0 * stride;
  x += <usize> r0 * stride;
  dx += <usize> r0 * stride;
  statistics += <usize> r0 << 3;
  for (let r = r0; r < r1; r++, dy += stride, x += stride, dx += stride, statistics += 8) {
    const mean = meanOf(x, size), inverse = inverseOf(x, size, mean, epsilon);
    store<f32>(statistics, mean);
    store<f32>(statistics, inverse, 4);
    const middle = f32x4.splat(mean), inverses = f32x4.splat(inverse);
    // The sums of g = dy * scale, and of g times the normalised x.
    let first: f64 = 0, second: f64 = 0;
    let i: i32 = 0;
    while (i + 4 <= size) {
      let a = f32x4.splat(0), b = a, c = a, d = a;
      const end = min(i + PART, size);
      for (; i + 8 <= end; i += 8) {
        const o = <usize> i << 2;
        const g = f32x4.mul(v128.load(dy + o), factors(scale, o));
        const h = f32x4.mul(v128.load(dy + o, 16), factors(scale, o + 16));
        a = f32x4.add(a, g);
        c = f32x4.add(c, h);
        b = madd(g, f32x4.mul(f32x4.sub(v128.load(x + o), middle), inverses), b);
        d = madd(h, f32x4.mul(f32x4.sub(v128.load(x + o, 16), middle), inverses), d);
      }
      for (; i + 4 <= end; i += 4) {
        const o = <usize> i << 2;
        const g = f32x4.mul(v128.load(dy + o), factors(scale, o));
        a = f32x4.add(a, g);
        b = madd(g, f32x4.mul(f32x4.sub(v128.load(x + o), middle), inverses), b);
      }
      first += <f64> sum(f32x4.add(a, c));
      second += <f64> sum(f32x4.add(b, d));
    }
    for (; i < size; i++) {
      const o = <usize> i << 2;
      const g = load<f32>(dy + o) * factor(scale, o);
      first += <f64> g;
      second += <f64> (g * ((load<f32>(x + o) - mean) * inverse));
    }
    const share = <f32> (first / <f64> size), slope = <f32> (second / <f64> size);
    const shares = f32x4.splat(share), slopes = f32x4.splat(slope);
    i = 0;
    for (let o: usize = 0; i + 4 <= size; i += 4, o += 16) {
      const g = f32x4.mul(v128.load(dy + o), factors(scale, o));
      const u = f32x4.mul(f32x4.sub(v128.load(x + o), middle), inverses);
      const rest = f32x4.sub(f32x4.sub(g, shares), f32x4.mul(u, slopes));
      v128.store(dx + o, f32x4.mul(rest, inverses));
    }
    for (; i < size; i++) {
      const o = <usize> i << 2;
      const g = load<f32>(dy + o) * factor(scale, o);
      const u = (load<f32>(x + o) - mean) * inverse;
      store<f32>(dx + o, (g - share - u * slope) * inverse);
    }
  }
}

/**
 * Columns `c0` to `c1` of the gradients of scale and offset, `[size]` each.
 *
 * @param statistics Mean and inverse deviation of each row, `[rows, 2]`.
 * @param scratch Memory for two doubles and two floats for each of these columns.
 */
export function layerNormSums(
  dy: usize,
  x: usize,
  statistics: usize,
  rows: i32,
  size: i32,
  c0: i32,
  c1: i32,
  scale: usize,
  offset: usize,
  scratch: usize,
): void {
  slopeSums(dy, x, statistics, true, rows, size, c0, c1, offset, scale, scratch);
}
