/**
 * Fourier transforms of any number of complex numbers, in doubles: Stockham's algorithm in steps of the
 * factors of the size, and, where one of those is large, as a convolution with a chirp (Bluestein, 1970).
 */

/** The product of complex numbers. */
@inline
function times(a: v128, b: v128): v128 {
  const real = v128.shuffle<i64>(b, b, 0, 0), imag = v128.shuffle<i64>(b, b, 1, 1);
  const turned = f64x2.mul(turn(a), imag);
  return f64x2.add(f64x2.mul(a, real), turned);
}

/** A complex number times i. */
@inline
function turn(a: v128): v128 {
  const swapped = v128.shuffle<i64>(a, a, 1, 0);
  return v128.xor(swapped, i64x2.replace_lane(i64x2.splat(0), 0, i64.MIN_VALUE));
}

@inline
function conjugate(a: v128): v128 {
  return v128.xor(a, i64x2.replace_lane(i64x2.splat(0), 1, i64.MIN_VALUE));
}

@inline
function scaled(a: v128, factor: f64): v128 {
  return f64x2.mul(a, f64x2.splat(factor));
}

/** Bytes of a complex number of doubles. */
const UNIT: usize = 16;

/**
 * A step of `radix`: butterflies over numbers that are `size / radix` apart, for each of `size / (radix *
 * stride)` factors and `stride` neighbours.
 *
 * @param roots The `size` powers of the root `e ** (-2 pi i / size)`.
 */
function step(x: usize, y: usize, size: i32, radix: i32, stride: i32, roots: usize): void {
  const groups = size / (radix * stride);
  const apart = <usize> (size / radix) * UNIT, row = <usize> stride * UNIT;
  for (let p = 0; p < groups; p++) {
    const root = <usize> (p * stride) * UNIT;
    let from = x + <usize> (p * stride) * UNIT, to = y + <usize> (p * radix * stride) * UNIT;
    for (let q = 0; q < stride; q++, from += UNIT, to += UNIT) {
      if (radix == 2) {
        const a = v128.load(from), b = v128.load(from + apart);
        v128.store(to, f64x2.add(a, b));
        v128.store(to + row, times(f64x2.sub(a, b), v128.load(roots + root)));
      } else if (radix == 3) {
        const a = v128.load(from), b = v128.load(from + apart), c = v128.load(from + 2 * apart);
        const sum = f64x2.add(b, c);
        const u = f64x2.sub(a, scaled(sum, 0.5));
        const v = turn(scaled(f64x2.sub(b, c), 0.8660254037844386));
        v128.store(to, f64x2.add(a, sum));
        v128.store(to + row, times(f64x2.sub(u, v), v128.load(roots + root)));
        v128.store(to + 2 * row, times(f64x2.add(u, v), v128.load(roots + 2 * root)));
      } else if (radix == 4) {
        const a = v128.load(from), b = v128.load(from + apart);
        const c = v128.load(from + 2 * apart), d = v128.load(from + 3 * apart);
        const e = f64x2.add(a, c), f = f64x2.sub(a, c), g = f64x2.add(b, d), h = turn(f64x2.sub(b, d));
        v128.store(to, f64x2.add(e, g));
        v128.store(to + row, times(f64x2.sub(f, h), v128.load(roots + root)));
        v128.store(to + 2 * row, times(f64x2.sub(e, g), v128.load(roots + 2 * root)));
        v128.store(to + 3 * row, times(f64x2.add(f, h), v128.load(roots + 3 * root)));
      } else if (radix == 5) {
        const a = v128.load(from), b = v128.load(from + apart), c = v128.load(from + 2 * apart);
        const d = v128.load(from + 3 * apart), e = v128.load(from + 4 * apart);
        const t1 = f64x2.add(b, e), t2 = f64x2.add(c, d), t3 = f64x2.sub(b, e), t4 = f64x2.sub(c, d);
        const u1 = f64x2.add(a, f64x2.add(scaled(t1, 0.30901699437494745), scaled(t2, -0.8090169943749475)));
        const u2 = f64x2.add(a, f64x2.add(scaled(t1, -0.8090169943749475), scaled(t2, 0.30901699437494745)));
        const v1 = turn(f64x2.add(scaled(t3, 0.9510565162951535), scaled(t4, 0.5877852522924731)));
        const v2 = turn(f64x2.sub(scaled(t3, 0.5877852522924731), scaled(t4, 0.9510565162951535)));
        v128.store(to, f64x2.add(a, f64x2.add(t1, t2)));
        v128.store(to + row, times(f64x2.sub(u1, v1), v128.load(roots + root)));
        v128.store(to + 2 * row, times(f64x2.sub(u2, v2), v128.load(roots + 2 * root)));
        v128.store(to + 3 * row, times(f64x2.add(u2, v2), v128.load(roots + 3 * root)));
        v128.store(to + 4 * row, times(f64x2.add(u1, v1), v128.load(roots + 4 * root)));
      } else {
        const turnOf = size / radix;
        for (let j = 0; j < radix; j++) {
          let sum = v128.load(from);
          for (let k = 1, at = 0; k < radix; k++) {
            at += j;
            if (at >= radix) at -= radix;
            const factor = v128.load(roots + <usize> (at * turnOf) * UNIT);
            sum = f64x2.add(sum, times(v128.load(from + <usize> k * apart), factor));
          }
          v128.store(to + <usize> j * row, times(sum, v128.load(roots + <usize> j * root)));
        }
      }
    }
  }
}

