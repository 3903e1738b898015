/**
 * Products of six rows at a time, which need not be packed: twelve sums hide the time of a multiply-add
 * better than the eight of a tile of four rows. It takes all registers, so that only machines that
 * multiply and add in one instruction have enough of them. As everywhere, each sum is a variable of its
 * own: no array stays in registers, and a function returns one value.
 */
import { ACCUMULATE, ADD_BIAS, BIAS, RESULTS } from "./panel";
import { activate, madd } from "./vector";

/** Number of the first rows that are computed in sixes; the others are few, or fours. */
@inline
export function rowsInSixes(rows: i32): i32 {
  if (!ASC_FEATURE_RELAXED_SIMD) return 0;
  const rest = rows % 6;
  // One or two rows more would be computed as four, five as eight: with a six less, fours are full.
  return max(rows - (rest == 0 || rest == 3 || rest == 4 ? rest : rest + 6), 0);
}

/**
 * Six rows times 8 columns.
 *
 * @param step Distance between two rows, in bytes.
 * @param next Distance between two elements of a row.
 * @param down Distance between two rows of `b`.
 * @param stride Distance between two rows of the result.
 */
export function multiplySix(
  a: usize,
  step: usize,
  next: usize,
  depth: i32,
  b: usize,
  down: usize,
  c: usize,
  stride: usize,
  bias: usize,
  todo: i32,
): void {
  let x00 = f32x4.splat(0), x01 = x00;
  let x10 = f32x4.splat(0), x11 = x10;
  let x20 = f32x4.splat(0), x21 = x20;
  let x30 = f32x4.splat(0), x31 = x30;
  let x40 = f32x4.splat(0), x41 = x40;
  let x50 = f32x4.splat(0), x51 = x50;
  for (const end = b + <usize> depth * down; b < end; a += next, b += down) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let p = a;
    const a0 = v128.load32_splat(p);
    x00 = madd(a0, b0, x00);
    x01 = madd(a0, b1, x01);
    p += step;
    const a1 = v128.load32_splat(p);
    x10 = madd(a1, b0, x10);
    x11 = madd(a1, b1, x11);
    p += step;
    const a2 = v128.load32_splat(p);
    x20 = madd(a2, b0, x20);
    x21 = madd(a2, b1, x21);
    p += step;
    const a3 = v128.load32_splat(p);
    x30 = madd(a3, b0, x30);
    x31 = madd(a3, b1, x31);
    p += step;
    const a4 = v128.load32_splat(p);
    x40 = madd(a4, b0, x40);
    x41 = madd(a4, b1, x41);
    p += step;
    const a5 = v128.load32_splat(p);
    x50 = madd(a5, b0, x50);
    x51 = madd(a5, b1, x51);
  }
  if (todo & ACCUMULATE) {
    let at = c;
    x00 = f32x4.add(x00, v128.load(at));
    x01 = f32x4.add(x01, v128.load(at, 16));
    at += stride;
    x10 = f32x4.add(x10, v128.load(at));
    x11 = f32x4.add(x11, v128.load(at, 16));
    at += stride;
    x20 = f32x4.add(x20, v128.load(at));
    x21 = f32x4.add(x21, v128.load(at, 16));
    at += stride;
    x30 = f32x4.add(x30, v128.load(at));
    x31 = f32x4.add(x31, v128.load(at, 16));
    at += stride;
    x40 = f32x4.add(x40, v128.load(at));
    x41 = f32x4.add(x41, v128.load(at, 16));
    at += stride;
    x50 = f32x4.add(x50, v128.load(at));
    x51 = f32x4.add(x51, v128.load(at, 16));
  }
  if (todo & ADD_BIAS) {
    const b0 = v128.load(bias), b1 = v128.load(bias, 16);
    x00 = f32x4.add(x00, b0);
    x01 = f32x4.add(x01, b1);
    x10 = f32x4.add(x10, b0);
    x11 = f32x4.add(x11, b1);
    x20 = f32x4.add(x20, b0);
    x21 = f32x4.add(x21, b1);
    x30 = f32x4.add(x30, b0);
    x31 = f32x4.add(x31, b1);
    x40 = f32x4.add(x40, b0);
    x41 = f32x4.add(x41, b1);
    x50 = f32x4.add(x50, b0);
    x51 = f32x4.add(x51, b1);
  }
  const activation = todo & 3;
  if (activation) {
    x00 = activate(x00, activation);
    x01 = activate(x01, activation);
    x10 = activate(x10, activation);
    x11 = activate(x11, activation);
    x20 = activate(x20, activation);
    x21 = activate(x21, activation);
    x30 = activate(x30, activation);
    x31 = activate(x31, activation);
    x40 = activate(x40, activation);
    x41 = activate(x41, activation);
    x50 = activate(x50, activation);
    x51 = activate(x51, activation);
  }
  v128.store(c, x00);
  v128.store(c, x01, 16);
  c += stride;
  v128.store(c, x10);
  v128.store(c, x11, 16);
  c += stride;
  v128.store(c, x20);
  v128.store(c, x21, 16);
  c += stride;
  v128.store(c, x30);
  v128.store(c, x31, 16);
  c += stride;
  v128.store(c, x40);
  v128.store(c, x41, 16);
  c += stride;
  v128.store(c, x50);
  v128.store(c, x51, 16);
}

