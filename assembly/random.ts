/**
 * Random numbers: the very ones that TensorFlow.js draws one by one in JavaScript, and masks of dropout.
 *
 * The generator is Alea (Baagøe, 2010), a multiply-with-carry. Its numbers are multiples of 2 ** -32, so
 * that integers compute the same as the doubles of its source, in a tenth of the time. Its first three
 * numbers, times 2 ** 32, are arguments, the oldest first.
 */

@external("env", "log")
declare function log(x: f64): f64;

const MULTIPLIER: u64 = 2091639;
const UNIT: f32 = 1.0 / 4294967296.0;
const UNIT_OF_DOUBLES: f64 = 1.0 / 4294967296.0;

/** Numbers that are drawn before they become factors: they stay in the cache. */
const PART: i32 = 1024;

/** `floor(u + kept) / kept` for uniform numbers u: 0, or the inverse of the share that is kept. */
export function dropoutMask(to: usize, size: i32, kept: f32, s0: i32, s1: i32, s2: i32): void {
  let x0 = <u64> <u32> s0, x1 = <u64> <u32> s1, x2 = <u64> <u32> s2, carry: u64 = 1;
  const keeps = f32x4.splat(kept);
  while (size > 0) {
    const some = min(size, PART);
    for (let i: i32 = 0, at = to; i < some; i++, at += 4) {
      const t = MULTIPLIER * x0 + carry;
      x0 = x1;
      x1 = x2;
      x2 = t & 0xffffffff;
      carry = t >> 32;
      store<f32>(at, <f32> <u32> x2 * UNIT);
    }
    let i: i32 = 0;
    for (; i + 4 <= some; i += 4, to += 16) {
      v128.store(to, f32x4.div(f32x4.floor(f32x4.add(v128.load(to), keeps)), keeps));
    }
    for (; i < some; i++, to += 4) store<f32>(to, floor<f32>(load<f32>(to) + kept) / kept);
    size -= some;
  }
}

/** Uniform numbers from `low` to before `low + range`, as floats or, without their fractions, as integers. */
export function uniformNumbers(
  to: usize,
  size: i32,
  areIntegers: i32,
  low: f64,
  range: f64,
  s0: i32,
  s1: i32,
  s2: i32,
): void {
  let x0 = <u64> <u32> s0, x1 = <u64> <u32> s1, x2 = <u64> <u32> s2, carry: u64 = 1;
  for (const end = to + (<usize> size << 2); to < end; to += 4) {
    const t = MULTIPLIER * x0 + carry;
    x0 = x1;
    x1 = x2;
    x2 = t & 0xffffffff;
    carry = t >> 32;
    const value = low + range * (<f64> <u32> x2 * UNIT_OF_DOUBLES);
    if (areIntegers) store<i32>(to, <i32> <i64> value);
    else store<f32>(to, <f32> value);
  }
}

/**
 * Normal numbers by the polar method (Marsaglia and Bray, 1964), in pairs.
 *
 * @param limit Number of standard deviations from the mean beyond which numbers are drawn again.
 */
export function normalNumbers(
  to: usize,
  size: i32,
  mean: f64,
  deviation: f64,
  limit: f64,
  s0: i32,
  s1: i32,
  s2: i32,
): void {
  let x0 = <u64> <u32> s0, x1 = <u64> <u32> s1, x2 = <u64> <u32> s2, carry: u64 = 1;
  // Without a limit, a deviation of 0 must not make it NaN.
  const isLimited = limit < Infinity;
  const upper = isLimited ? mean + deviation * limit : Infinity;
  const lower = isLimited ? mean - deviation * limit : -Infinity;
  for (const end = to + (<usize> size << 2); to < end;) {
    let v1: f64, v2: f64, s: f64;
    do {
      let t = MULTIPLIER * x0 + carry;
      x0 = x1;
      x1 = x2;
      x2 = t & 0xffffffff;
      carry = t >> 32;
      v1 = 2 * (<f64> <u32> x2 * UNIT_OF_DOUBLES) - 1;
      t = MULTIPLIER * x0 + carry;
      x0 = x1;
      x1 = x2;
      x2 = t & 0xffffffff;
      carry = t >> 32;
      v2 = 2 * (<f64> <u32> x2 * UNIT_OF_DOUBLES) - 1;
      s = v1 * v1 + v2 * v2;
    } while (s >= 1 || s == 0);
    const scale = sqrt<f64>(-2.0 * log(s) / s);
    const first = mean + deviation * v1 * scale, second = mean + deviation * v2 * scale;
    // The second number of a pair is kept only if the first one is.
    if (!(first <= upper && first >= lower)) continue;
    store<f32>(to, <f32> first);
    to += 4;
    if (to < end && second <= upper && second >= lower) {
      store<f32>(to, <f32> second);
      to += 4;
    }
  }
}
