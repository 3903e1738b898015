/**
 * Results of convolutions one by one, for the places where a faster algorithm met infinities or NaN.
 *
 * Winograd's algorithm makes several results of the same sums and differences, so that an infinite
 * value, and a sum that overflows, becomes NaN in all of them. Here a value reaches no results but
 * those whose windows contain it. Four columns are computed at a time.
 *
 * Products with patches multiply the zeros around an image by weights and gradients, which is NaN
 * where those are not finite: such results are computed once more, without the zeros.
 */
import { KC, MC, POINTS } from "./panel";
import { channelsOf, isInside, listPoints, pixelAt, pointAt, tapsOf } from "./patches";
import { activate, madd } from "./vector";
import {
  CHANNELS,
  DEPTH,
  DILATION_X,
  DILATION_Y,
  DILATION_Z,
  HEIGHT,
  OUT_X,
  OUT_Y,
  OUT_Z,
  PAD_X,
  PAD_Y,
  PAD_Z,
  STEP_X,
  STEP_Y,
  STEP_Z,
  WIDTH,
  WINDOW_X,
  WINDOW_Y,
  WINDOW_Z,
} from "./window_table";

/** Whether four numbers are finite; also a sum of numbers is only if all of them are. */
@inline
export function areFinite(x: v128): bool {
  return i32x4.all_true(f32x4.eq(f32x4.sub(x, x), f32x4.splat(0)));
}

/** Whether none of four numbers is NaN. */
@inline
export function areNumbers(x: v128): bool {
  return i32x4.all_true(f32x4.eq(x, x));
}

/** Whether a number is NaN. */
@inline
export function isNaNumber(x: f32): bool {
  return x != x;
}

/** Four numbers, `step` bytes apart. */
@inline
function four(at: usize, step: usize): v128 {
  if (step == 4) return v128.load(at);
  const x = f32x4.replace_lane(v128.load32_splat(at), 1, load<f32>(at + step));
  return f32x4.replace_lane(f32x4.replace_lane(x, 2, load<f32>(at + 2 * step)), 3, load<f32>(at + 3 * step));
}

/**
 * `sum` and what `n` numbers add to it, each multiplied by four weights.
 *
 * @param next Distance between the weights of two numbers, in bytes.
 * @param lane Distance between two of the four weights.
 */
function addProducts(x: usize, n: i32, w: usize, next: usize, lane: usize, sum: v128): v128 {
  for (const end = x + (<usize> n << 2); x < end; x += 4, w += next) {
    sum = madd(v128.load32_splat(x), four(w, lane), sum);
  }
  return sum;
}

/**
 * Four results whose windows begin at `top`, `left`, without the taps that lie outside of the image.
 *
 * @param rows Number of lines of the filter; each has three taps.
 * @param filter `[rows, 3, channels, columns]` or, mirrored, `[rows, 3, columns, channels]` with taps
 *   in reverse order.
 * @param k The first of the four columns.
 */
export function resultsAt(
  image: usize,
  height: i32,
  width: i32,
  channels: i32,
  columns: i32,
  top: i32,
  left: i32,
  rows: i32,
  dilationY: i32,
  dilationX: i32,
  filter: usize,
  mirrored: bool,
  k: i32,
): v128 {
  const next: usize = mirrored ? 4 : <usize> columns << 2, lane: usize = mirrored ? <usize> channels << 2 : 4;
  const w = filter + <usize> k * lane, tap = <usize> (channels * columns) << 2;
  let sum = f32x4.splat(0);
  for (let i = 0; i < rows; i++) {
    const y = top + i * dilationY;
    if (<u32> y >= <u32> height) continue;
    for (let j = 0; j < 3; j++) {
      const x = left + j * dilationX, at = i * 3 + j;
      if (<u32> x >= <u32> width) continue;
      const from = image + (<usize> ((y * width + x) * channels) << 2);
      sum = addProducts(from, channels, w + <usize> (mirrored ? rows * 3 - 1 - at : at) * tap, next, lane, sum);
      // NaN stays NaN: where all of a model is, nothing more is computed.
      if (!v128.any_true(f32x4.eq(sum, sum))) return sum;
    }
  }
  return sum;
}

/**
 * Four channels, from `c` on, of the gradient of a pixel, of a filter of 3 x 3 at a stride of 2.
 */
