/**
 * The transforms of Winograd's algorithm for four results and a filter of three, in one dimension,
 * on four channels at a time; applied along both axes they are those of two.
 */

@inline
export function scale(x: v128, by: f32): v128 {
  return f32x4.mul(x, f32x4.splat(by));
}

@inline
export function add(a: v128, b: v128): v128 {
  return f32x4.add(a, b);
}

@inline
export function sub(a: v128, b: v128): v128 {
  return f32x4.sub(a, b);
}

/**
 * The points of interpolation: 0, A, -A, B, -B and infinity. With roots of 1/2 and 2 the transforms
 * amplify rounding least; with the usual 1 and 2 errors are several times as large.
 */
export const A: f32 = 0.70710678118654752;
export const B: f32 = 1.41421356237309505;
export const A3: f32 = 0.35355339059327376;
export const B3: f32 = 2.82842712474619010;

/** B' d: six pixels. */
@inline
export function input(d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, to: usize, step: usize): void {
  v128.store(to, add(sub(d0, scale(d2, 2.5)), d4));
  const a = sub(d4, scale(d2, 2)), b = scale(sub(d3, scale(d1, 2)), A);
  v128.store(to + step, add(a, b));
  v128.store(to + 2 * step, sub(a, b));
  const c = sub(d4, scale(d2, 0.5)), e = scale(sub(d3, scale(d1, 0.5)), B);
  v128.store(to + 3 * step, add(c, e));
  v128.store(to + 4 * step, sub(c, e));
  v128.store(to + 5 * step, add(sub(d1, scale(d3, 2.5)), d5));
}

/** G g: three weights. */
@inline
export function filter(g0: v128, g1: v128, g2: v128, to: usize, step: usize): void {
  v128.store(to, g0);
  const a = scale(add(g0, scale(g2, 0.5)), -1.0 / 1.5), b = scale(g1, -A / 1.5);
  v128.store(to + step, add(a, b));
  v128.store(to + 2 * step, sub(a, b));
  const c = scale(add(g0, scale(g2, 2)), 1.0 / 6), e = scale(g1, B / 6);
  v128.store(to + 3 * step, add(c, e));
  v128.store(to + 4 * step, sub(c, e));
  v128.store(to + 5 * step, g2);
}

/** A' m: six products to four results, at `step` bytes. */
@inline
export function output(from: usize, stride: usize, to: usize, step: usize): void {
  const m0 = v128.load(from), m1 = v128.load(from + stride), m2 = v128.load(from + 2 * stride);
  const m3 = v128.load(from + 3 * stride), m4 = v128.load(from + 4 * stride);
  const m5 = v128.load(from + 5 * stride);
  const a = add(m1, m2), b = sub(m1, m2), c = add(m3, m4), e = sub(m3, m4);
  v128.store(to, add(add(m0, a), c));
  v128.store(to + step, add(scale(b, A), scale(e, B)));
  v128.store(to + 2 * step, add(scale(a, 0.5), scale(c, 2)));
  v128.store(to + 3 * step, add(add(scale(b, A3), scale(e, B3)), m5));
}

/** A d: four slopes to six. */
@inline
export function slopes(d0: v128, d1: v128, d2: v128, d3: v128, to: usize, step: usize): void {
  v128.store(to, d0);
  const a = add(d0, scale(d2, 0.5)), b = add(scale(d1, A), scale(d3, A3));
  v128.store(to + step, add(a, b));
  v128.store(to + 2 * step, sub(a, b));
  const c = add(d0, scale(d2, 2)), e = add(scale(d1, B), scale(d3, B3));
  v128.store(to + 3 * step, add(c, e));
  v128.store(to + 4 * step, sub(c, e));
  v128.store(to + 5 * step, d3);
}

/** B m: six products to slopes of six pixels. */
@inline
export function inputSlopes(from: usize, stride: usize, to: usize, step: usize): void {
  const m0 = v128.load(from), m1 = v128.load(from + stride), m2 = v128.load(from + 2 * stride);
  const m3 = v128.load(from + 3 * stride), m4 = v128.load(from + 4 * stride);
  const m5 = v128.load(from + 5 * stride);
  const a = add(m1, m2), b = scale(sub(m1, m2), A), c = add(m3, m4), e = scale(sub(m3, m4), B);
  v128.store(to, m0);
  v128.store(to + step, sub(m5, add(scale(b, 2), scale(e, 0.5))));
  v128.store(to + 2 * step, sub(scale(m0, -2.5), add(scale(a, 2), scale(c, 0.5))));
  v128.store(to + 3 * step, sub(add(b, e), scale(m5, 2.5)));
  v128.store(to + 4 * step, add(m0, add(a, c)));
  v128.store(to + 5 * step, m5);
}

/** G' s: six sums to three slopes of weights. */
@inline
export function filterSlopes(from: usize, stride: usize, to: usize, step: usize): void {
  const s0 = v128.load(from), s1 = v128.load(from + stride), s2 = v128.load(from + 2 * stride);
  const s3 = v128.load(from + 3 * stride), s4 = v128.load(from + 4 * stride);
  const s5 = v128.load(from + 5 * stride);
  const a = scale(add(s1, s2), 1.0 / 1.5), b = scale(add(s3, s4), 1.0 / 6);
  v128.store(to, add(sub(s0, a), b));
  v128.store(to + step, add(scale(sub(s2, s1), A / 1.5), scale(sub(s3, s4), B / 6)));
  v128.store(to + 2 * step, add(sub(scale(b, 2), scale(a, 0.5)), s5));
}
