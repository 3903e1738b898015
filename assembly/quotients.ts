/**
 * Quotients, remainders and angles, of two vectors. They are called, not made part of each of the
 * loops: those are several for each function.
 */
import { constant } from "./constants";
import { arcTangent } from "./arcs";
import { demote, high, low } from "./reductions";

/** The largest integer that is not above `a / b`. */
export function quotient(a: v128, b: v128): v128 {
  return demote(
    f64x2.floor(f64x2.div(low(a), low(b))),
    f64x2.floor(f64x2.div(high(a), high(b))),
  );
}

/** `a` less its quotient times `b`, which is exact for quotients below 2 ** 28. */
@inline
function rest(a: v128, b: v128, quotient: v128): v128 {
  return f64x2.sub(a, f64x2.mul(quotient, b));
}

/** The remainder of `a` divided by `b`; it has the sign of `b`. */
export function modulo(a: v128, b: v128): v128 {
  const p = f64x2.floor(f64x2.div(low(a), low(b))), q = f64x2.floor(f64x2.div(high(a), high(b)));
  const limit = f64x2.splat(268435456.0);
  const isShort = v128.and(f64x2.lt(f64x2.abs(p), limit), f64x2.lt(f64x2.abs(q), limit));
  const isFinite = f32x4.lt(f32x4.abs(b), f32x4.splat(Infinity));
  if (!i64x2.all_true(isShort) || !i32x4.all_true(isFinite)) return moduloOfEach(a, b);
  const y = demote(rest(low(a), low(b), p), rest(high(a), high(b), q));
  // The zero of -0 is -0; others have the sign of the divisor.
  const zero = f32x4.splat(0);
  const sign = v128.or(b, v128.and(a, f32x4.eq(a, zero)));
  return v128.bitselect(v128.and(sign, constant(-0.0)), y, f32x4.eq(y, zero));
}

function moduloOfEach(a: v128, b: v128): v128 {
  let y = f32x4.splat(moduloOfOne(f32x4.extract_lane(a, 0), f32x4.extract_lane(b, 0)));
  y = f32x4.replace_lane(y, 1, moduloOfOne(f32x4.extract_lane(a, 1), f32x4.extract_lane(b, 1)));
  y = f32x4.replace_lane(y, 2, moduloOfOne(f32x4.extract_lane(a, 2), f32x4.extract_lane(b, 2)));
  return f32x4.replace_lane(y, 3, moduloOfOne(f32x4.extract_lane(a, 3), f32x4.extract_lane(b, 3)));
}

function moduloOfOne(a: f32, b: f32): f32 {
  const x = <f64> a, y = <f64> b, left = x % y;
  if (left == 0) return <f32> (x == 0 && y > 0 ? x : copysign<f64>(0, y));
  return <f32> (left < 0 == y < 0 ? left : left + y);
}

@inline
function halfOfQuotients(a: v128, b: v128): v128 {
  const x = f64x2.convert_low_i32x4_s(a), y = f64x2.convert_low_i32x4_s(b);
  return i32x4.trunc_sat_f64x2_s_zero(f64x2.floor(f64x2.div(x, y)));
}

/** The quotient of integers; 0 by a divisor of 0. */
export function quotientOfIntegers(a: v128, b: v128): v128 {
  const upper = halfOfQuotients(v128.shuffle<i64>(a, a, 1, 0), v128.shuffle<i64>(b, b, 1, 0));
  const y = v128.shuffle<i64>(halfOfQuotients(a, b), upper, 0, 2);
  // The least integer by -1 wraps.
  const all = v128.bitselect(i32x4.neg(a), y, i32x4.eq(b, i32x4.splat(-1)));
  return v128.and(all, i32x4.ne(b, i32x4.splat(0)));
}

/** The angle of the point `(x, y)`. */
export function arcOf(y: v128, x: v128): v128 {
  const zero = f32x4.splat(0), infinity = f32x4.splat(Infinity);
  const u = f32x4.abs(x), v = f32x4.abs(y);
  const less = f32x4.pmin(u, v), more = f32x4.pmax(u, v);
  let ratio = f32x4.div(less, more);
  ratio = v128.andnot(ratio, f32x4.eq(more, zero));
  ratio = v128.bitselect(constant(1), ratio, f32x4.eq(less, infinity));
  let angle = arcTangent(ratio);
  angle = v128.bitselect(f32x4.sub(constant(1.5707963268), angle), angle, f32x4.gt(v, u));
  const isLeft = i32x4.shr_s(x, 31);
  angle = v128.bitselect(f32x4.sub(constant(3.1415926536), angle), angle, isLeft);
  angle = v128.or(angle, v128.and(y, constant(-0.0)));
  const isNaN = v128.or(f32x4.ne(x, x), f32x4.ne(y, y));
  return v128.bitselect(f32x4.add(x, y), angle, isNaN);
}
