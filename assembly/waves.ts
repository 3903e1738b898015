/**
 * Sine and cosine of every float, to about one unit in the last place.
 *
 * Polynomials from Moshier, Cephes Mathematical Library (1989); numbers beyond 2 ** 20 quarters of a
 * turn are reduced by as many digits of 2 / pi as they need (Payne and Hanek, 1983).
 */
import { constant, constantDouble } from "./constants";
import { demote, high, low } from "./reductions";
import { madd } from "./vector";

/** The sine of `r`, whose square is `s`, over `r`, less 1. */
@inline
function tailOfSine(s: v128): v128 {
  let p = madd(s, constant(-1.9515295891e-4), constant(8.3321608736e-3));
  p = madd(p, s, constant(-1.6666654611e-1));
  return f32x4.mul(p, s);
}

/** The cosine less 1, over `s`. */
@inline
function tailOfCosine(s: v128): v128 {
  let q = madd(s, constant(2.443315711809948e-5), constant(-1.388731625493765e-3));
  q = madd(q, s, constant(4.166664568298827e-2));
  return madd(q, s, constant(-0.5));
}

/** The sine of `r`, at most an eighth of a turn, for even quarters `n`, else its cosine, with the sign. */
@inline
function ofQuarter(r: v128, n: v128): v128 {
  const s = f32x4.mul(r, r), sine = madd(tailOfSine(s), r, r);
  const cosine = madd(tailOfCosine(s), s, constant(1));
  const isOdd = i32x4.shr_s(i32x4.shl(n, 31), 31);
  const sign = i32x4.shl(i32x4.shr_u(n, 1), 31);
  return v128.xor(v128.bitselect(cosine, sine, isOdd), sign);
}

/** The quarters in two doubles, rounded, plus `ROUND`. */
@inline
function quarters(x: v128): v128 {
  return f64x2.add(f64x2.mul(x, constantDouble(0.6366197723675814)), constantDouble(6755399441055744));
}

/** `x` less its quarters; the first part of the product is exact. */
@inline
function lessQuarters(x: v128, rounded: v128): v128 {
  const n = f64x2.sub(rounded, constantDouble(6755399441055744));
  const r = f64x2.sub(x, f64x2.mul(n, constantDouble(1.57079632673412561417)));
  return f64x2.sub(r, f64x2.mul(n, constantDouble(6.07710050650619224932e-11)));
}

/** 32 binary digits of 2 / pi, up to byte `last`. */
function digits(last: i32): u64 {
  let word: u64 = 0;
  for (let at = max(last - 3, 0); at <= last; at++) {
    const part: u64 = at < 8
      ? 0xa2f9836e4e441529
      : at < 16
      ? 0xfc2757d1f534ddc0
      : 0xdb6295993c439041;
    word = (word << 8) | ((part >> <u64> (56 - 8 * (at & 7))) & 255);
  }
  return word;
}

/** The size of a finite number beyond 2, in quarters less full turns: two binary digits, then others. */
@inline
function turnOf(x: f32): u64 {
  const bits = reinterpret<u32>(x), at = <i32> (bits >> 26) & 15;
  const mantissa = <u64> ((bits & 0xffffff) | 0x800000) << <u64> ((bits >> 23) & 7);
  const low = <u64> <u32> mantissa;
  let turn = (low * digits(at)) << 32;
  turn |= (low * digits(at + 8)) >> 32;
  return turn + low * digits(at + 4);
}

/** The quarters, rounded. */
@inline
function quartersOf(turn: u64): u64 {
  return (turn + (1 << 61)) >> 62;
}

/** The rest of quarters, as an angle. */
@inline
function restOf(turn: u64, n: u64): f64 {
  return <f64> <i64> (turn - (n << 62)) * 3.4061215800865545e-19;
}

/** The sine of a number beyond 2, `shift` quarters further. */
function ofLarge(x: f32, shift: i32): f32 {
  if (!(abs(x) < Infinity)) return NaN;
  const turn = turnOf(x), n = quartersOf(turn), r = restOf(turn, n);
  const isNegative = reinterpret<i32>(x) < 0;
  const quarter = (isNegative ? -<i32> n : <i32> n) + shift;
  const y = ofQuarter(f32x4.splat(<f32> (isNegative ? -r : r)), i32x4.splat(quarter));
  return f32x4.extract_lane(y, 0);
}

