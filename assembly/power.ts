/** Powers, computed in doubles: a product with a logarithm loses digits in floats. */
import { constantDouble } from "./constants";
import { unary, unarySlope } from "./unary";
import { RECIPROCAL, SQUARE } from "./unary_functions";

/** `a * b + c`. */
@inline
function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f64x2.relaxed_madd(a, b, c);
  return f64x2.add(f64x2.mul(a, b), c);
}

/** The natural logarithms of two positive numbers, to about 10 digits. */
@inline
function logarithm(x: v128): v128 {
  // The mantissa is between the roots of 1/2 and 2.
  const n = i64x2.shr_s(i64x2.sub(x, i64x2.splat(0x3fe6a09e00000000)), 52);
  const m = i64x2.sub(x, i64x2.shl(n, 52));
  const power = f64x2.sub(i64x2.add(n, i64x2.splat(0x4338000000000000)), constantDouble(6755399441055744));
  const s = f64x2.div(f64x2.sub(m, constantDouble(1)), f64x2.add(m, constantDouble(1)));
  const t = f64x2.mul(s, s);
  let p = constantDouble(2.0 / 11);
  p = madd(p, t, constantDouble(2.0 / 9));
  p = madd(p, t, constantDouble(2.0 / 7));
  p = madd(p, t, constantDouble(2.0 / 5));
  p = madd(p, t, constantDouble(2.0 / 3));
  p = madd(p, t, constantDouble(2));
  return madd(power, constantDouble(0.6931471805599453), f64x2.mul(p, s));
}

/** `e ** x`, within the range of floats. */
@inline
function exponential(x: v128): v128 {
  x = f64x2.pmin(f64x2.pmax(x, constantDouble(-120)), constantDouble(120));
  const z = madd(x, constantDouble(1.4426950408889634), constantDouble(6755399441055744));
  const r = madd(f64x2.sub(z, constantDouble(6755399441055744)), constantDouble(-0.6931471805599453), x);
  let p = constantDouble(1.0 / 40320);
  p = madd(p, r, constantDouble(1.0 / 5040));
  p = madd(p, r, constantDouble(1.0 / 720));
  p = madd(p, r, constantDouble(1.0 / 120));
  p = madd(p, r, constantDouble(1.0 / 24));
  p = madd(p, r, constantDouble(1.0 / 6));
  p = madd(p, r, constantDouble(0.5));
  p = madd(p, r, constantDouble(1));
  p = madd(p, r, constantDouble(1));
  return f64x2.mul(p, i64x2.shl(i64x2.add(z, i64x2.splat(1023)), 52));
}

/** `a ** b` of two lanes, for positive and finite `a`, and finite `b`. */
function powerOfPositive(a: v128, b: v128): v128 {
  const product = f64x2.mul(f64x2.promote_low_f32x4(b), logarithm(f64x2.promote_low_f32x4(a)));
  return f32x4.demote_f64x2_zero(exponential(product));
}

/** `a ** b` of one number, as IEEE 754 has it: unlike in JavaScript, powers of 1 are 1. */
function powerOfOne(a: f32, b: f32): f32 {
  if (b == 0 || a == 1) return 1;
  if (a != a || b != b) return NaN;
  const size = abs(a);
  if (abs(b) == Infinity) return size == 1 ? 1 : (size > 1) == (b > 0) ? Infinity : 0;
  const isInteger = trunc(b) == b;
  const isOdd = isInteger && abs(b) < 16777216 && (<i32> b & 1) == 1;
  if (a < 0 && size < Infinity && !isInteger) return NaN;
  let result: f32;
  if (size == 0) result = b < 0 ? Infinity : 0;
  else if (size == Infinity) result = b < 0 ? 0 : Infinity;
  else result = f32x4.extract_lane(powerOfPositive(f32x4.splat(size), f32x4.splat(b)), 0);
  return isOdd && reinterpret<i32>(a) < 0 ? -result : result;
}

