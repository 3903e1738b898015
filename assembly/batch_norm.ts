/** Normalisation of the columns of a matrix, and its gradients. */
import { roundDoubles } from "./reductions";
import { slopeSums } from "./slope_sums";
import { activate, madd, RELU, RELU6 } from "./vector";

/** Rows whose sums are made in floats: they stay in the cache until they have been read twice. */
const ROWS: i32 = 64;

/** Number of elements of a block of rows, which stay in the cache. */
const BLOCK: i32 = 4096;

/**
 * Adds `count` numbers with a mean and a sum of squares about it to others (Chan, Golub and LeVeque,
 * "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979).
 */
@inline
function combine(means: usize, squares: usize, mean: v128, square: v128, old: v128, part: v128): void {
  const all = v128.load(means);
  const distance = f64x2.sub(mean, all);
  v128.store(means, f64x2.add(all, f64x2.mul(distance, part)));
  const between = f64x2.mul(f64x2.mul(distance, distance), f64x2.mul(old, part));
  v128.store(squares, f64x2.add(v128.load(squares), f64x2.add(square, between)));
}

@inline
function high(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(x, x, 1, 0));
}

/** The same for four columns. */
@inline
function combineFour(
  means: usize,
  squares: usize,
  mean: v128,
  square: v128,
  old: v128,
  part: v128,
): void {
  const m = f64x2.promote_low_f32x4(mean), s = f64x2.promote_low_f32x4(square);
  combine(means, squares, m, s, old, part);
  combine(means + 16, squares + 16, high(mean), high(square), old, part);
}

/**
 * Means and variances of columns `c0` to `c1` of `x`, `[rows, columns]`.
 *
 * @param scratch Memory for two doubles for each of these columns.
 */
export function columnMoments(
  x: usize,
  rows: i32,
  columns: i32,
  c0: i32,
  c1: i32,
  mean: usize,
  variance: usize,
  scratch: usize,
): void {
  const width = c1 - c0;
  const stride = <usize> columns << 2, bytes = <usize> width << 3;
  const means = scratch, squares = scratch + bytes;
  memory.fill(scratch, 0, 2 * bytes);
  for (let row = 0; row < rows; row += ROWS) {
    const some = min(ROWS, rows - row);
    const start = x + <usize> row * stride + (<usize> c0 << 2);
    const share = f32x4.splat(1 / <f32> some);
    const old = f64x2.splat(<f64> row), part = f64x2.splat(<f64> some / <f64> (row + some));
    let c: i32 = 0;
    // As many sums at a time as the processor adds while it waits for the first one.
    for (; c + 16 <= width; c += 16) {
      const from = start + (<usize> c << 2);
      let a = f32x4.splat(0), b = a, d = a, e = a;
      let at = from;
      for (let i = 0; i < some; i++, at += stride) {
        a = f32x4.add(a, v128.load(at));
        b = f32x4.add(b, v128.load(at, 16));
        d = f32x4.add(d, v128.load(at, 32));
        e = f32x4.add(e, v128.load(at, 48));
      }
      const m = f32x4.mul(a, share), n = f32x4.mul(b, share);
      const p = f32x4.mul(d, share), q = f32x4.mul(e, share);
      a = f32x4.splat(0);
      b = a;
      d = a;
      e = a;
      at = from;
      for (let i = 0; i < some; i++, at += stride) {
        const u = f32x4.sub(v128.load(at), m), v = f32x4.sub(v128.load(at, 16), n);
        a = madd(u, u, a);
        b = madd(v, v, b);
        const w = f32x4.sub(v128.load(at, 32), p), z = f32x4.sub(v128.load(at, 48), q);
        d = madd(w, w, d);
        e = madd(z, z, e);
      }
      const to = means + (<usize> c << 3), too = squares + (<usize> c << 3);
      combineFour(to, too, m, a, old, part);
      combineFour(to + 32, too + 32, n, b, old, part);
      combineFour(to + 64, too + 64, p, d, old, part);
      combineFour(to + 96, too + 96, q, e, old, part);
    }
    for (; c + 8 <= width; c += 8) {
      const from = start + (<usize> c << 2);
      let a = f32x4.splat(0), b = a;
      let at = from;
      for (let i = 0; i < some; i++, at += stride) {
        a = f32x4.add(a, v128.load(at));
        b = f32x4.add(b, v128.load(at, 16));
      }
      const m = f32x4.mul(a, share), n = f32x4.mul(b, share);
      a = f32x4.splat(0);
      b = a;
      at = from;
      for (let i = 0; i < some; i++, at += stride) {
        const u = f32x4.sub(v128.load(at), m), v = f32x4.sub(v128.load(at, 16), n);
        a = madd(u, u, a);
        b = madd(v, v, b);
      }
      const to = means + (<usize> c << 3), too = squares + (<usize> c << 3);
      combineFour(to, too, m, a, old, part);
      combineFour(to + 32, too + 32, n, b, old, part);
    }
    for (; c < width; c++) {
      const from = start + (<usize> c << 2);
      let a: f32 = 0;
      let at = from;
      for (let i = 0; i < some; i++, at += stride) a += load<f32>(at);
      const m = a * (1 / <f32> some);
      a = 0;
      at = from;
      for (let i = 0; i < some; i++, at += stride) {
        const u = load<f32>(at) - m;
        a += u * u;
      }
      const to = means + (<usize> c << 3), too = squares + (<usize> c << 3);
      const all = load<f64>(to), distance = <f64> m - all;
      const share = <f64> some / <f64> (row + some);
      store<f64>(to, all + distance * share);
      const between = distance * distance * (<f64> row * share);
      store<f64>(too, load<f64>(too) + (<f64> a + between));
    }
  }
  roundDoubles(means, width, 1, mean + (<usize> c0 << 2));
  roundDoubles(squares, width, 1 / <f64> rows, variance + (<usize> c0 << 2));
}

