/** Comparisons of two numbers, with broadcasting, and choices between two: see `binary`. */
import {
  Equal,
  EqualIntegers,
  Greater,
  GreaterEqual,
  GreaterEqualIntegers,
  GreaterIntegers,
  IsFinite,
  IsInfinite,
  IsNan,
  Less,
  LessEqual,
  LessEqualIntegers,
  LessIntegers,
  NotEqual,
  NotEqualIntegers,
  EQUAL,
  EQUAL_INTEGERS,
  GREATER,
  GREATER_EQUAL,
  GREATER_EQUAL_INTEGERS,
  GREATER_INTEGERS,
  IS_FINITE,
  IS_INFINITE,
  IS_NAN,
  LESS,
  LESS_EQUAL,
  LESS_EQUAL_INTEGERS,
  LESS_INTEGERS,
  NOT_EQUAL,
  NOT_EQUAL_INTEGERS,
} from "./comparisons";
import * as connections from "./connections";
import { at } from "./vector";

@inline
function test<F>(a: v128, b: v128): v128 {
  if (idof<F>() == idof<Equal>()) return f32x4.eq(a, b);
  if (idof<F>() == idof<NotEqual>()) return f32x4.ne(a, b);
  if (idof<F>() == idof<Greater>()) return f32x4.gt(a, b);
  if (idof<F>() == idof<GreaterEqual>()) return f32x4.ge(a, b);
  if (idof<F>() == idof<Less>()) return f32x4.lt(a, b);
  if (idof<F>() == idof<IsNan>()) return f32x4.ne(a, a);
  if (idof<F>() == idof<IsInfinite>()) return f32x4.eq(f32x4.abs(a), f32x4.splat(Infinity));
  if (idof<F>() == idof<IsFinite>()) return f32x4.lt(f32x4.abs(a), f32x4.splat(Infinity));
  if (idof<F>() == idof<EqualIntegers>()) return i32x4.eq(a, b);
  if (idof<F>() == idof<NotEqualIntegers>()) return i32x4.ne(a, b);
  if (idof<F>() == idof<GreaterIntegers>()) return i32x4.gt_s(a, b);
  if (idof<F>() == idof<GreaterEqualIntegers>()) return i32x4.ge_s(a, b);
  if (idof<F>() == idof<LessIntegers>()) return i32x4.lt_s(a, b);
  if (idof<F>() == idof<LessEqualIntegers>()) return i32x4.le_s(a, b);
  return f32x4.le(a, b);
}

@inline
function rows<F>(a: usize,
  b: usize,
  y: usize,
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
  const ones = i8x16.splat(1);
  const vectorA = stepA << 4, vectorB = stepB << 4;
  for (let row = begin; row < end; row++) {
    const outer = row / middle, inner = row - outer * middle;
    let to = y + <usize> row * <usize> size;
    let u = a + (<usize> (outer * outerA + inner * middleA) << 2);
    let v = b + (<usize> (outer * outerB + inner * middleB) << 2);
    let i = 0;
    for (; i + 16 <= size; i += 16, to += 16, u += stepA << 6, v += stepB << 6) {
      const first = test<F>(at(u, stepA), at(v, stepB));
      const second = test<F>(at(u + vectorA, stepA), at(v + vectorB, stepB));
      const third = test<F>(at(u + 2 * vectorA, stepA), at(v + 2 * vectorB, stepB));
      const fourth = test<F>(at(u + 3 * vectorA, stepA), at(v + 3 * vectorB, stepB));
      const low = i16x8.narrow_i32x4_s(first, second), high = i16x8.narrow_i32x4_s(third, fourth);
      v128.store(to, v128.and(i8x16.narrow_i16x8_s(low, high), ones));
    }
    for (; i < size; i++, to++, u += stepA << 2, v += stepB << 2) {
      store<u8>(to, <u8> (i32x4.extract_lane(test<F>(at(u, 0), at(v, 0)), 0) & 1));
    }
  }
}

/**
 * A comparison, as bytes 0 or 1, for rows `begin` to `end` of `[outer, middle, size]`.
 *
 * @param f Its number.
 */
export function compare(
  f: i32,
  a: usize,
  b: usize,
  y: usize,
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
    case EQUAL:
      rows<Equal>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case NOT_EQUAL:
      rows<NotEqual>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case GREATER:
      rows<Greater>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case GREATER_EQUAL:
      rows<GreaterEqual>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case LESS:
      rows<Less>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case LESS_EQUAL:
      rows<LessEqual>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case IS_NAN:
      rows<IsNan>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case IS_INFINITE:
      rows<IsInfinite>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case IS_FINITE:
      rows<IsFinite>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case EQUAL_INTEGERS:
      rows<EqualIntegers>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case NOT_EQUAL_INTEGERS:
      rows<NotEqualIntegers>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case GREATER_INTEGERS:
      rows<GreaterIntegers>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case GREATER_EQUAL_INTEGERS:
      rows<GreaterEqualIntegers>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case LESS_INTEGERS:
      rows<LessIntegers>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case LESS_EQUAL_INTEGERS:
      rows<LessEqualIntegers>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
  }
}

