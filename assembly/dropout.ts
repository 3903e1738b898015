/** Masks of dropout, of the very random numbers that TensorFlow.js draws. */

const MULTIPLIER: u64 = 2091639;
const UNIT: f32 = 1.0 / 4294967296.0;

/** Numbers that are drawn before they become factors: they stay in the cache. */
const PART: i32 = 1024;

/**
 * `floor(u + kept) / kept` for uniform numbers u: 0, or the inverse of the share that is kept.
 *
 * The generator is Alea (Baagøe, 2010), a multiply-with-carry. Its numbers are multiples of 2 ** -32,
 * so that integers compute the same as the doubles of its source, in a tenth of the time.
 *
 * @param s0 The oldest of the last three numbers, times 2 ** 32.
 */
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
