/**
 * Functions of vectors of four floats, for every float: infinities, NaN, numbers that are not normal,
 * and the sign of zero. Their results are within two or three units in the last place.
 *
 * Polynomials from Moshier, Cephes Mathematical Library (1989), https://www.netlib.org/cephes/, and
 * that of `erf` from Eigen, https://eigen.tuxfamily.org.
 */
import { constant, constantInteger } from "./constants";
import { power } from "./softmax";
import { lessPowers, madd, wholePowers } from "./vector";

@inline
function splat(x: f32): v128 {
  return f32x4.splat(x);
}

/** `x`, where it is zero, else `y`: functions that keep zeros keep their sign. */
@inline
function keepZero(x: v128, y: v128): v128 {
  return v128.bitselect(x, y, f32x4.eq(x, splat(0)));
}

/** `x` within bounds; in this order of operands NaN stays NaN. */
@inline
export function clamp(x: v128, low: v128, high: v128): v128 {
  return f32x4.pmin(f32x4.pmax(x, low), high);
}

/** `2 ** n`, for integers of which the power is a normal number. */
@inline
function powerOfTwo(n: v128): v128 {
  return i32x4.shl(i32x4.add(n, constantInteger(127)), 23);
}

/** `e ** r - 1 - r`, over `r ** 2`, for at most half of ln 2. */
@inline
function tailOfExp(r: v128): v128 {
  let p = constant(1.9875691500e-4);
  p = madd(p, r, constant(1.3981999507e-3));
  p = madd(p, r, constant(8.3334519073e-3));
  p = madd(p, r, constant(4.1665795894e-2));
  p = madd(p, r, constant(1.6666665459e-1));
  return madd(p, r, constant(5.0000001201e-1));
}

/** `e ** x` times a power of 2, which is 1 if `zero` is the bits of `wholePowers(0)`. */
@inline
function exponentialFrom(x: v128, zero: v128): v128 {
  const z = wholePowers(x);
  const r = lessPowers(x, f32x4.sub(z, constant(12582912)));
  const y = f32x4.add(madd(tailOfExp(r), f32x4.mul(r, r), r), constant(1));
  // Two factors, as the power itself may not be a normal number.
  const n = i32x4.sub(z, zero), half = i32x4.shr_s(n, 1);
  return f32x4.mul(f32x4.mul(y, powerOfTwo(half)), powerOfTwo(i32x4.sub(n, half)));
}

/** `e ** x`. */
@inline
export function exponential(x: v128): v128 {
  return exponentialFrom(clamp(x, constant(-104), constant(89)), constantInteger(0x4b400000));
}

/** `e ** x / 2`, which is finite where `e ** x` is not, for `x` that is not negative. */
@inline
export function halfOfExponential(x: v128): v128 {
  return exponentialFrom(f32x4.pmin(x, constant(90)), constantInteger(0x4b400001));
}

/** `e ** x - 1`. */
@inline
export function exponentialLessOne(x: v128): v128 {
  const c = clamp(x, constant(-30), constant(89));
  const z = wholePowers(c);
  const r = lessPowers(c, f32x4.sub(z, constant(12582912)));
  const y = madd(tailOfExp(r), f32x4.mul(r, r), r);
  const n = i32x4.sub(z, constantInteger(0x4b400000)), half = i32x4.shr_s(n, 1);
  const a = powerOfTwo(half), rest = i32x4.sub(n, half);
  const one = powerOfTwo(i32x4.neg(rest));
  return keepZero(x, f32x4.mul(f32x4.add(f32x4.mul(y, a), f32x4.sub(a, one)), powerOfTwo(rest)));
}

/** `e ** x - 1`, for `x` that is not positive: below -20 it is -1. */
@inline
export function exponentialLessOneOfNegative(x: v128): v128 {
  const c = f32x4.pmax(x, constant(-20));
  const z = wholePowers(c);
  const r = lessPowers(c, f32x4.sub(z, constant(12582912)));
  // The bits of 12582912 less those of 127, the exponent of 1.
  const a = i32x4.shl(i32x4.sub(z, constantInteger(0x4b3fff81)), 23);
  return madd(madd(tailOfExp(r), f32x4.mul(r, r), r), a, f32x4.sub(a, constant(1)));
}

