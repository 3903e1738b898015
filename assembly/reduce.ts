/**
 * Extremes and products along the middle axis of `[outer, size, inner]`, for outer indices `begin` to
 * `end`, and the gradients of extremes. For sums, see `sumRows` and `sumMiddle`.
 */
import {
  Max,
  MaxIntegers,
  Min,
  MinIntegers,
  SumIntegers,
  MAX,
  MAX_INTEGERS,
  MIN,
  MIN_INTEGERS,
  PROD,
  SUM_INTEGERS,
} from "./reducers";
import { demote, high, low } from "./reductions";

/** The element that changes no result. */
@inline
function first<F>(): v128 {
  if (idof<F>() == idof<Max>()) return f32x4.splat(-Infinity);
  if (idof<F>() == idof<Min>()) return f32x4.splat(Infinity);
  if (idof<F>() == idof<MaxIntegers>()) return i32x4.splat(i32.MIN_VALUE);
  if (idof<F>() == idof<MinIntegers>()) return i32x4.splat(i32.MAX_VALUE);
  return i32x4.splat(0);
}

/** NaN of either operand stays. */
@inline
function combine<F>(a: v128, b: v128): v128 {
  if (idof<F>() == idof<MaxIntegers>()) return i32x4.max_s(a, b);
  if (idof<F>() == idof<MinIntegers>()) return i32x4.min_s(a, b);
  if (idof<F>() == idof<SumIntegers>()) return i32x4.add(a, b);
  if (idof<F>() == idof<Max>()) {
    return v128.bitselect(a, f32x4.pmax(b, a), f32x4.ne(a, a));
  }
  return v128.bitselect(a, f32x4.pmin(b, a), f32x4.ne(a, a));
}

/** The product of a row, in doubles: parts of it may be beyond the range of floats. */
function productOfRow(x: usize, size: i32): f32 {
  let a = f64x2.splat(1), b = a, c = a, d = a, e = a, f = a, g = a, h = a;
  let i = 0;
  // Each product waits for the one before: eight hide that.
  for (; i + 16 <= size; i += 16, x += 64) {
    const p = v128.load(x), q = v128.load(x, 16), r = v128.load(x, 32), s = v128.load(x, 48);
    a = f64x2.mul(a, low(p));
    b = f64x2.mul(b, high(p));
    c = f64x2.mul(c, low(q));
    d = f64x2.mul(d, high(q));
    e = f64x2.mul(e, low(r));
    f = f64x2.mul(f, high(r));
    g = f64x2.mul(g, low(s));
    h = f64x2.mul(h, high(s));
  }
  a = f64x2.mul(f64x2.mul(a, b), f64x2.mul(c, d));
  a = f64x2.mul(a, f64x2.mul(f64x2.mul(e, f), f64x2.mul(g, h)));
  let total = f64x2.extract_lane(a, 0) * f64x2.extract_lane(a, 1);
  for (; i < size; i++, x += 4) total *= <f64> load<f32>(x);
  return <f32> total;
}

/** As `combine`, but NaN of `b` is passed over. */
@inline
function combineNumbers<F>(a: v128, b: v128): v128 {
  if (idof<F>() == idof<Max>()) return f32x4.pmax(a, b);
  if (idof<F>() == idof<Min>()) return f32x4.pmin(a, b);
  return combine<F>(a, b);
}

/** `seen`, with all bits set in the lanes where `x` is NaN. */
@inline
function lookForNaN<F>(seen: v128, x: v128): v128 {
  const areFloats = idof<F>() == idof<Max>() || idof<F>() == idof<Min>();
  return areFloats ? v128.or(seen, f32x4.ne(x, x)) : seen;
}

@inline
function extremeOfRow<F>(x: usize, size: i32): i32 {
  let a = first<F>(), b = a, c = a, d = a;
  // Asking once for all elements takes fewer instructions than keeping NaN at each.
  let seen = i32x4.splat(0), other = seen;
  let i = 0;
  for (; i + 16 <= size; i += 16, x += 64) {
    const p = v128.load(x), q = v128.load(x, 16), r = v128.load(x, 32), s = v128.load(x, 48);
    a = combineNumbers<F>(a, p);
    b = combineNumbers<F>(b, q);
    c = combineNumbers<F>(c, r);
    d = combineNumbers<F>(d, s);
    seen = lookForNaN<F>(lookForNaN<F>(seen, p), r);
    other = lookForNaN<F>(lookForNaN<F>(other, q), s);
  }
  if (v128.any_true(v128.or(seen, other))) return 0x7fc00000;
  for (; i + 4 <= size; i += 4, x += 16) a = combine<F>(a, v128.load(x));
  a = combine<F>(combine<F>(a, b), combine<F>(c, d));
  a = combine<F>(a, v128.shuffle<i32>(a, a, 2, 3, 0, 1));
  a = combine<F>(a, v128.shuffle<i32>(a, a, 1, 0, 3, 2));
  for (; i < size; i++, x += 4) a = combine<F>(a, v128.load32_splat(x));
  return i32x4.extract_lane(a, 0);
}

