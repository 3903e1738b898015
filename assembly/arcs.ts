/**
 * Inverse functions of sine, cosine and tangent, and hyperbolic functions, to a few units in the last
 * place.
 *
 * Polynomials from Moshier, Cephes Mathematical Library (1989).
 */
import { constant } from "./constants";
import { halfOfExponential, logarithmOfMore } from "./functions";
import { madd } from "./vector";

@inline
function sizeOf(x: v128): v128 {
  return v128.andnot(x, constant(-0.0));
}

/** `y`, which is not negative, with the sign of `x`. */
@inline
function withSign(y: v128, x: v128): v128 {
  return v128.or(y, v128.and(x, constant(-0.0)));
}

/** The arc of a sine between -1/2 and 1/2, of which `z` is the square. */
@inline
function smallArc(x: v128, z: v128): v128 {
  let p = constant(4.2163199048e-2);
  p = madd(p, z, constant(2.4181311049e-2));
  p = madd(p, z, constant(4.5470025998e-2));
  p = madd(p, z, constant(7.4953002686e-2));
  p = madd(p, z, constant(1.6666752422e-1));
  return madd(f32x4.mul(p, z), x, x);
}

@inline
export function arcSine(x: v128): v128 {
  const size = sizeOf(x), isLarge = f32x4.gt(size, constant(0.5));
  const half = f32x4.mul(constant(0.5), f32x4.sub(constant(1), size));
  const z = v128.bitselect(half, f32x4.mul(size, size), isLarge);
  const y = smallArc(v128.bitselect(f32x4.sqrt(half), size, isLarge), z);
  const large = f32x4.sub(constant(1.5707963268), f32x4.add(y, y));
  return withSign(v128.bitselect(large, y, isLarge), x);
}

@inline
export function arcCosine(x: v128): v128 {
  const size = sizeOf(x), isLarge = f32x4.gt(size, constant(0.5));
  const half = f32x4.mul(constant(0.5), f32x4.sub(constant(1), size));
  const z = v128.bitselect(half, f32x4.mul(x, x), isLarge);
  const y = smallArc(v128.bitselect(f32x4.sqrt(half), x, isLarge), z);
  const twice = f32x4.add(y, y);
  const isNegative = f32x4.lt(x, f32x4.splat(0));
  const large = v128.bitselect(f32x4.sub(constant(3.1415926536), twice), twice, isNegative);
  return v128.bitselect(large, f32x4.sub(constant(1.5707963268), y), isLarge);
}

@inline
export function arcTangent(x: v128): v128 {
  const size = sizeOf(x);
  const isLarge = f32x4.gt(size, constant(2.414213562373095));
  const isMiddle = v128.andnot(f32x4.gt(size, constant(0.414213562373095)), isLarge);
  const above = v128.bitselect(constant(-1), f32x4.sub(size, constant(1)), isLarge);
  const below = v128.bitselect(size, f32x4.add(size, constant(1)), isLarge);
  const isReduced = v128.or(isLarge, isMiddle);
  const r = v128.bitselect(f32x4.div(above, below), size, isReduced), z = f32x4.mul(r, r);
  let p = constant(8.05374449538e-2);
  p = madd(p, z, constant(-1.38776856032e-1));
  p = madd(p, z, constant(1.99777106478e-1));
  p = madd(p, z, constant(-3.33329491539e-1));
  const y = madd(f32x4.mul(p, z), r, r);
  const start = v128.or(
    v128.and(constant(1.5707963268), isLarge),
    v128.and(constant(0.7853981634), isMiddle),
  );
  return withSign(f32x4.add(start, y), x);
}

@inline
export function hyperbolicSine(x: v128): v128 {
  const size = sizeOf(x), z = f32x4.mul(size, size);
  let p = constant(2.03721912945e-4);
  p = madd(p, z, constant(8.33028376239e-3));
  p = madd(p, z, constant(1.66667160211e-1));
  const small = madd(f32x4.mul(p, z), size, size);
  const half = halfOfExponential(size);
  const large = f32x4.sub(half, f32x4.div(constant(0.25), half));
  return withSign(v128.bitselect(large, small, f32x4.gt(size, constant(1))), x);
}

@inline
export function hyperbolicCosine(x: v128): v128 {
  const half = halfOfExponential(sizeOf(x));
  return f32x4.add(half, f32x4.div(constant(0.25), half));
}

/** Beyond it, the square of a number less or more 1 is that square. */
// deno-fmt-ignore
@inline const LARGE: f32 = 1e8;

@inline
export function inverseHyperbolicSine(x: v128): v128 {
  const size = sizeOf(x), isLarge = f32x4.gt(size, f32x4.splat(LARGE));
  const square = f32x4.mul(size, size);
  const root = f32x4.sqrt(f32x4.add(square, constant(1)));
  const more = f32x4.add(size, f32x4.div(square, f32x4.add(constant(1), root)));
  const y = logarithmOfMore(v128.bitselect(size, more, isLarge));
  return withSign(f32x4.add(y, v128.and(constant(0.6931471806), isLarge)), x);
}

@inline
export function inverseHyperbolicCosine(x: v128): v128 {
  const isLarge = f32x4.gt(x, f32x4.splat(LARGE)), t = f32x4.sub(x, constant(1));
  const root = f32x4.sqrt(f32x4.mul(t, f32x4.add(x, constant(1))));
  const y = logarithmOfMore(v128.bitselect(x, f32x4.add(t, root), isLarge));
  const all = f32x4.add(y, v128.and(constant(0.6931471806), isLarge));
  return v128.bitselect(constant(NaN), all, f32x4.lt(x, constant(1)));
}

@inline
export function inverseHyperbolicTangent(x: v128): v128 {
  const size = sizeOf(x);
  const ratio = f32x4.div(f32x4.add(size, size), f32x4.sub(constant(1), size));
  return withSign(f32x4.mul(constant(0.5), logarithmOfMore(ratio)), x);
}
