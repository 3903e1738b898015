/**
 * Sigmoid and hyperbolic tangent of vectors of four floats, to about one unit in the last place.
 *
 * Both are made of `e ** y = 2 ** n * e ** r`, where `r` is in [-ln 2 / 2, ln 2 / 2] and `e ** r` is
 * a polynomial (Moshier, "Cephes Math Library", 1992).
 */
import { madd } from "./vector";

/** A float that has no bits left for a fraction: adding it rounds to an integer. */
const ROUND: f32 = 12582912;

/** `y / ln 2`, rounded, plus {@linkcode ROUND}: the lowest bits are the integer. */
@inline
function quotient(y: v128): v128 {
  return madd(y, f32x4.splat(1.44269504), f32x4.splat(ROUND));
}

/** `y - n ln 2`; ln 2 comes in two parts, so that the first product is exact. */
@inline
function remainder(y: v128, n: v128): v128 {
  return madd(n, f32x4.splat(2.12194440e-4), madd(n, f32x4.splat(-0.693359375), y));
}

/** `2 ** n`, of the result of {@linkcode quotient}. */
@inline
function power(rounded: v128): v128 {
  return i32x4.add(i32x4.shl(rounded, 23), i32x4.splat(0x3f800000));
}

/** `e ** r - 1` for small `r`. */
@inline
function smallExponential(r: v128): v128 {
  let p = madd(r, f32x4.splat(1.9875691500e-4), f32x4.splat(1.3981999507e-3));
  p = madd(p, r, f32x4.splat(8.3334519073e-3));
  p = madd(p, r, f32x4.splat(4.1665795894e-2));
  p = madd(p, r, f32x4.splat(1.6666665459e-1));
  p = madd(p, r, f32x4.splat(5.0000001201e-1));
  return madd(f32x4.mul(r, r), p, r);
}

/** `1 / (1 + e ** -x)`; a result below the smallest normal number is 0. */
@inline
export function sigmoid(x: v128): v128 {
  const size = f32x4.abs(x);
  // In this order of operands NaN stays NaN.
  const y = f32x4.neg(f32x4.pmin(size, f32x4.splat(87.3)));
  const rounded = quotient(y);
  const r = remainder(y, f32x4.sub(rounded, f32x4.splat(ROUND)));
  const scale = power(rounded);
  const small = madd(scale, smallExponential(r), scale);
  const e = v128.andnot(small, f32x4.gt(size, f32x4.splat(87.3)));
  const one = f32x4.splat(1);
  return f32x4.div(v128.bitselect(e, one, f32x4.lt(x, f32x4.splat(0))), f32x4.add(one, e));
}

/** The hyperbolic tangent, `(e ** 2x - 1) / (e ** 2x + 1)`; zeros keep their sign. */
@inline
export function tanh(x: v128): v128 {
  const size = f32x4.pmin(f32x4.abs(x), f32x4.splat(10));
  const y = f32x4.add(size, size);
  const rounded = quotient(y);
  const r = remainder(y, f32x4.sub(rounded, f32x4.splat(ROUND)));
  const scale = power(rounded);
  const m = madd(scale, smallExponential(r), f32x4.sub(scale, f32x4.splat(1)));
  const t = f32x4.div(m, f32x4.add(m, f32x4.splat(2)));
  return v128.bitselect(t, x, i32x4.splat(0x7fffffff));
}
