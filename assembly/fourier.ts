/**
 * Fourier transforms of as many complex numbers as a power of two, by Stockham's algorithm (Cochran
 * and others, 1967), which needs no reordering; in steps of four, and one of two.
 */

/** Two vectors of complex numbers as four real parts. */
@inline
function realParts(u: v128, v: v128): v128 {
  return v128.shuffle<i32>(u, v, 0, 2, 4, 6);
}

@inline
function imaginaryParts(u: v128, v: v128): v128 {
  return v128.shuffle<i32>(u, v, 1, 3, 5, 7);
}

/** Splits complex numbers into their parts. */
export function splitComplex(z: usize, size: i32, real: usize, imag: usize): void {
  let i = 0;
  for (; i + 4 <= size; i += 4, z += 32, real += 16, imag += 16) {
    const u = v128.load(z), v = v128.load(z, 16);
    v128.store(real, realParts(u, v));
    v128.store(imag, imaginaryParts(u, v));
  }
  for (; i < size; i++, z += 8, real += 4, imag += 4) {
    store<f32>(real, load<f32>(z));
    store<f32>(imag, load<f32>(z, 4));
  }
}

/** Joins parts, times `factor`, to complex numbers. */
export function joinComplex(real: usize, imag: usize, size: i32, factor: f32, z: usize): void {
  const all = f32x4.splat(factor);
  let i = 0;
  for (; i + 4 <= size; i += 4, z += 32, real += 16, imag += 16) {
    const u = f32x4.mul(v128.load(real), all), v = f32x4.mul(v128.load(imag), all);
    v128.store(z, v128.shuffle<i32>(u, v, 0, 4, 1, 5));
    v128.store(z, v128.shuffle<i32>(u, v, 2, 6, 3, 7), 16);
  }
  for (; i < size; i++, z += 8, real += 4, imag += 4) {
    store<f32>(z, load<f32>(real) * factor);
    store<f32>(z, load<f32>(imag) * factor, 4);
  }
}

/** One of the parts of `size` complex numbers: that at `offset` bytes. */
export function partOfComplex(z: usize, size: i32, offset: i32, y: usize): void {
  let i = 0;
  z += <usize> offset;
  for (; i + 4 < size; i += 4, z += 32, y += 16) {
    v128.store(y, realParts(v128.load(z), v128.load(z, 16)));
  }
  for (; i < size; i++, z += 8, y += 4) store<f32>(y, load<f32>(z));
}

/** The absolute values of complex numbers, in doubles: squares may be beyond the range of floats. */
export function absoluteOfComplex(z: usize, size: i32, y: usize): void {
  for (let i = 0; i < size; i++, z += 8, y += 4) {
    const real = <f64> load<f32>(z), imag = <f64> load<f32>(z, 4);
    const isInfinite = abs(real) == Infinity || abs(imag) == Infinity;
    store<f32>(y, isInfinite ? Infinity : <f32> sqrt<f64>(real * real + imag * imag));
  }
}

/**
 * Writes the factors of a transform: for `p` below a quarter of `size`, the powers 1, 2 and 3 of the
 * root `e ** (-2 pi i p / size)`, as six lists of floats.
 *
 * @param roots Memory for half of `size` doubles.
 */
export function fourierFactors(size: i32, factors: usize, roots: usize): void {
  const quarter = size >> 2;
  // The root of step 1 by halving angles, from a quarter of a turn on; larger steps by products.
  store<f64>(roots, 1);
  store<f64>(roots, 0, 8);
  let cosine: f64 = 0, sine: f64 = -1;
  // At `length`, the angle is a turn over 4 times `quarter / length`.
  for (let length = quarter; length > 1; length >>= 1) {
    const half = sqrt<f64>((1 + cosine) / 2);
    sine /= 2 * half;
    cosine = half;
    const step = length >> 1;
    for (let p = 0; p + step < quarter; p += length) {
      const at = roots + (<usize> p << 4), to = roots + (<usize> (p + step) << 4);
      const a = load<f64>(at), b = load<f64>(at, 8);
      store<f64>(to, a * cosine - b * sine);
      store<f64>(to, a * sine + b * cosine, 8);
    }
  }
  const bytes = <usize> quarter << 2;
  for (let p = 0; p < quarter; p++, roots += 16, factors += 4) {
    const a = load<f64>(roots), b = load<f64>(roots, 8);
    const c = a * a - b * b, d = 2 * a * b;
    store<f32>(factors, <f32> a);
    store<f32>(factors + bytes, <f32> b);
    store<f32>(factors + 2 * bytes, <f32> c);
    store<f32>(factors + 3 * bytes, <f32> d);
    store<f32>(factors + 4 * bytes, <f32> (a * c - b * d));
    store<f32>(factors + 5 * bytes, <f32> (a * d + b * c));
  }
}

