/** Elements of one dtype as those of another, as JavaScript converts them. */
import {
  BOOL_TO_FLOAT,
  BOOL_TO_INTEGER,
  FLOAT_TO_BOOL,
  FLOAT_TO_INTEGER,
  INTEGER_TO_BOOL,
  INTEGER_TO_FLOAT,
} from "./conversions";

/** An integer of one float: NaN and infinities are 0, and large numbers wrap. */
function integerOf(x: f32): i32 {
  return abs(x) < 9223372036854775808.0 ? <i32> <i64> x : 0;
}

/** The integers of floats that are in their range. */
@inline
function truncate(x: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? i32x4.relaxed_trunc_f32x4_s(x) : i32x4.trunc_sat_f32x4_s(x);
}

function floatsToIntegers(x: usize, y: usize, count: i32): void {
  const limit = f32x4.splat(2147483648.0);
  let i = 0;
  for (; i + 16 <= count; i += 16, x += 64, y += 64) {
    const a = v128.load(x), b = v128.load(x, 16), c = v128.load(x, 32), d = v128.load(x, 48);
    const p = v128.and(f32x4.lt(f32x4.abs(a), limit), f32x4.lt(f32x4.abs(b), limit));
    const q = v128.and(f32x4.lt(f32x4.abs(c), limit), f32x4.lt(f32x4.abs(d), limit));
    if (i32x4.all_true(v128.and(p, q))) {
      v128.store(y, truncate(a));
      v128.store(y, truncate(b), 16);
      v128.store(y, truncate(c), 32);
      v128.store(y, truncate(d), 48);
      continue;
    }
    for (let j: usize = 0; j < 64; j += 4) store<i32>(y + j, integerOf(load<f32>(x + j)));
  }
  for (; i + 4 <= count; i += 4, x += 16, y += 16) {
    const u = v128.load(x);
    if (i32x4.all_true(f32x4.lt(f32x4.abs(u), limit))) {
      v128.store(y, truncate(u));
      continue;
    }
    for (let j: usize = 0; j < 16; j += 4) store<i32>(y + j, integerOf(load<f32>(x + j)));
  }
  for (; i < count; i++, x += 4, y += 4) store<i32>(y, integerOf(load<f32>(x)));
}

function integersToFloats(x: usize, y: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4, x += 16, y += 16) {
    v128.store(y, f32x4.convert_i32x4_s(v128.load(x)));
  }
  for (; i < count; i++, x += 4, y += 4) store<f32>(y, <f32> load<i32>(x));
}

/** Four bytes as integers. */
@inline
function widen(x: usize): v128 {
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(x)));
}

@inline
function boolsToNumbers(x: usize, y: usize, count: i32, areFloats: bool): void {
  let i = 0;
  for (; i + 4 <= count; i += 4, x += 4, y += 16) {
    const u = widen(x);
    v128.store(y, areFloats ? f32x4.convert_i32x4_s(u) : u);
  }
  for (; i < count; i++, x++, y += 4) {
    if (areFloats) store<f32>(y, <f32> load<u8>(x));
    else store<i32>(y, <i32> load<u8>(x));
  }
}

@inline
function isNotZero(x: usize, areFloats: bool): v128 {
  const u = v128.load(x);
  return areFloats ? f32x4.ne(u, f32x4.splat(0)) : i32x4.ne(u, i32x4.splat(0));
}

@inline
function numbersToBools(x: usize, y: usize, count: i32, areFloats: bool): void {
  const ones = i8x16.splat(1);
  let i = 0;
  for (; i + 16 <= count; i += 16, x += 64, y += 16) {
    const first = isNotZero(x, areFloats), second = isNotZero(x + 16, areFloats);
    const third = isNotZero(x + 32, areFloats), fourth = isNotZero(x + 48, areFloats);
    const low = i16x8.narrow_i32x4_s(first, second), high = i16x8.narrow_i32x4_s(third, fourth);
    v128.store(y, v128.and(i8x16.narrow_i16x8_s(low, high), ones));
  }
  for (; i < count; i++, x += 4, y++) {
    store<u8>(y, <u8> (areFloats ? load<f32>(x) != 0 : load<i32>(x) != 0));
  }
}

/** Converts elements `begin` to `end`; `how` is the number of the conversion. */
export function convert(
  how: i32,
  x: usize,
  y: usize,
  begin: i32,
  end: i32,
  _scratch: usize,
): void {
  const fromBools = how == BOOL_TO_FLOAT || how == BOOL_TO_INTEGER;
  const toBools = how == FLOAT_TO_BOOL || how == INTEGER_TO_BOOL;
  x += <usize> begin << (fromBools ? 0 : 2);
  y += <usize> begin << (toBools ? 0 : 2);
  const count = end - begin;
  switch (how) {
    case FLOAT_TO_INTEGER:
      floatsToIntegers(x, y, count);
      break;
    case INTEGER_TO_FLOAT:
      integersToFloats(x, y, count);
      break;
    case BOOL_TO_FLOAT:
      boolsToNumbers(x, y, count, true);
      break;
    case BOOL_TO_INTEGER:
      boolsToNumbers(x, y, count, false);
      break;
    case FLOAT_TO_BOOL:
      numbersToBools(x, y, count, true);
      break;
    case INTEGER_TO_BOOL:
      numbersToBools(x, y, count, false);
      break;
  }
}