/** `a` where a condition, of bytes, is not 0, else `b`; 0 stands for an operand of zeros. */
export function select(
  condition: usize,
  a: usize,
  b: usize,
  y: usize,
  begin: i32,
  end: i32,
  _scratch: usize,
): void {
  const skip = <usize> begin << 2, stepA = a ? 16 : 0, stepB = b ? 16 : 0;
  condition += begin;
  if (a) a += skip;
  if (b) b += skip;
  y += skip;
  const zero = i32x4.splat(0);
  let i = begin;
  for (; i + 4 <= end; i += 4, condition += 4, a += stepA, b += stepB, y += 16) {
    const bytes = i16x8.extend_low_i8x16_u(v128.load32_zero(condition));
    const isTrue = i32x4.ne(i32x4.extend_low_i16x8_u(bytes), zero);
    v128.store(y, v128.bitselect(a ? v128.load(a) : zero, b ? v128.load(b) : zero, isTrue));
  }
  for (; i < end; i++, condition++, a += stepA >> 2, b += stepB >> 2, y += 4) {
    const chosen = load<u8>(condition) ? a : b;
    store<i32>(y, chosen ? load<i32>(chosen) : 0);
  }
}

/** As `select`, of bytes. */
export function selectBytes(
  condition: usize,
  a: usize,
  b: usize,
  y: usize,
  begin: i32,
  end: i32,
  _scratch: usize,
): void {
  const zero = i32x4.splat(0);
  let i = begin;
  for (; i + 16 <= end; i += 16) {
    const isTrue = i8x16.ne(v128.load(condition + i), zero);
    v128.store(y + i, v128.bitselect(v128.load(a + i), v128.load(b + i), isTrue));
  }
  for (; i < end; i++) store<u8>(y + i, load<u8>((load<u8>(condition + i) ? a : b) + i));
}

/** A connection or a comparison of bytes. */
@inline
function join<F>(a: v128, b: v128, ones: v128): v128 {
  if (idof<F>() == idof<connections.And>()) return v128.and(a, b);
  if (idof<F>() == idof<connections.Or>()) return v128.or(a, b);
  if (idof<F>() == idof<connections.Xor>()) return v128.xor(a, b);
  if (idof<F>() == idof<connections.Not>()) return v128.and(i8x16.eq(a, i8x16.splat(0)), ones);
  if (idof<F>() == idof<connections.Equal>()) return v128.and(i8x16.eq(a, b), ones);
  if (idof<F>() == idof<connections.NotEqual>()) return v128.and(i8x16.ne(a, b), ones);
  if (idof<F>() == idof<connections.Greater>()) return v128.and(i8x16.gt_u(a, b), ones);
  if (idof<F>() == idof<connections.GreaterEqual>()) return v128.and(i8x16.ge_u(a, b), ones);
  if (idof<F>() == idof<connections.Less>()) return v128.and(i8x16.lt_u(a, b), ones);
  return v128.and(i8x16.le_u(a, b), ones);
}

/** One row of connections. A step is 1, or 0 for an operand that stays. */
function row<F>(a: usize, b: usize, y: usize, size: i32, stepA: i32, stepB: i32): void {
  const ones = i8x16.splat(1);
  let i = 0;
  if (stepA && stepB) {
    for (; i + 16 <= size; i += 16, a += 16, b += 16, y += 16) {
      v128.store(y, join<F>(v128.load(a), v128.load(b), ones));
    }
  } else {
    const left = v128.load8_splat(a), right = v128.load8_splat(b);
    for (; i + 16 <= size; i += 16, a += stepA << 4, b += stepB << 4, y += 16) {
      v128.store(y, join<F>(stepA ? v128.load(a) : left, stepB ? v128.load(b) : right, ones));
    }
  }
  for (; i < size; i++, y++, a += stepA, b += stepB) {
    const result = join<F>(v128.load8_splat(a), v128.load8_splat(b), ones);
    store<u8>(y, i8x16.extract_lane_u(result, 0));
  }
}

/** A connection of booleans, bytes of 0 and 1, for rows `begin` to `end`: see `binary`. */
export function connect(
  how: i32,
  a: usize,
  b: usize,
  y: usize,
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
  for (let i = begin; i < end; i++) {
    const outer = i / middle, inner = i - outer * middle;
    const to = y + <usize> i * <usize> size;
    const u = a + <usize> (outer * outerA + inner * middleA);
    const v = b + <usize> (outer * outerB + inner * middleB);
    switch (how) {
      case connections.AND:
        row<connections.And>(u, v, to, size, stepA, stepB);
        break;
      case connections.OR:
        row<connections.Or>(u, v, to, size, stepA, stepB);
        break;
      case connections.XOR:
        row<connections.Xor>(u, v, to, size, stepA, stepB);
        break;
      case connections.NOT:
        row<connections.Not>(u, v, to, size, stepA, stepB);
        break;
      case connections.EQUAL:
        row<connections.Equal>(u, v, to, size, stepA, stepB);
        break;
      case connections.NOT_EQUAL:
        row<connections.NotEqual>(u, v, to, size, stepA, stepB);
        break;
      case connections.GREATER:
        row<connections.Greater>(u, v, to, size, stepA, stepB);
        break;
      case connections.GREATER_EQUAL:
        row<connections.GreaterEqual>(u, v, to, size, stepA, stepB);
        break;
      case connections.LESS:
        row<connections.Less>(u, v, to, size, stepA, stepB);
        break;
      case connections.LESS_EQUAL:
        row<connections.LessEqual>(u, v, to, size, stepA, stepB);
        break;
    }
  }
}