/**
 * Rows `r0` to `r1` of `activation((x - mean) * factor + offset)`, where the factor is `scale` over
 * the square root of `variance + epsilon`.
 *
 * @param scale `[columns]`, or 0 for ones.
 * @param offset `[columns]`, or 0 for zeros.
 * @param scratch Memory for two floats for each column.
 */
export function batchNorm(
  x: usize,
  mean: usize,
  variance: usize,
  scale: usize,
  offset: usize,
  y: usize,
  r0: i32,
  r1: i32,
  columns: i32,
  epsilon: f32,
  activation: i32,
  scratch: usize,
): void {
  const stride = <usize> columns << 2;
  const factors = scratch, offsets = scratch + stride;
  listFactors(variance, scale, columns, epsilon, factors);
  if (offset) memory.copy(offsets, offset, stride);
  else memory.fill(offsets, 0, stride);
  const size = blockRows(columns);
  for (let r = r0; r < r1; r += size) {
    const rows = min(size, r1 - r), start = <usize> r * stride;
    const from = x + start, to = y + start;
    // One loop for each activation, so that nothing but arithmetic is in the loop.
    if (activation == RELU) normalizeBlock(from, mean, factors, offsets, to, rows, columns, RELU);
    else if (activation == RELU6) normalizeBlock(from, mean, factors, offsets, to, rows, columns, RELU6);
    else normalizeBlock(from, mean, factors, offsets, to, rows, columns, 0);
  }
}

/** Number of rows that stay in the cache while groups of their columns are computed. */
function blockRows(columns: i32): i32 {
  return max(8, BLOCK / max(columns, 1));
}

/** The results of a block of rows: what belongs to some columns stays in registers for all rows. */
@inline
function normalizeBlock(
  x: usize,
  mean: usize,
  factors: usize,
  offsets: usize,
  y: usize,
  rows: i32,
  columns: i32,
  activation: i32,
): void {
  const stride = <usize> columns << 2;
  let c: i32 = 0;
  let o: usize = 0;
  for (; c + 8 <= columns; c += 8, o += 32) {
    const m = v128.load(mean + o), n = v128.load(mean + o, 16);
    const f = v128.load(factors + o), g = v128.load(factors + o, 16);
    const s = v128.load(offsets + o), t = v128.load(offsets + o, 16);
    let from = x + o, to = y + o;
    for (let i = 0; i < rows; i++, from += stride, to += stride) {
      const u = f32x4.sub(v128.load(from), m), v = f32x4.sub(v128.load(from, 16), n);
      v128.store(to, activate(madd(u, f, s), activation));
      v128.store(to, activate(madd(v, g, t), activation), 16);
    }
  }
  for (; c < columns; c++, o += 4) {
    const m = v128.load32_splat(mean + o);
    const f = v128.load32_splat(factors + o), s = v128.load32_splat(offsets + o);
    let from = x + o, to = y + o;
    for (let i = 0; i < rows; i++, from += stride, to += stride) {
      const u = f32x4.sub(v128.load32_splat(from), m);
      store<f32>(to, f32x4.extract_lane(activate(madd(u, f, s), activation), 0));
    }
  }
}