export function stridedSlopes(
  slopes: usize,
  outHeight: i32,
  outWidth: i32,
  channels: i32,
  columns: i32,
  y: i32,
  x: i32,
  filter: usize,
  c: i32,
): v128 {
  const lane = <usize> columns << 2, tap = <usize> channels * lane, w = filter + <usize> c * lane;
  let sum = f32x4.splat(0);
  for (let i = 0; i < 3; i++) {
    const row = y - i;
    if ((row & 1) || <u32> (row >> 1) >= <u32> outHeight) continue;
    for (let j = 0; j < 3; j++) {
      const column = x - j;
      if ((column & 1) || <u32> (column >> 1) >= <u32> outWidth) continue;
      const from = slopes + (<usize> (((row >> 1) * outWidth + (column >> 1)) * columns) << 2);
      sum = addProducts(from, columns, w + <usize> (i * 3 + j) * tap, 4, lane, sum);
      if (!v128.any_true(f32x4.eq(sum, sum))) return sum;
    }
  }
  return sum;
}

/**
 * The part of a box of results in four gradients of weights of a tap.
 *
 * @param image The pixels of an example, from the channel on.
 * @param dy The gradient of its results, from the first of the four columns on.
 * @param y0 The first line of results, of which there are `rows`, `down` apart.
 * @param x0 The first result of a line, of which there are `n`, `step` apart.
 * @param top Where the pixels of the result at 0, 0 begin that the tap meets.
 */
export function slopesOf(
  image: usize,
  height: i32,
  width: i32,
  channels: i32,
  dy: usize,
  outWidth: i32,
  columns: i32,
  y0: i32,
  rows: i32,
  down: i32,
  x0: i32,
  n: i32,
  step: i32,
  stride: i32,
  top: i32,
  left: i32,
): v128 {
  let sum = f32x4.splat(0);
  for (let y = y0; y < y0 + rows * down; y += down) {
    const row = y * stride + top;
    if (<u32> row >= <u32> height) continue;
    for (let i = 0, x = x0; i < n; i++, x += step) {
      const column = x * stride + left;
      if (<u32> column >= <u32> width) continue;
      const pixel = v128.load32_splat(image + (<usize> ((row * width + column) * channels) << 2));
      sum = madd(pixel, v128.load(dy + (<usize> ((y * outWidth + x) * columns) << 2)), sum);
    }
  }
  return sum;
}

/**
 * Computes NaN among the results of listed points once more.
 *
 * @param filter `[taps, channels, columns]`, from the first of the columns on.
 * @param columns Number of columns of the whole result.
 * @param to The results of the first point.
 * @param cols Number of columns to compute.
 * @param atBorder Whether no points but those are computed whose windows leave the image.
 */
export function mendPoints(
  image: usize,
  points: i32,
  atBorder: bool,
  filter: usize,
  columns: i32,
  to: usize,
  cols: i32,
  bias: usize,
  activation: i32,
  scratch: usize,
): void {
  const channels = channelsOf(image), taps = tapsOf(image), stride = <usize> columns << 2;
  for (let p = 0; p < points; p++, to += stride) {
    const point = pointAt(scratch, p);
    if (atBorder && isInside(image, point)) continue;
    const end = <usize> cols << 2;
    for (let k: usize = 0; k < end; k += 4) {
      if (k + 16 <= end && areNumbers(v128.load(to + k))) {
        k += 12;
        continue;
      }
      if (!isNaNumber(load<f32>(to + k))) continue;
      let sum: f32 = bias ? load<f32>(bias + k) : 0;
      for (let tap = 0; tap < taps && !isNaNumber(sum); tap++) {
        const pixel = pixelAt(image, tap, point, 0);
        if (pixel == 0) continue;
        let w = filter + <usize> (tap * channels) * stride + k;
        for (let c: usize = 0; c < <usize> channels << 2; c += 4, w += stride) sum += load<f32>(pixel + c) * load<f32>(w);
      }
      store<f32>(to + k, f32x4.extract_lane(activate(f32x4.splat(sum), activation), 0));
    }
  }
}

/**
 * Computes NaN among elements `m0` to `m1` and columns `n0` to `n1` of the gradient of a filter once more.
 *
 * @param dy The gradient of the results of the points from `first` on.
 */
export function mendPatchSlopes(
  image: usize,
  first: i32,
  last: i32,
  dy: usize,
  columns: i32,
  dw: usize,
  m0: i32,
  m1: i32,
  n0: i32,
  n1: i32,
  scratch: usize,
): void {
  const channels = channelsOf(image), stride = <usize> columns << 2;
  for (let m = m0; m < m1; m++) {
    const tap = m / channels, offset = <usize> (m - tap * channels) << 2;
    for (let n = n0; n < n1; n++) {
      const at = dw + <usize> m * stride + (<usize> n << 2);
      if (n + 4 <= n1 && areNumbers(v128.load(at))) {
        n += 3;
        continue;
      }
      if (!isNaNumber(load<f32>(at))) continue;
      let sum: f32 = 0, slope = dy + (<usize> n << 2);
      for (let i = first; i < last && !isNaNumber(sum); i += KC) {
        const some = min(KC, last - i);
        let part: f32 = 0;
        listPoints(image, i, some, scratch + POINTS);
        for (let p = 0; p < some; p++, slope += stride) {
          const pixel = pixelAt(image, tap, pointAt(scratch, p), 0);
          if (pixel) part += load<f32>(pixel + offset) * load<f32>(slope);
        }
        sum += part;
      }
      store<f32>(at, sum);
    }
  }
}

