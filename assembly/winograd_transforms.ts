/**
 * The transforms of Winograd's algorithm for four results and a filter of three, in one dimension,
 * on four channels at a time; applied along both axes they are those of two.
 *
 * The points of interpolation are 0, a, -a, b, -b and infinity. With roots of 1/2 and 2 the transforms
 * amplify rounding least; with the usual 1 and 2 errors are several times as large. Multiples of both
 * are numbers here, as the build makes a global of each: `a` is 0.70710678, `b` is 1.41421356.
 */
import { constant } from "./constants";
import { activate, madd } from "./vector";

@inline
export function add(a: v128, b: v128): v128 {
  return f32x4.add(a, b);
}

@inline
export function sub(a: v128, b: v128): v128 {
  return f32x4.sub(a, b);
}

@inline
function mul(a: v128, b: v128): v128 {
  return f32x4.mul(a, b);
}

/** B' d: six pixels. */
@inline
export function input(d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, to: usize, step: usize): void {
  v128.store(to, madd(d2, constant(-2.5), add(d0, d4)));
  const a = madd(d2, constant(-2), d4), b = madd(d1, constant(-2), d3);
  v128.store(to + step, madd(b, constant(0.70710678118654752), a));
  v128.store(to + 2 * step, madd(b, constant(-0.70710678118654752), a));
  const c = madd(d2, constant(-0.5), d4), e = madd(d1, constant(-0.5), d3);
  v128.store(to + 3 * step, madd(e, constant(1.41421356237309505), c));
  v128.store(to + 4 * step, madd(e, constant(-1.41421356237309505), c));
  v128.store(to + 5 * step, madd(d3, constant(-2.5), add(d1, d5)));
}

/** G g: three weights. */
@inline
export function filter(g0: v128, g1: v128, g2: v128, to: usize, step: usize): void {
  v128.store(to, g0);
  const a = madd(g2, constant(-1.0 / 3), mul(g0, constant(-2.0 / 3)));
  v128.store(to + step, madd(g1, constant(-0.47140452079103168), a));
  v128.store(to + 2 * step, madd(g1, constant(0.47140452079103168), a));
  const c = madd(g2, constant(1.0 / 3), mul(g0, constant(1.0 / 6)));
  v128.store(to + 3 * step, madd(g1, constant(0.23570226039551584), c));
  v128.store(to + 4 * step, madd(g1, constant(-0.23570226039551584), c));
  v128.store(to + 5 * step, g2);
}

/** A' m: six products, `stride` bytes apart, to four results. */
@inline
export function output(from: usize, stride: usize, to: usize, step: usize): void {
  const m0 = v128.load(from), m1 = v128.load(from + stride), m2 = v128.load(from + 2 * stride);
  const m3 = v128.load(from + 3 * stride), m4 = v128.load(from + 4 * stride);
  const m5 = v128.load(from + 5 * stride);
  const a = add(m1, m2), b = sub(m1, m2), c = add(m3, m4), e = sub(m3, m4);
  v128.store(to, add(add(m0, a), c));
  v128.store(to + step, madd(e, constant(1.41421356237309505), mul(b, constant(0.70710678118654752))));
  v128.store(to + 2 * step, madd(c, constant(2), mul(a, constant(0.5))));
  v128.store(to + 3 * step, madd(e, constant(2.82842712474619010), madd(b, constant(0.35355339059327376), m5)));
}

/** As {@linkcode output}, with a bias and an activation; returns the sum of the results before it. */
@inline
export function outputTo(from: usize, stride: usize, bias: v128, activation: i32, to: usize, step: usize): v128 {
  const m0 = v128.load(from), m1 = v128.load(from + stride), m2 = v128.load(from + 2 * stride);
  const m3 = v128.load(from + 3 * stride), m4 = v128.load(from + 4 * stride);
  const m5 = v128.load(from + 5 * stride);
  const a = add(m1, m2), b = sub(m1, m2), c = add(m3, m4), e = sub(m3, m4);
  const y0 = add(add(m0, a), add(c, bias));
  v128.store(to, activate(y0, activation));
  to += step;
  const y1 = madd(e, constant(1.41421356237309505), madd(b, constant(0.70710678118654752), bias));
  v128.store(to, activate(y1, activation));
  to += step;
  const y2 = madd(c, constant(2), madd(a, constant(0.5), bias));
  v128.store(to, activate(y2, activation));
  to += step;
  const y3 = madd(e, constant(2.82842712474619010), madd(b, constant(0.35355339059327376), add(m5, bias)));
  v128.store(to, activate(y3, activation));
  return add(add(y0, y1), add(y2, y3));
}

/** A d: four gradients to six. */
@inline
export function slopes(d0: v128, d1: v128, d2: v128, d3: v128, to: usize, step: usize): void {
  v128.store(to, d0);
  const a = madd(d2, constant(0.5), d0), b = madd(d3, constant(0.5), d1);
  v128.store(to + step, madd(b, constant(0.70710678118654752), a));
  v128.store(to + 2 * step, madd(b, constant(-0.70710678118654752), a));
  const c = madd(d2, constant(2), d0), e = madd(d3, constant(2), d1);
  v128.store(to + 3 * step, madd(e, constant(1.41421356237309505), c));
  v128.store(to + 4 * step, madd(e, constant(-1.41421356237309505), c));
  v128.store(to + 5 * step, d3);
}

/** B m: six products to gradients of six pixels; returns their sum. */
@inline
export function inputSlopes(from: usize, stride: usize, to: usize, step: usize): v128 {
  const m0 = v128.load(from), m1 = v128.load(from + stride), m2 = v128.load(from + 2 * stride);
  const m3 = v128.load(from + 3 * stride), m4 = v128.load(from + 4 * stride);
  const m5 = v128.load(from + 5 * stride);
  const a = add(m1, m2), b = sub(m1, m2), c = add(m3, m4), e = sub(m3, m4);
  v128.store(to, m0);
  const t1 = madd(b, constant(-1.41421356237309505), madd(e, constant(-0.70710678118654752), m5));
  v128.store(to + step, t1);
  const t2 = madd(a, constant(-2), madd(c, constant(-0.5), mul(m0, constant(-2.5))));
  v128.store(to + 2 * step, t2);
  const t3 = madd(b, constant(0.70710678118654752), madd(e, constant(1.41421356237309505), mul(m5, constant(-2.5))));
  v128.store(to + 3 * step, t3);
  const t4 = add(m0, add(a, c));
  v128.store(to + 4 * step, t4);
  v128.store(to + 5 * step, m5);
  return add(add(add(m0, t1), add(t2, t3)), add(t4, m5));
}

/** G' s: six sums to three gradients of weights; returns their sum. */
@inline
export function filterSlopes(from: usize, stride: usize, to: usize, step: usize): v128 {
  const s0 = v128.load(from), s1 = v128.load(from + stride), s2 = v128.load(from + 2 * stride);
  const s3 = v128.load(from + 3 * stride), s4 = v128.load(from + 4 * stride);
  const s5 = v128.load(from + 5 * stride);
  const a = add(s1, s2), b = add(s3, s4);
  const t0 = madd(a, constant(-2.0 / 3), madd(b, constant(1.0 / 6), s0));
  v128.store(to, t0);
  const odd = mul(sub(s3, s4), constant(0.23570226039551584));
  const t1 = madd(sub(s2, s1), constant(0.47140452079103168), odd);
  v128.store(to + step, t1);
  const t2 = madd(b, constant(1.0 / 3), madd(a, constant(-1.0 / 3), s5));
  v128.store(to + 2 * step, t2);
  return add(t0, add(t1, t2));
}