function listFactors(variance: usize, scale: usize, columns: i32, epsilon: f32, to: usize): void {
  for (let o: usize = 0, end = <usize> columns << 2; o < end; o += 4) {
    const factor: f32 = scale ? load<f32>(scale + o) : 1;
    store<f32>(to + o, factor / sqrt<f32>(load<f32>(variance + o) + epsilon));
  }
}

/**
 * For columns `c0` to `c1`, the sums of `dy` and of `dy * (x - mean)`, `[columns]` each.
 *
 * @param scratch Memory for two doubles and two floats for each of these columns.
 */
export function batchNormSums(
  dy: usize,
  x: usize,
  mean: usize,
  rows: i32,
  columns: i32,
  c0: i32,
  c1: i32,
  sum: usize,
  moment: usize,
  scratch: usize,
): void {
  slopeSums(dy, x, mean, false, rows, columns, c0, c1, sum, moment, scratch);
}

/**
 * The gradients of a batch normalisation with the moments of its own batch: rows `r0` to `r1` of
 * that of `x`.
 *
 * @param sum The sums of `dy`, `[columns]`.
 * @param moment The sums of `dy * (x - mean)`, `[columns]`.
 * @param rows Number of all rows.
 * @param scratch Memory for three floats for each column.
 */
export function batchNormGradient(
  dy: usize,
  x: usize,
  mean: usize,
  variance: usize,
  scale: usize,
  sum: usize,
  moment: usize,
  dx: usize,
  r0: i32,
  r1: i32,
  rows: i32,
  columns: i32,
  epsilon: f32,
  scratch: usize,
): void {
  const stride = <usize> columns << 2;
  const factors = scratch, shares = scratch + stride, slopes = shares + stride;
  listFactors(variance, scale, columns, epsilon, factors);
  for (let o: usize = 0; o < stride; o += 4) {
    // dx = factor * (dy - share - (x - mean) * slope)
    store<f32>(shares + o, load<f32>(sum + o) / <f32> rows);
    store<f32>(slopes + o, load<f32>(moment + o) / <f32> rows / (load<f32>(variance + o) + epsilon));
  }
  const size = blockRows(columns);
  for (let r = r0; r < r1; r += size) {
    const some = min(size, r1 - r), start = <usize> r * stride;
    let c: i32 = 0;
    let o: usize = 0;
    for (; c + 4 <= columns; c += 4, o += 16) {
      const m = v128.load(mean + o), slope = v128.load(slopes + o);
      const share = v128.load(shares + o), factor = v128.load(factors + o);
      let at = start + o;
      for (let i = 0; i < some; i++, at += stride) {
        const u = f32x4.mul(f32x4.sub(v128.load(x + at), m), slope);
        const v = f32x4.sub(f32x4.sub(v128.load(dy + at), share), u);
        v128.store(dx + at, f32x4.mul(v, factor));
      }
    }
    for (; c < columns; c++, o += 4) {
      const m = load<f32>(mean + o), slope = load<f32>(slopes + o);
      const share = load<f32>(shares + o), factor = load<f32>(factors + o);
      let at = start + o;
      for (let i = 0; i < some; i++, at += stride) {
        const u = (load<f32>(x + at) - m) * slope;
        store<f32>(dx + at, (load<f32>(dy + at) - share - u) * factor);
      }
    }
  }
}

/** `current` moved towards `value`: what is kept of it is `momentum`. */
export function moveTowards(current: usize, value: usize, to: usize, size: i32, momentum: f32): void {
  const rate: f32 = 1 - momentum;
  for (let i: i32 = 0; i < size; i++, current += 4, value += 4, to += 4) {
    const old = load<f32>(current);
    store<f32>(to, old - (old - load<f32>(value)) * rate);
  }
}