/** Whether any of adjacent numbers is NaN. */
function hasNaN(from: usize, n: i32): bool {
  let found = i32x4.splat(0);
  for (; n >= 4; n -= 4, from += 16) {
    const x = v128.load(from);
    found = v128.or(found, f32x4.ne(x, x));
  }
  let rest: f32 = 0;
  for (; n > 0; n--, from += 4) rest += load<f32>(from) - load<f32>(from);
  return v128.any_true(found) || rest != 0;
}

/** Computes NaN among points `first` to `last` of `activation(patches * filter + bias)` once more. */
export function mendConvolution(
  image: usize,
  filter: usize,
  columns: i32,
  result: usize,
  bias: usize,
  activation: i32,
  first: i32,
  last: i32,
  scratch: usize,
): void {
  for (let m = first; m < last; m += MC) {
    const some = min(MC, last - m), to = result + (<usize> (m * columns) << 2);
    if (!hasNaN(to, some * columns)) continue;
    listPoints(image, m, some, scratch + POINTS);
    mendPoints(image, some, false, filter, columns, to, columns, bias, activation, scratch);
  }
}

/** The result along one axis whose window meets a place by a tap; -1 without one. */
@inline
function metBy(place: i32, tap: i32, pad: i32, dilation: i32, step: i32, out: i32): i32 {
  const from = place + pad - tap * dilation, at = from / step;
  return from >= 0 && at * step == from && at < out ? at : -1;
}

/** The gradient of an element of an input, product by product. */
function inputSlope(w: usize, dy: usize, columns: i32, filter: usize, at: i32): f32 {
  const channels = load<i32>(w, CHANNELS), width = load<i32>(w, WIDTH), height = load<i32>(w, HEIGHT);
  const pixel = at / channels, c = at - pixel * channels, line = pixel / width, x = pixel - line * width;
  const slice = line / height, y = line - slice * height, b = slice / load<i32>(w, DEPTH), z = slice - b * load<i32>(w, DEPTH);
  const outZ = load<i32>(w, OUT_Z), outY = load<i32>(w, OUT_Y), outX = load<i32>(w, OUT_X);
  let sum: f32 = 0, weights = filter + (<usize> (c * columns) << 2);
  for (let i = 0; i < load<i32>(w, WINDOW_Z); i++) {
    const oz = metBy(z, i, load<i32>(w, PAD_Z), load<i32>(w, DILATION_Z), load<i32>(w, STEP_Z), outZ);
    for (let j = 0; j < load<i32>(w, WINDOW_Y); j++) {
      const oy = metBy(y, j, load<i32>(w, PAD_Y), load<i32>(w, DILATION_Y), load<i32>(w, STEP_Y), outY);
      for (let k = 0; k < load<i32>(w, WINDOW_X); k++, weights += <usize> (channels * columns) << 2) {
        const ox = metBy(x, k, load<i32>(w, PAD_X), load<i32>(w, DILATION_X), load<i32>(w, STEP_X), outX);
        if (oz < 0 || oy < 0 || ox < 0) continue;
        const from = dy + (<usize> ((((b * outZ + oz) * outY + oy) * outX + ox) * columns) << 2);
        for (let n: usize = 0; n < <usize> columns << 2; n += 4) sum += load<f32>(from + n) * load<f32>(weights + n);
        if (isNaNumber(sum)) return sum;
      }
    }
  }
  return sum;
}

/** Computes NaN among elements `first` to `last` of the gradient of an input once more. */
export function mendInputGradient(w: usize, dy: usize, columns: i32, filter: usize, dx: usize, first: i32, last: i32, _scratch: usize): void {
  for (let i = first; i < last; i += 1024) {
    const end = min(i + 1024, last);
    if (!hasNaN(dx + (<usize> i << 2), end - i)) continue;
    for (let at = i; at < end; at++) {
      const to = dx + (<usize> at << 2);
      if (isNaNumber(load<f32>(to))) store<f32>(to, inputSlope(w, dy, columns, filter, at));
    }
  }
}
