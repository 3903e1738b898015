/** Gradients of functions of two numbers, with broadcasting: see `binary`. */
import {
  Divisor,
  PreluAlpha,
  PreluX,
  SquaredDifference,
  DIVISOR,
  PRELU_ALPHA,
  PRELU_X,
  SQUARED_DIFFERENCE,
} from "./binary_slopes";
import { at } from "./vector";

/** The gradient by `a`. */
@inline
function slope<F>(dy: v128, a: v128, b: v128): v128 {
  const zero = f32x4.splat(0);
  if (idof<F>() == idof<PreluX>()) return v128.bitselect(dy, f32x4.mul(dy, b), f32x4.gt(a, zero));
  if (idof<F>() == idof<PreluAlpha>()) return v128.andnot(f32x4.mul(dy, a), f32x4.gt(a, zero));
  // The gradient of a quotient by its divisor.
  if (idof<F>() == idof<Divisor>()) return f32x4.neg(f32x4.div(f32x4.mul(f32x4.div(dy, b), a), b));
  const d = f32x4.sub(a, b);
  return f32x4.mul(dy, f32x4.add(d, d));
}

@inline
function rows<F>(dy: usize,
  a: usize,
  b: usize,
  dx: usize,
  begin: i32,
  end: i32,
  middle: i32,
  size: i32,
  outerA: i32,
  middleA: i32,
  stepA: i32,
  outerB: i32,
  middleB: i32,
  stepB: i32,
): void {
  for (let row = begin; row < end; row++) {
    const outer = row / middle, inner = row - outer * middle;
    const skip = <usize> row * <usize> size << 2;
    let slopes = dy + skip, to = dx + skip;
    let u = a + (<usize> (outer * outerA + inner * middleA) << 2);
    let v = b + (<usize> (outer * outerB + inner * middleB) << 2);
    let i = 0;
    for (; i + 4 <= size; i += 4, slopes += 16, to += 16, u += stepA << 4, v += stepB << 4) {
      v128.store(to, slope<F>(v128.load(slopes), at(u, stepA), at(v, stepB)));
    }
    for (; i < size; i++, slopes += 4, to += 4, u += stepA << 2, v += stepB << 2) {
      const result = slope<F>(v128.load32_splat(slopes), at(u, 0), at(v, 0));
      store<f32>(to, f32x4.extract_lane(result, 0));
    }
  }
}

/**
 * The gradient of a function of two numbers by one of them, for rows `begin` to `end` of
 * `[outer, middle, size]`, the shape of `dy` and of the result.
 *
 * @param f The number of the gradient.
 */
export function binarySlope(
  f: i32,
  dy: usize,
  a: usize,
  b: usize,
  dx: usize,
  begin: i32,
  end: i32,
  middle: i32,
  size: i32,
  outerA: i32,
  middleA: i32,
  stepA: i32,
  outerB: i32,
  middleB: i32,
  stepB: i32,
  _scratch: usize,
): void {
  switch (f) {
    case SQUARED_DIFFERENCE:
      rows<SquaredDifference>(dy, a, b, dx, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case PRELU_X:
      rows<PreluX>(dy, a, b, dx, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case PRELU_ALPHA:
      rows<PreluAlpha>(dy, a, b, dx, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case DIVISOR:
      rows<Divisor>(dy, a, b, dx, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
  }
}

/** Writes `dy` to `to` but where it is the other number's, and half of it where both are equal. */
@inline
function share(dy: v128, isEqual: v128, isOther: v128): v128 {
  const half = v128.and(isEqual, f32x4.mul(dy, f32x4.splat(0.5)));
  return v128.bitselect(half, dy, isOther);
}

/**
 * The gradients of the larger of two numbers, or of the smaller, by both: see `binarySlope`. No
 * products: a gradient that is not finite must not get to the other number.
 */
export function extremeShares(
  isMinimum: i32,
  dy: usize,
  a: usize,
  b: usize,
  da: usize,
  db: usize,
  begin: i32,
  end: i32,
  middle: i32,
  size: i32,
  outerA: i32,
  middleA: i32,
  stepA: i32,
  outerB: i32,
  middleB: i32,
  stepB: i32,
  _scratch: usize,
): void {
  for (let row = begin; row < end; row++) {
    const outer = row / middle, inner = row - outer * middle;
    const skip = <usize> row * <usize> size << 2;
    let slopes = dy + skip, toA = da + skip, toB = db + skip;
    let u = a + (<usize> (outer * outerA + inner * middleA) << 2);
    let v = b + (<usize> (outer * outerB + inner * middleB) << 2);
    // Steps of four where four are left, else of one.
    for (let i = 0; i < size;) {
      const isFour = i + 4 <= size;
      const slope = isFour ? v128.load(slopes) : v128.load32_splat(slopes);
      const x = at(u, isFour ? stepA : 0), y = at(v, isFour ? stepB : 0);
      const left = isMinimum ? y : x, right = isMinimum ? x : y;
      const isEqual = f32x4.eq(x, y);
      const ofA = share(slope, isEqual, f32x4.le(left, right));
      const ofB = share(slope, isEqual, f32x4.le(right, left));
      if (isFour) {
        v128.store(toA, ofA);
        v128.store(toB, ofB);
      } else {
        store<f32>(toA, f32x4.extract_lane(ofA, 0));
        store<f32>(toB, f32x4.extract_lane(ofB, 0));
      }
      const count = isFour ? 4 : 1, bytes = <usize> count << 2;
      i += count;
      slopes += bytes;
      toA += bytes;
      toB += bytes;
      u += <usize> (stepA * count) << 2;
      v += <usize> (stepB * count) << 2;
    }
  }
}