/** Transforms `size` numbers at `x`; returns where the result is: there, or at `other`. */
function transform(x: usize, other: usize, size: i32, factors: usize, roots: usize): usize {
  let stride = 1;
  for (let i = 0; stride < size; i++) {
    const radix = load<i32>(factors + (<usize> i << 2));
    step(x, other, size, radix, stride, roots);
    const swapped = x;
    x = other;
    other = swapped;
    stride *= radix;
  }
  return x;
}

/** Pairs of floats as complex numbers of doubles, conjugated for an inverse transform. */
@inline
function load2(from: usize, isInverse: i32): v128 {
  const value = f64x2.promote_low_f32x4(v128.load64_zero(from));
  return isInverse ? conjugate(value) : value;
}

@inline
function store2(to: usize, value: v128, factor: f64, isInverse: i32): void {
  const all = scaled(isInverse ? conjugate(value) : value, factor);
  v128.store64_lane(to, f32x4.demote_f64x2_zero(all), 0);
}

/**
 * The transforms of rows `begin` to `end`, of `size` complex numbers each.
 *
 * @param factors The factors of `length`: steps of 2, 3, 4, 5 are quicker than others.
 * @param roots The `length` powers of `e ** (-2 pi i / length)`, as doubles.
 * @param length `size`, or at least twice as many for a convolution with a chirp.
 * @param chirp For such a convolution: the `size` numbers `e ** (pi i k ** 2 / size)`, then the transform
 *   of the `length` numbers with which is convolved, divided by `length`. Else 0.
 * @param scratch Memory for 2 times `length` complex numbers of doubles.
 */
export function fourierOfAny(
  x: usize,
  begin: i32,
  end: i32,
  size: i32,
  y: usize,
  isInverse: i32,
  factors: usize,
  roots: usize,
  length: i32,
  chirp: usize,
  scratch: usize,
): void {
  const bytes = <usize> size << 3, part = <usize> length * UNIT;
  const factor: f64 = isInverse ? 1 / <f64> size : 1;
  for (let row = begin; row < end; row++) {
    const from = x + <usize> row * bytes, to = y + <usize> row * bytes;
    if (!chirp) {
      for (let i: usize = 0; i < <usize> size; i++) {
        v128.store(scratch + i * UNIT, load2(from + (i << 3), isInverse));
      }
      const result = transform(scratch, scratch + part, length, factors, roots);
      for (let i: usize = 0; i < <usize> size; i++) {
        store2(to + (i << 3), v128.load(result + i * UNIT), factor, isInverse);
      }
      continue;
    }
    for (let i: usize = 0; i < <usize> size; i++) {
      const turned = conjugate(v128.load(chirp + i * UNIT));
      v128.store(scratch + i * UNIT, times(load2(from + (i << 3), isInverse), turned));
    }
    memory.fill(scratch + <usize> size * UNIT, 0, <usize> (length - size) * UNIT);
    let at = transform(scratch, scratch + part, length, factors, roots);
    const kernel = chirp + <usize> size * UNIT;
    // The transform of the conjugate is that of the inverse one.
    for (let i: usize = 0; i < <usize> length; i++) {
      const product = times(v128.load(at + i * UNIT), v128.load(kernel + i * UNIT));
      v128.store(at + i * UNIT, conjugate(product));
    }
    at = transform(at, at == scratch ? scratch + part : scratch, length, factors, roots);
    for (let i: usize = 0; i < <usize> size; i++) {
      const turned = conjugate(v128.load(chirp + i * UNIT));
      const value = times(conjugate(v128.load(at + i * UNIT)), turned);
      store2(to + (i << 3), value, factor, isInverse);
    }
  }
}

/** The products of complex numbers of floats `begin` to `end`. */
export function multiplyComplexNumbers(
  a: usize,
  b: usize,
  y: usize,
  begin: i32,
  end: i32,
  _scratch: usize,
): void {
  for (let i = <usize> begin << 3; i < <usize> end << 3; i += 8) {
    store2(y + i, times(load2(a + i, 0), load2(b + i, 0)), 1, 0);
  }
}