@inline
function extremes<F>(x: usize, begin: i32, end: i32, size: i32, inner: i32, y: usize): void {
  const stride = <usize> inner << 2;
  for (let outer = begin; outer < end; outer++) {
    let from = x + <usize> outer * <usize> size * stride;
    if (inner == 1) {
      store<i32>(y + (<usize> outer << 2), extremeOfRow<F>(from, size));
      continue;
    }
    let to = y + <usize> outer * stride;
    let j = 0;
    for (; j + 8 <= inner; j += 8, from += 32, to += 32) {
      let a = v128.load(from), b = v128.load(from, 16), at = from;
      let seen = lookForNaN<F>(i32x4.splat(0), a), other = lookForNaN<F>(i32x4.splat(0), b);
      for (let i = 1; i < size; i++) {
        at += stride;
        const u = v128.load(at), v = v128.load(at, 16);
        a = combineNumbers<F>(a, u);
        b = combineNumbers<F>(b, v);
        seen = lookForNaN<F>(seen, u);
        other = lookForNaN<F>(other, v);
      }
      // All bits set are a NaN.
      v128.store(to, v128.or(a, seen));
      v128.store(to, v128.or(b, other), 16);
    }
    for (; j < inner; j++, from += 4, to += 4) {
      let a = v128.load32_splat(from), at = from;
      for (let i = 1; i < size; i++) a = combine<F>(a, v128.load32_splat(at += stride));
      store<i32>(to, i32x4.extract_lane(a, 0));
    }
  }
}

function products(x: usize, begin: i32, end: i32, size: i32, inner: i32, y: usize): void {
  const stride = <usize> inner << 2;
  for (let outer = begin; outer < end; outer++) {
    let from = x + <usize> outer * <usize> size * stride;
    if (inner == 1) {
      store<f32>(y + (<usize> outer << 2), productOfRow(from, size));
      continue;
    }
    let to = y + <usize> outer * stride;
    let j = 0;
    for (; j + 16 <= inner; j += 16, from += 64, to += 64) {
      let a = f64x2.splat(1), b = a, c = a, d = a, e = a, f = a, g = a, h = a, at = from;
      for (let i = 0; i < size; i++, at += stride) {
        const p = v128.load(at), q = v128.load(at, 16), r = v128.load(at, 32), s = v128.load(at, 48);
        a = f64x2.mul(a, low(p));
        b = f64x2.mul(b, high(p));
        c = f64x2.mul(c, low(q));
        d = f64x2.mul(d, high(q));
        e = f64x2.mul(e, low(r));
        f = f64x2.mul(f, high(r));
        g = f64x2.mul(g, low(s));
        h = f64x2.mul(h, high(s));
      }
      v128.store(to, demote(a, b));
      v128.store(to, demote(c, d), 16);
      v128.store(to, demote(e, f), 32);
      v128.store(to, demote(g, h), 48);
    }
    for (; j + 4 <= inner; j += 4, from += 16, to += 16) {
      let a = f64x2.splat(1), b = a, at = from;
      for (let i = 0; i < size; i++, at += stride) {
        const u = v128.load(at);
        a = f64x2.mul(a, low(u));
        b = f64x2.mul(b, high(u));
      }
      const upper = f32x4.demote_f64x2_zero(b);
      v128.store(to, v128.shuffle<i64>(f32x4.demote_f64x2_zero(a), upper, 0, 2));
    }
    for (; j < inner; j++, from += 4, to += 4) {
      let total: f64 = 1, at = from;
      for (let i = 0; i < size; i++, at += stride) total *= <f64> load<f32>(at);
      store<f32>(to, <f32> total);
    }
  }
}

/**
 * The largest, the smallest, or the product of the elements along the middle axis, or the sum of integers.
 *
 * @param f The number of the reduction.
 */
export function reduce(
  f: i32,
  x: usize,
  begin: i32,
  end: i32,
  size: i32,
  inner: i32,
  y: usize,
  _scratch: usize,
): void {
  switch (f) {
    case MAX:
      extremes<Max>(x, begin, end, size, inner, y);
      break;
    case MIN:
      extremes<Min>(x, begin, end, size, inner, y);
      break;
    case MAX_INTEGERS:
      extremes<MaxIntegers>(x, begin, end, size, inner, y);
      break;
    case MIN_INTEGERS:
      extremes<MinIntegers>(x, begin, end, size, inner, y);
      break;
    case SUM_INTEGERS:
      extremes<SumIntegers>(x, begin, end, size, inner, y);
      break;
    case PROD:
      products(x, begin, end, size, inner, y);
      break;
  }
}