/** The tangent of numbers. */
export function tangent(x: v128): v128 {
  const isUsual = f32x4.lt(f32x4.abs(x), constant(1e6));
  const lower = low(x), upper = high(x), a = quarters(lower), b = quarters(upper);
  const r = demote(lessQuarters(lower, a), lessQuarters(upper, b));
  const s = f32x4.mul(r, r);
  const sine = madd(tailOfSine(s), r, r), cosine = madd(tailOfCosine(s), s, constant(1));
  // The lowest bits of rounded doubles are integers.
  const isOdd = i32x4.shr_s(i32x4.shl(v128.shuffle<i32>(a, b, 0, 2, 4, 6), 31), 31);
  const above = v128.bitselect(f32x4.neg(cosine), sine, isOdd);
  let y = f32x4.div(above, v128.bitselect(sine, cosine, isOdd));
  if (!i32x4.all_true(isUsual)) {
    const p = f32x4.extract_lane(x, 0), q = f32x4.extract_lane(x, 1);
    const u = f32x4.extract_lane(x, 2), v = f32x4.extract_lane(x, 3);
    if (!(abs(p) < 1e6)) y = f32x4.replace_lane(y, 0, tangentOfLarge(p));
    if (!(abs(q) < 1e6)) y = f32x4.replace_lane(y, 1, tangentOfLarge(q));
    if (!(abs(u) < 1e6)) y = f32x4.replace_lane(y, 2, tangentOfLarge(u));
    if (!(abs(v) < 1e6)) y = f32x4.replace_lane(y, 3, tangentOfLarge(v));
  }
  return v128.bitselect(x, y, f32x4.eq(x, f32x4.splat(0)));
}

/** The tangent of a number beyond 2. Its quotient is one of doubles, which are right near the poles. */
function tangentOfLarge(x: f32): f32 {
  if (!(abs(x) < Infinity)) return NaN;
  const turn = turnOf(x), n = quartersOf(turn);
  const r = restOf(turn, n), s = r * r, square = f32x4.splat(<f32> s);
  const sine = r + r * <f64> f32x4.extract_lane(tailOfSine(square), 0);
  const cosine = 1 + s * <f64> f32x4.extract_lane(tailOfCosine(square), 0);
  const y = <f32> (n & 1 ? -cosine / sine : sine / cosine);
  return reinterpret<i32>(x) < 0 ? -y : y;
}

/** The sine of numbers, `shift` quarters further: 0 for the sine, 1 for the cosine. */
export function wave(x: v128, shift: i32): v128 {
  const isUsual = f32x4.lt(f32x4.abs(x), constant(1e6));
  const lower = low(x), upper = high(x), a = quarters(lower), b = quarters(upper);
  const r = demote(lessQuarters(lower, a), lessQuarters(upper, b));
  // The lowest bits of rounded doubles are integers.
  const n = i32x4.add(v128.shuffle<i32>(a, b, 0, 2, 4, 6), i32x4.splat(shift));
  let y = ofQuarter(r, n);
  if (!i32x4.all_true(isUsual)) y = correct(x, y, shift);
  return shift ? y : v128.bitselect(x, y, f32x4.eq(x, f32x4.splat(0)));
}

/** `y` with the lanes of large numbers made one by one. */
function correct(x: v128, y: v128, shift: i32): v128 {
  const a = f32x4.extract_lane(x, 0), b = f32x4.extract_lane(x, 1);
  const c = f32x4.extract_lane(x, 2), d = f32x4.extract_lane(x, 3);
  if (!(abs(a) < 1e6)) y = f32x4.replace_lane(y, 0, ofLarge(a, shift));
  if (!(abs(b) < 1e6)) y = f32x4.replace_lane(y, 1, ofLarge(b, shift));
  if (!(abs(c) < 1e6)) y = f32x4.replace_lane(y, 2, ofLarge(c, shift));
  if (!(abs(d) < 1e6)) y = f32x4.replace_lane(y, 3, ofLarge(d, shift));
  return y;
}