/** The natural logarithm. */
@inline
export function logarithm(x: v128): v128 {
  const isSmall = f32x4.lt(x, constant(1.17549435e-38));
  const normal = v128.bitselect(f32x4.mul(x, constant(8388608)), x, isSmall);
  // The mantissa is between the roots of 1/2 and 2.
  const n = i32x4.shr_s(i32x4.sub(normal, constantInteger(0x3f3504f3)), 23);
  const m = f32x4.sub(i32x4.sub(normal, i32x4.shl(n, 23)), constant(1));
  const power = f32x4.sub(f32x4.convert_i32x4_s(n), v128.and(isSmall, constant(23)));
  let p = constant(7.0376836292e-2);
  p = madd(p, m, constant(-1.1514610310e-1));
  p = madd(p, m, constant(1.1676998740e-1));
  p = madd(p, m, constant(-1.2420140846e-1));
  p = madd(p, m, constant(1.4249322787e-1));
  p = madd(p, m, constant(-1.6668057665e-1));
  p = madd(p, m, constant(2.0000714765e-1));
  p = madd(p, m, constant(-2.4999993993e-1));
  p = madd(p, m, constant(3.3333331174e-1));
  const square = f32x4.mul(m, m);
  let y = madd(power, constant(-2.12194440e-4), f32x4.mul(f32x4.mul(p, m), square));
  y = f32x4.add(madd(square, constant(-0.5), y), m);
  y = madd(power, constant(0.693359375), y);
  // Infinity and NaN are their own logarithms.
  y = v128.bitselect(y, x, f32x4.lt(x, constant(Infinity)));
  y = v128.bitselect(constant(NaN), y, f32x4.lt(x, splat(0)));
  return v128.bitselect(constant(-Infinity), y, f32x4.eq(x, splat(0)));
}

/** The natural logarithm of `1 + x`. */
@inline
export function logarithmOfMore(x: v128): v128 {
  const u = f32x4.add(x, constant(1));
  // The rounding error of the sum, to the first order.
  const lost = f32x4.div(f32x4.sub(x, f32x4.sub(u, constant(1))), u);
  const isUsual = v128.and(f32x4.gt(u, splat(0)), f32x4.lt(u, constant(Infinity)));
  return keepZero(x, f32x4.add(logarithm(u), v128.and(lost, isUsual)));
}

/** `e ** y - 1` of a fraction `r` of `y`, of which the other part is a power of two. */
@inline
function fraction(r: v128): v128 {
  return madd(f32x4.mul(r, r), tailOfExp(r), r);
}

/** `2 ** n`, of the result of `wholePowers`, where that is a normal number. */
@inline
function normalPower(z: v128): v128 {
  return i32x4.add(i32x4.shl(z, 23), constantInteger(0x3f800000));
}

/** `1 / (1 + e ** -x)`; a result below the smallest normal number is 0. */
@inline
export function sigmoid(x: v128): v128 {
  const least = v128.or(x, constant(-0.0));
  // In this order of operands NaN stays NaN.
  const y = f32x4.pmax(least, constant(-87.3365));
  const z = wholePowers(y), scale = normalPower(z);
  const small = madd(scale, fraction(lessPowers(y, f32x4.sub(z, constant(12582912)))), scale);
  const e = v128.andnot(small, f32x4.lt(least, constant(-87.3365)));
  const numerator = v128.bitselect(e, constant(1), f32x4.lt(x, splat(0)));
  return f32x4.div(numerator, f32x4.add(constant(1), e));
}

/** The hyperbolic tangent, `(e ** 2x - 1) / (e ** 2x + 1)`; zeros keep their sign. */
@inline
export function tanh(x: v128): v128 {
  const size = f32x4.pmin(v128.andnot(x, constant(-0.0)), constant(10));
  const y = f32x4.add(size, size);
  const z = wholePowers(y), scale = normalPower(z);
  const rest = fraction(lessPowers(y, f32x4.sub(z, constant(12582912))));
  const e = madd(scale, rest, f32x4.sub(scale, constant(1)));
  const t = f32x4.div(e, f32x4.add(e, constant(2)));
  return v128.or(t, v128.and(x, constant(-0.0)));
}