/** `a ** b`. */
function power(a: v128, b: v128): v128 {
  const isPositive = v128.and(f32x4.gt(a, f32x4.splat(0)), f32x4.lt(a, f32x4.splat(Infinity)));
  if (i32x4.all_true(v128.and(isPositive, f32x4.lt(f32x4.abs(b), f32x4.splat(Infinity))))) {
    const upperA = v128.shuffle<i64>(a, a, 1, 0), upperB = v128.shuffle<i64>(b, b, 1, 0);
    return v128.shuffle<i64>(powerOfPositive(a, b), powerOfPositive(upperA, upperB), 0, 2);
  }
  let y = f32x4.splat(powerOfOne(f32x4.extract_lane(a, 0), f32x4.extract_lane(b, 0)));
  y = f32x4.replace_lane(y, 1, powerOfOne(f32x4.extract_lane(a, 1), f32x4.extract_lane(b, 1)));
  y = f32x4.replace_lane(y, 2, powerOfOne(f32x4.extract_lane(a, 2), f32x4.extract_lane(b, 2)));
  return f32x4.replace_lane(y, 3, powerOfOne(f32x4.extract_lane(a, 3), f32x4.extract_lane(b, 3)));
}

/** `a ** b` with one exponent for all numbers, which is short for some exponents. */
function constantPower(a: v128, b: f32): v128 {
  if (b == 2) return f32x4.mul(a, a);
  if (b == 1) return a;
  if (b == 0) return f32x4.splat(1);
  if (b == 3) return f32x4.mul(f32x4.mul(a, a), a);
  if (b == -1) return f32x4.div(f32x4.splat(1), a);
  if (b == 0.5 || b == -0.5) {
    // Minus infinity and minus zero have roots here that are not those of `sqrt`.
    const root = f32x4.add(f32x4.sqrt(a), f32x4.splat(0));
    const all = v128.bitselect(f32x4.splat(Infinity), root, f32x4.eq(a, f32x4.splat(-Infinity)));
    return b > 0 ? all : f32x4.div(f32x4.splat(1), all);
  }
  return power(a, f32x4.splat(b));
}

/** `a ** b` for elements `begin` to `end`; a step is 1, or 0 for an operand that stays. */
export function powers(
  a: usize,
  b: usize,
  y: usize,
  begin: i32,
  end: i32,
  stepA: i32,
  stepB: i32,
  scratch: usize,
): void {
  if (stepB == 0) {
    const exponent = load<f32>(b);
    if (exponent == 2) return unary(SQUARE, a, y, begin, end, 0, 0, scratch);
    if (exponent == -1) return unary(RECIPROCAL, a, y, begin, end, 0, 0, scratch);
  }
  const skip = <usize> begin << 2;
  a += stepA ? skip : 0;
  b += stepB ? skip : 0;
  y += skip;
  let i = begin;
  if (stepB == 0) {
    const exponent = load<f32>(b);
    if (exponent == 3) {
      for (; i + 4 <= end; i += 4, a += 16, y += 16) {
        const x = v128.load(a);
        v128.store(y, f32x4.mul(f32x4.mul(x, x), x));
      }
    }
    for (; i + 4 <= end; i += 4, a += 16, y += 16) {
      v128.store(y, constantPower(v128.load(a), exponent));
    }
    for (; i < end; i++, a += 4, y += 4) {
      store<f32>(y, f32x4.extract_lane(constantPower(v128.load32_splat(a), exponent), 0));
    }
    return;
  }
  for (; i + 4 <= end; i += 4, a += stepA << 4, b += 16, y += 16) {
    v128.store(y, power(stepA ? v128.load(a) : v128.load32_splat(a), v128.load(b)));
  }
  for (; i < end; i++, a += stepA << 2, b += 4, y += 4) {
    const result = power(v128.load32_splat(a), v128.load32_splat(b));
    store<f32>(y, f32x4.extract_lane(result, 0));
  }
}

/** The gradient of `a ** b` by `a` times `dy`, for one exponent; 0 ** 0 is flat. */
export function powerSlope(
  dy: usize,
  a: usize,
  b: usize,
  dx: usize,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const exponent = load<f32>(b);
  if (exponent == 2) return unarySlope(SQUARE, dy, a, dx, begin, end, 0, 0, scratch);
  const skip = <usize> begin << 2;
  dy += skip;
  a += skip;
  dx += skip;
  const factor = f32x4.splat(exponent);
  const lower: f32 = exponent == 0 ? 0 : exponent - 1;
  let i = begin;
  for (; i + 4 <= end; i += 4, dy += 16, a += 16, dx += 16) {
    const slope = f32x4.mul(factor, constantPower(v128.load(a), lower));
    v128.store(dx, f32x4.mul(v128.load(dy), slope));
  }
  for (; i < end; i++, dy += 4, a += 4, dx += 4) {
    const slope = f32x4.mul(factor, constantPower(v128.load32_splat(a), lower));
    store<f32>(dx, f32x4.extract_lane(f32x4.mul(v128.load32_splat(dy), slope), 0));
  }
}