/**
 * Packs rows, a multiple of six, whose elements are `stride` bytes apart: as `[rows / 6, depth, 6]`.
 * Two sixes at a time read most of each line of the cache.
 */
export function packSixes(from: usize, stride: usize, rows: i32, depth: i32, to: usize): void {
  const panel = <usize> depth * 24;
  let i = 0;
  for (; i + 12 <= rows; i += 12, from += 48, to += panel) {
    let p = from;
    for (const end = to + panel; to < end; p += stride, to += 24) {
      const middle = v128.load(p, 16);
      v128.store(to, v128.load(p));
      v128.store64_lane(to, middle, 0, 16);
      v128.store64_lane(to + panel, middle, 1);
      v128.store(to + panel, v128.load(p, 32), 8);
    }
  }
  if (i < rows) {
    for (let k = 0; k < depth; k++, from += stride, to += 24) {
      v128.store(to, v128.load(from));
      store<u64>(to, load<u64>(from, 16), 16);
    }
  }
}

/**
 * Rows, a multiple of six, times packed panels, `panel` bytes apart.
 *
 * @param step Distance between two rows, in bytes; 0 if they are packed.
 * @param next Distance between two elements of a row that is not packed.
 * @param cols Number of columns, whose bias is in the scratch memory.
 */
export function multiplySixes(
  a: usize,
  step: usize,
  rows: i32,
  depth: i32,
  b: usize,
  panel: usize,
  cols: i32,
  c: usize,
  stride: usize,
  todo: i32,
  scratch: usize,
  next: usize = 4,
): void {
  for (let j = 0; j < cols; j += 8, b += panel, c += 32) {
    const bias = scratch + BIAS + (<usize> j << 2), bytes = <usize> min(8, cols - j) << 2;
    const between: usize = step || 4, tile = step ? 6 * step : <usize> depth * 24;
    if (step == 0) next = 24;
    let from = a, to = c;
    for (let i = 0; i < rows; i += 6, from += tile, to += 6 * stride) {
      if (bytes == 32) {
        multiplySix(from, between, next, depth, b, 32, to, stride, bias, todo);
        continue;
      }
      const part = scratch + RESULTS;
      for (let row: usize = 0; row < 6 && todo & ACCUMULATE; row++) {
        memory.copy(part + (row << 5), to + row * stride, bytes);
      }
      multiplySix(from, between, next, depth, b, 32, part, 32, bias, todo);
      for (let row: usize = 0; row < 6; row++) memory.copy(to + row * stride, part + (row << 5), bytes);
    }
  }
}