/** A step of two: the last one, of which the factor is 1. */
function stepOfTwo(real: usize, imag: usize, half: i32, toReal: usize, toImag: usize): void {
  const bytes = <usize> half << 2;
  let i = 0;
  for (; i + 4 <= half; i += 4, real += 16, imag += 16, toReal += 16, toImag += 16) {
    const a = v128.load(real), b = v128.load(real + bytes);
    v128.store(toReal, f32x4.add(a, b));
    v128.store(toReal + bytes, f32x4.sub(a, b));
    const c = v128.load(imag), d = v128.load(imag + bytes);
    v128.store(toImag, f32x4.add(c, d));
    v128.store(toImag + bytes, f32x4.sub(c, d));
  }
  for (; i < half; i++, real += 4, imag += 4, toReal += 4, toImag += 4) {
    const a = load<f32>(real), b = load<f32>(real + bytes);
    store<f32>(toReal, a + b);
    store<f32>(toReal + bytes, a - b);
    const c = load<f32>(imag), d = load<f32>(imag + bytes);
    store<f32>(toImag, c + d);
    store<f32>(toImag + bytes, c - d);
  }
}

/** The first step of four, of neighbouring `p`: four results of each are stored side by side. */
function firstStep(real: usize, imag: usize, size: i32, toReal: usize, toImag: usize, factors: usize): void {
  const quarter = size >> 2, bytes = <usize> quarter << 2;
  for (let p = 0; p < quarter; p += 4, real += 16, imag += 16, factors += 16, toReal += 64, toImag += 64) {
    const ar = v128.load(real), br = v128.load(real + bytes);
    const cr = v128.load(real + 2 * bytes), dr = v128.load(real + 3 * bytes);
    const ai = v128.load(imag), bi = v128.load(imag + bytes);
    const ci = v128.load(imag + 2 * bytes), di = v128.load(imag + 3 * bytes);
    const pr = f32x4.add(ar, cr), pi = f32x4.add(ai, ci), mr = f32x4.sub(ar, cr), mi = f32x4.sub(ai, ci);
    const qr = f32x4.add(br, dr), qi = f32x4.add(bi, di), nr = f32x4.sub(br, dr), ni = f32x4.sub(bi, di);
    const y0r = f32x4.add(pr, qr), y0i = f32x4.add(pi, qi);
    // i (b - d) is (-ni, nr).
    const ur = f32x4.add(mr, ni), ui = f32x4.sub(mi, nr);
    const vr = f32x4.sub(pr, qr), vi = f32x4.sub(pi, qi);
    const wr = f32x4.sub(mr, ni), wi = f32x4.add(mi, nr);
    const f1r = v128.load(factors), f1i = v128.load(factors + bytes);
    const y1r = f32x4.sub(f32x4.mul(ur, f1r), f32x4.mul(ui, f1i));
    const y1i = f32x4.add(f32x4.mul(ur, f1i), f32x4.mul(ui, f1r));
    const f2r = v128.load(factors + 2 * bytes), f2i = v128.load(factors + 3 * bytes);
    const y2r = f32x4.sub(f32x4.mul(vr, f2r), f32x4.mul(vi, f2i));
    const y2i = f32x4.add(f32x4.mul(vr, f2i), f32x4.mul(vi, f2r));
    const f3r = v128.load(factors + 4 * bytes), f3i = v128.load(factors + 5 * bytes);
    const y3r = f32x4.sub(f32x4.mul(wr, f3r), f32x4.mul(wi, f3i));
    const y3i = f32x4.add(f32x4.mul(wr, f3i), f32x4.mul(wi, f3r));
    storeTransposed(toReal, y0r, y1r, y2r, y3r);
    storeTransposed(toImag, y0i, y1i, y2i, y3i);
  }
}

@inline
function storeTransposed(to: usize, a: v128, b: v128, c: v128, d: v128): void {
  const e = v128.shuffle<i32>(a, b, 0, 4, 1, 5), f = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const g = v128.shuffle<i32>(c, d, 0, 4, 1, 5), h = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(e, g, 0, 2));
  v128.store(to, v128.shuffle<i64>(e, g, 1, 3), 16);
  v128.store(to, v128.shuffle<i64>(f, h, 0, 2), 32);
  v128.store(to, v128.shuffle<i64>(f, h, 1, 3), 48);
}

