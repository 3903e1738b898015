/** Functions of vectors of four floats. */
import { constant, constantInteger } from "./constants";

/** `a * b + c`, in one instruction if the machine has it and the build is relaxed. */
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** Activations that are applied while a result is in registers; 0 stands for none. */
export const RELU: i32 = 1;
export const RELU6: i32 = 2;

@inline
export function activate(x: v128, activation: i32): v128 {
  if (activation == 0) return x;
  // In this order of operands NaN stays NaN.
  x = f32x4.pmax(x, f32x4.splat(0));
  if (activation == RELU6) x = f32x4.pmin(x, f32x4.splat(6));
  return x;
}

/** Four elements of an operand, or one for all if its step is 0. */
@inline
export function at(x: usize, step: i32): v128 {
  return step ? v128.load(x) : v128.load32_splat(x);
}

/** The sum of four lanes. */
@inline
export function sum(x: v128): f32 {
  return (f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1)) +
    (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3));
}

/** The largest of four lanes. */
@inline
export function largest(x: v128): f32 {
  const a = max(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1));
  return max(a, max(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)));
}

/** `x / ln 2`, rounded, as a float to which 12582912, 1.5 * 2 ** 23, was added: its lowest bits are that integer. */
@inline
export function wholePowers(x: v128): v128 {
  return madd(x, constant(1.44269504), constant(12582912));
}

/** `x` less `n` times ln 2, of which the first part is exact. */
@inline
export function lessPowers(x: v128, n: v128): v128 {
  return madd(n, constant(2.12194440e-4), madd(n, constant(-0.693359375), x));
}

/**
 * `e ** x`, to about one unit in the last place: 2 ** n times a polynomial on [-ln 2 / 2, ln 2 / 2].
 * `x` is clamped to [-87.3, 88.3], so that the result is a normal number; NaN stays NaN.
 */
@inline
export function exp(x: v128): v128 {
  x = f32x4.pmin(f32x4.pmax(x, constant(-87.3)), constant(88.3));
  const z = wholePowers(x);
  const r = lessPowers(x, f32x4.sub(z, constant(12582912)));
  let p = constant(1.0 / 5040);
  p = madd(p, r, constant(1.0 / 720));
  p = madd(p, r, constant(1.0 / 120));
  p = madd(p, r, constant(1.0 / 24));
  p = madd(p, r, constant(1.0 / 6));
  p = madd(p, r, constant(0.5));
  p = madd(p, r, constant(1));
  p = madd(p, r, constant(1));
  // The lowest bits of z are n: they become the exponent.
  return f32x4.mul(p, i32x4.add(i32x4.shl(z, 23), constantInteger(0x3f800000)));
}