/** Whether any byte, or every byte, along the middle axis is 1. */
export function reduceBytes(
  every: bool,
  x: usize,
  begin: i32,
  end: i32,
  size: i32,
  inner: i32,
  y: usize,
  _scratch: usize,
): void {
  const stride = <usize> inner;
  for (let outer = begin; outer < end; outer++) {
    let from = x + <usize> outer * <usize> size * stride;
    let to = y + <usize> outer * stride;
    if (inner == 1) {
      let a = i8x16.splat(<i8> every);
      let i = 0;
      for (; i + 16 <= size; i += 16, from += 16) {
        const u = v128.load(from);
        a = every ? v128.and(a, u) : v128.or(a, u);
      }
      let result = every ? i8x16.all_true(a) : v128.any_true(a);
      for (; i < size; i++, from++) {
        result = every ? result && load<u8>(from) != 0 : result || load<u8>(from) != 0;
      }
      store<u8>(to, <u8> result);
      continue;
    }
    let j = 0;
    for (; j + 16 <= inner; j += 16, from += 16, to += 16) {
      let a = v128.load(from), at = from;
      for (let i = 1; i < size; i++) {
        const u = v128.load(at += stride);
        a = every ? v128.and(a, u) : v128.or(a, u);
      }
      v128.store(to, a);
    }
    for (; j < inner; j++, from++, to++) {
      let a = load<u8>(from), at = from;
      for (let i = 1; i < size; i++) {
        const u = load<u8>(at += stride);
        a = every ? a & u : a | u;
      }
      store<u8>(to, a);
    }
  }
}

/**
 * The part of a gradient that each of `count` elements has; an extreme of NaN equals no element.
 */
@inline
function shareOf(dy: f32, count: f32): f32 {
  return count == 0 ? NaN : dy / count;
}

/** The gradients of the elements that share an extreme: `dy` over their number. */
export function extremeSlope(
  dy: usize,
  x: usize,
  extreme: usize,
  dx: usize,
  begin: i32,
  end: i32,
  size: i32,
  inner: i32,
  scratch: usize,
): void {
  const one = f32x4.splat(1);
  const stride = <usize> inner << 2;
  for (let outer = begin; outer < end; outer++) {
    const skip = <usize> outer * <usize> size * stride, place = <usize> outer * stride;
    let from = x + skip, to = dx + skip;
    if (inner == 1) {
      const best = v128.load32_splat(extreme + place);
      let count = 0, i = 0;
      for (; i + 4 <= size; i += 4, from += 16) {
        count += popcnt(i32x4.bitmask(f32x4.eq(v128.load(from), best)));
      }
      for (; i < size; i++, from += 4) {
        count += <i32> (load<f32>(from) == f32x4.extract_lane(best, 0));
      }
      const share = f32x4.splat(shareOf(load<f32>(dy + place), <f32> count));
      from = x + skip;
      for (i = 0; i + 4 <= size; i += 4, from += 16, to += 16) {
        v128.store(to, shareWhere(v128.load(from), best, share));
      }
      for (; i < size; i++, from += 4, to += 4) {
        store<f32>(to, f32x4.extract_lane(shareWhere(v128.load32_splat(from), best, share), 0));
      }
      continue;
    }
    memory.fill(scratch, 0, stride);
    for (let i = 0; i < size; i++) {
      let best = extreme + place, count = scratch, j = 0;
      for (; j + 4 <= inner; j += 4, from += 16, best += 16, count += 16) {
        const isBest = f32x4.eq(v128.load(from), v128.load(best));
        v128.store(count, f32x4.add(v128.load(count), v128.and(isBest, one)));
      }
      for (; j < inner; j++, from += 4, best += 4, count += 4) {
        if (load<f32>(from) == load<f32>(best)) store<f32>(count, load<f32>(count) + 1);
      }
    }
    for (let j = 0; j < inner; j++) {
      const share = scratch + (<usize> j << 2);
      store<f32>(share, shareOf(load<f32>(dy + place + (<usize> j << 2)), load<f32>(share)));
    }
    from = x + skip;
    for (let i = 0; i < size; i++) {
      let best = extreme + place, share = scratch, j = 0;
      for (; j + 4 <= inner; j += 4, from += 16, best += 16, share += 16, to += 16) {
        v128.store(to, shareWhere(v128.load(from), v128.load(best), v128.load(share)));
      }
      for (; j < inner; j++, from += 4, best += 4, share += 4, to += 4) {
        const u = v128.load32_splat(from), v = v128.load32_splat(best);
        store<f32>(to, f32x4.extract_lane(shareWhere(u, v, v128.load32_splat(share)), 0));
      }
    }
  }
}

/** The share where an element is the extreme, else 0; NaN where the share is NaN. */
@inline
function shareWhere(x: v128, best: v128, share: v128): v128 {
  const isShare = v128.or(f32x4.eq(x, best), f32x4.ne(share, share));
  return v128.and(share, isShare);
}