/** A later step of four: `stride` neighbours, a multiple of four, have the same factors. */
function stepOfFour(
  real: usize,
  imag: usize,
  size: i32,
  stride: i32,
  toReal: usize,
  toImag: usize,
  factors: usize,
): void {
  const quarter = <usize> size, bytes = <usize> stride << 2;
  // A list of factors, and the inputs of a butterfly, are as far apart.
  for (let p = 0; p < size; p += stride * 4) {
    const f1r = v128.load32_splat(factors), f1i = v128.load32_splat(factors + quarter);
    const f2r = v128.load32_splat(factors + 2 * quarter), f2i = v128.load32_splat(factors + 3 * quarter);
    const f3r = v128.load32_splat(factors + 4 * quarter), f3i = v128.load32_splat(factors + 5 * quarter);
    for (let q = 0; q < stride; q += 4, real += 16, imag += 16, toReal += 16, toImag += 16) {
      const ar = v128.load(real), br = v128.load(real + quarter);
      const cr = v128.load(real + 2 * quarter), dr = v128.load(real + 3 * quarter);
      const pr = f32x4.add(ar, cr), mr = f32x4.sub(ar, cr), qr = f32x4.add(br, dr), nr = f32x4.sub(br, dr);
      const ai = v128.load(imag), bi = v128.load(imag + quarter);
      const ci = v128.load(imag + 2 * quarter), di = v128.load(imag + 3 * quarter);
      const pi = f32x4.add(ai, ci), mi = f32x4.sub(ai, ci), qi = f32x4.add(bi, di), ni = f32x4.sub(bi, di);
      v128.store(toReal, f32x4.add(pr, qr));
      v128.store(toImag, f32x4.add(pi, qi));
      const ur = f32x4.add(mr, ni), ui = f32x4.sub(mi, nr);
      v128.store(toReal + bytes, f32x4.sub(f32x4.mul(ur, f1r), f32x4.mul(ui, f1i)));
      v128.store(toImag + bytes, f32x4.add(f32x4.mul(ur, f1i), f32x4.mul(ui, f1r)));
      const vr = f32x4.sub(pr, qr), vi = f32x4.sub(pi, qi);
      v128.store(toReal + 2 * bytes, f32x4.sub(f32x4.mul(vr, f2r), f32x4.mul(vi, f2i)));
      v128.store(toImag + 2 * bytes, f32x4.add(f32x4.mul(vr, f2i), f32x4.mul(vi, f2r)));
      const wr = f32x4.sub(mr, ni), wi = f32x4.add(mi, nr);
      v128.store(toReal + 3 * bytes, f32x4.sub(f32x4.mul(wr, f3r), f32x4.mul(wi, f3i)));
      v128.store(toImag + 3 * bytes, f32x4.add(f32x4.mul(wr, f3i), f32x4.mul(wi, f3r)));
    }
    factors += bytes;
    toReal += 3 * bytes;
    toImag += 3 * bytes;
  }
}

/**
 * The transforms of rows `begin` to `end`, of `size` complex numbers each; `size` is a power of two
 * from 16 on.
 *
 * @param factors What `fourierFactors` writes.
 * @param scratch Memory for 4 times `size` floats.
 */
export function fourier(
  x: usize,
  begin: i32,
  end: i32,
  size: i32,
  y: usize,
  isInverse: i32,
  factors: usize,
  scratch: usize,
): void {
  const part = <usize> size << 2, factor: f32 = isInverse ? <f32> 1 / <f32> size : 1;
  for (let row = begin; row < end; row++) {
    // The inverse is a transform with the parts of its numbers swapped.
    let real = scratch, imag = scratch + part, toReal = scratch + 2 * part, toImag = scratch + 3 * part;
    const from = x + <usize> row * 2 * part, to = y + <usize> row * 2 * part;
    splitComplex(from, size, isInverse ? imag : real, isInverse ? real : imag);
    firstStep(real, imag, size, toReal, toImag, factors);
    let stride = 4;
    for (; stride * 4 <= size; stride *= 4) {
      const a = real, b = imag;
      real = toReal;
      imag = toImag;
      toReal = a;
      toImag = b;
      stepOfFour(real, imag, size, stride, toReal, toImag, factors);
    }
    if (stride < size) {
      const a = real, b = imag;
      real = toReal;
      imag = toImag;
      toReal = a;
      toImag = b;
      stepOfTwo(real, imag, size >> 1, toReal, toImag);
    }
    joinComplex(isInverse ? toImag : toReal, isInverse ? toReal : toImag, size, factor, to);
  }
}