/** `ln(1 + e ** x)`. */
@inline
export function softplus(x: v128): v128 {
  const e = exponential(v128.or(x, constant(-0.0)));
  // The logarithm of `1 + e` is twice the inverse hyperbolic tangent of `s`, at most 1/3.
  const s = f32x4.div(e, f32x4.add(e, constant(2))), t = f32x4.mul(s, s);
  let p = constant(2.0 / 15);
  p = madd(p, t, constant(2.0 / 13));
  p = madd(p, t, constant(2.0 / 11));
  p = madd(p, t, constant(2.0 / 9));
  p = madd(p, t, constant(2.0 / 7));
  p = madd(p, t, constant(2.0 / 5));
  p = madd(p, t, constant(2.0 / 3));
  p = madd(p, t, constant(2));
  return madd(p, s, f32x4.pmax(x, splat(0)));
}

/** The error function, for numbers between -4 and 4. */
@inline
function quotientOfErf(x: v128): v128 {
  const s = f32x4.mul(x, x);
  let p = constant(-2.72614225801306e-10);
  p = madd(p, s, constant(2.77068142495902e-8));
  p = madd(p, s, constant(-2.10102402082508e-6));
  p = madd(p, s, constant(-5.69250639462346e-5));
  p = madd(p, s, constant(-7.34990630326855e-4));
  p = madd(p, s, constant(-2.95459980854025e-3));
  p = madd(p, s, constant(-1.60960333262415e-2));
  let q = constant(-1.45660718464996e-5);
  q = madd(q, s, constant(-2.13374055278905e-4));
  q = madd(q, s, constant(-1.68282697438203e-3));
  q = madd(q, s, constant(-7.37332916720468e-3));
  q = madd(q, s, constant(-1.42647390514189e-2));
  // The product last: with tiny numbers, the first one would not be normal.
  return f32x4.mul(x, f32x4.div(p, q));
}

/** The error function. */
@inline
export function errorFunction(x: v128): v128 {
  return keepZero(x, quotientOfErf(clamp(x, constant(-4), constant(4))));
}

/** The normal distribution up to `x`: 0 or 1 where floats do not tell it from that. */
@inline
function normal(x: v128): v128 {
  const z = f32x4.mul(x, constant(0.70710678118654752));
  const y = madd(quotientOfErf(z), constant(0.5), constant(0.5));
  const limit = v128.and(f32x4.gt(x, splat(0)), constant(1));
  return v128.bitselect(limit, y, f32x4.gt(v128.andnot(z, constant(-0.0)), constant(3.9)));
}

/** `x` times the normal distribution up to `x` (Hendrycks and Gimpel, 2016). */
@inline
export function gelu(x: v128): v128 {
  return f32x4.mul(x, normal(x));
}

@inline
export function geluSlope(x: v128): v128 {
  const half = f32x4.mul(f32x4.mul(x, x), constant(-0.5));
  return madd(x, f32x4.mul(power(half), constant(0.3989422804)), normal(x));
}

/** `(1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3))) / 2`. */
@inline
function normalByTanh(x: v128): v128 {
  const factor = madd(f32x4.mul(x, x), constant(0.044715), constant(1));
  return sigmoid(f32x4.mul(f32x4.mul(x, constant(1.5957691216)), factor));
}

/** The form of `gelu` by the hyperbolic tangent. */
@inline
export function geluTanh(x: v128): v128 {
  return f32x4.mul(x, normalByTanh(x));
}

@inline
export function geluTanhSlope(x: v128): v128 {
  const y = normalByTanh(x);
  const factor = madd(f32x4.mul(x, x), constant(0.134145), constant(1));
  const inner = f32x4.mul(factor, constant(1.5957691216));
  return madd(f32x4.mul(x, inner), f32x4.mul(y, f32x4.sub(constant(1), y)), y);
}

/** -1, 0 or 1, as `x` is; 0 for NaN. */
@inline
export function sign(x: v128): v128 {
  const one = constant(1), zero = splat(0);
  return f32x4.sub(v128.and(f32x4.gt(x, zero), one), v128.and(f32x4.lt(x, zero), one));
}
