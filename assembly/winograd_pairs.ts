/**
 * The transforms of Winograd's algorithm for up to four results of two taps, in one dimension, on four
 * channels at a time.
 *
 * The points of interpolation are 0, a, -a, 2a and infinity, where `a` is the root of 1/2; three
 * results need all but 2a, two results 0, a and infinity, one result 0 and infinity. The taps are not
 * scaled, so that results of any number share the transformed taps.
 */
import { constant } from "./constants";
import { madd } from "./vector";

@inline
function add(a: v128, b: v128): v128 {
  return f32x4.add(a, b);
}

@inline
function sub(a: v128, b: v128): v128 {
  return f32x4.sub(a, b);
}

@inline
function mul(a: v128, b: v128): v128 {
  return f32x4.mul(a, b);
}

/** Whether `m` results need a point; what one tap meets follows the five points. */
@inline
export function hasPoint(m: i32, point: i32): bool {
  return point == 0 || point >= 4 || point < m;
}

/** `m + 1` pixels, `step` bytes apart, at the points. */
@inline
export function pixelPoints(m: i32, from: usize, step: usize, to: usize, next: usize): void {
  const e0 = v128.load(from), e1 = v128.load(from + step);
  if (m == 4) {
    const e2 = v128.load(from + 2 * step), e3 = v128.load(from + 3 * step), e4 = v128.load(from + 4 * step);
    const q = madd(e1, constant(-0.5), e3);
    v128.store(to, madd(q, constant(1.41421356237309505), madd(e2, constant(-2), e0)));
    v128.store(to + next, madd(sub(e1, e3), constant(1.41421356237309505), e2));
    v128.store(to + 2 * next, madd(add(e1, e3), constant(-0.47140452079103168), e2));
    v128.store(to + 3 * next, mul(q, constant(0.47140452079103168)));
    v128.store(to + 4 * next, madd(q, constant(-1.41421356237309505), madd(e2, constant(-0.5), e4)));
  } else if (m == 3) {
    const e2 = v128.load(from + 2 * step), e3 = v128.load(from + 3 * step);
    v128.store(to, madd(e2, constant(-2), e0));
    v128.store(to + next, madd(e1, constant(0.70710678118654752), e2));
    v128.store(to + 2 * next, madd(e1, constant(-0.70710678118654752), e2));
    v128.store(to + 4 * next, madd(e1, constant(-0.5), e3));
  } else if (m == 2) {
    v128.store(to, madd(e1, constant(-1.41421356237309505), e0));
    v128.store(to + next, mul(e1, constant(1.41421356237309505)));
    v128.store(to + 4 * next, madd(e1, constant(-0.70710678118654752), v128.load(from + 2 * step)));
  } else {
    v128.store(to, e0);
    v128.store(to + 4 * next, e1);
  }
}

/** Three taps: the outer two at the points, then the middle one. */
@inline
export function filterPoints(g0: v128, g1: v128, g2: v128, to: usize, next: usize): void {
  v128.store(to, g0);
  v128.store(to + next, madd(g2, constant(0.70710678118654752), g0));
  v128.store(to + 2 * next, madd(g2, constant(-0.70710678118654752), g0));
  v128.store(to + 3 * next, madd(g2, constant(1.41421356237309505), g0));
  v128.store(to + 4 * next, g2);
  v128.store(to + 5 * next, g1);
}

/** `m` results of products at the points. */
@inline
export function results(m: i32, from: usize, step: usize, to: usize, next: usize): void {
  const m0 = v128.load(from), m4 = v128.load(from + 4 * step);
  if (m == 1) {
    v128.store(to, add(m0, m4));
    return;
  }
  const m1 = v128.load(from + step);
  if (m == 2) {
    v128.store(to, add(m0, m1));
    v128.store(to + next, madd(m1, constant(0.70710678118654752), m4));
    return;
  }
  const m2 = v128.load(from + 2 * step), a = add(m1, m2), b = sub(m1, m2);
  if (m == 3) {
    v128.store(to, add(m0, a));
    v128.store(to + next, mul(b, constant(0.70710678118654752)));
    v128.store(to + 2 * next, madd(a, constant(0.5), m4));
    return;
  }
  const m3 = v128.load(from + 3 * step);
  v128.store(to, add(add(m0, a), m3));
  v128.store(to + next, madd(m3, constant(1.41421356237309505), mul(b, constant(0.70710678118654752))));
  v128.store(to + 2 * next, madd(m3, constant(2), mul(a, constant(0.5))));
  v128.store(to + 3 * next, madd(m3, constant(2.82842712474619010), madd(b, constant(0.35355339059327376), m4)));
}

/** `m` gradients of results at the points. */
@inline
export function slopePoints(m: i32, from: usize, step: usize, to: usize, next: usize): void {
  const d0 = v128.load(from);
  v128.store(to, d0);
  if (m == 1) {
    v128.store(to + 4 * next, d0);
    return;
  }
  const d1 = v128.load(from + step);
  if (m == 2) {
    v128.store(to + next, madd(d1, constant(0.70710678118654752), d0));
    v128.store(to + 4 * next, d1);
    return;
  }
  const d2 = v128.load(from + 2 * step), p = madd(d2, constant(0.5), d0);
  if (m == 3) {
    v128.store(to + next, madd(d1, constant(0.70710678118654752), p));
    v128.store(to + 2 * next, madd(d1, constant(-0.70710678118654752), p));
    v128.store(to + 4 * next, d2);
    return;
  }
  const d3 = v128.load(from + 3 * step), q = madd(d3, constant(0.5), d1);
  v128.store(to + next, madd(q, constant(0.70710678118654752), p));
  v128.store(to + 2 * next, madd(q, constant(-0.70710678118654752), p));
  const c = madd(d2, constant(2), d0), e = madd(d3, constant(2), d1);
  v128.store(to + 3 * next, madd(e, constant(1.41421356237309505), c));
  v128.store(to + 4 * next, d3);
}

/**
 * Sums at the points, and those of the middle tap, to the gradients of three taps; returns their
 * sum.
 */
@inline
export function filterSlopes(from: usize, step: usize, to: usize, next: usize): v128 {
  const s0 = v128.load(from), s1 = v128.load(from + step), s2 = v128.load(from + 2 * step);
  const s3 = v128.load(from + 3 * step);
  const t0 = add(add(s0, s3), add(s1, s2)), t1 = v128.load(from + 5 * step);
  v128.store(to, t0);
  v128.store(to + next, t1);
  const odd = madd(sub(s1, s2), constant(0.70710678118654752), v128.load(from + 4 * step));
  const t2 = madd(s3, constant(1.41421356237309505), odd);
  v128.store(to + 2 * next, t2);
  return add(t0, add(t1, t2));
}
