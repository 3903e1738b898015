/**
 * Convolutions of images or results of few channels, without packing: products would pack more than
 * they compute.
 *
 * The lines of the image that some lines of results meet are copied with their padding, so that no
 * place needs a check. The geometry is a table of 32-bit integers, which `src/backend/geometry.ts`
 * writes.
 */
import { copyRun } from "./boxes";
import { isNaNumber } from "./exact";
import { depthwise, depthwiseInputGradient } from "./depthwise";
import { ADD_BIAS, BIAS, BLOCK_A, BLOCK_B, LIST, padBias, POINTS, RESULTS, TILE } from "./panel";
import { activate, madd } from "./vector";
import {
  CHANNELS,
  DILATION_X,
  DILATION_Y,
  HEIGHT,
  OUT_X,
  OUT_Y,
  PAD_X,
  PAD_Y,
  STEP_X,
  STEP_Y,
  WIDTH,
  WINDOW_X,
  WINDOW_Y,
} from "./window_table";

/** Size of the memory for copied lines, in bytes. */
const LINES: usize = LIST - RESULTS;

/** Size of a copied line, in bytes: four results are computed at once, also beyond the last one. */
function lineBytes(w: usize): usize {
  const places = (load<i32>(w, OUT_X) + 2) * load<i32>(w, STEP_X);
  const width = places + (load<i32>(w, WINDOW_X) - 1) * load<i32>(w, DILATION_X) + 1;
  return <usize> (width * load<i32>(w, CHANNELS)) << 2;
}

/** Number of lines of the image that `n` lines of results meet. */
@inline
function linesOf(w: usize, n: i32): i32 {
  return (n - 1) * load<i32>(w, STEP_Y) + (load<i32>(w, WINDOW_Y) - 1) * load<i32>(w, DILATION_Y) + 1;
}

/** Number of lines of results whose lines of the image fit into memory, at most `most`. */
function fitting(w: usize, most: i32): i32 {
  const lines = <i32> (LINES / lineBytes(w));
  const spare = lines - linesOf(w, 1);
  return max(1, min(most, spare / load<i32>(w, STEP_Y) + 1));
}

/** Sets bytes to 0, in fours. */
@inline
function clear(to: usize, end: usize): void {
  for (; to + 16 <= end; to += 16) v128.store(to, f32x4.splat(0));
  for (; to < end; to += 4) store<u32>(to, 0);
}

/** Copies the lines of an image, with padding, that `n` lines of results from `oy` on meet. */
function copyLines(w: usize, image: usize, oy: i32, n: i32, to: usize): void {
  const height = load<i32>(w, HEIGHT), width = load<i32>(w, WIDTH);
  const pixel = <usize> load<i32>(w, CHANNELS) << 2, bytes = lineBytes(w);
  const left = -load<i32>(w, PAD_X), all = <i32> (bytes / pixel);
  const first = min(max(left, 0), width), last = max(min(left + all, width), first);
  const start = <usize> min(first - left, all) * pixel, length = <usize> (last - first) * pixel;
  const top = oy * load<i32>(w, STEP_Y) - load<i32>(w, PAD_Y);
  for (let y = top; y < top + linesOf(w, n); y++, to += bytes) {
    if (<u32> y >= <u32> height || length == 0) {
      clear(to, to + bytes);
      continue;
    }
    const from = image + <usize> (y * width + first) * pixel;
    clear(to, to + start);
    copyRun(from, to + start, length);
    clear(to + start + length, to + bytes);
  }
}

/**
 * Lists runs of elements of a patch that are adjacent in copied lines: for each its offset and its
 * length, in bytes. Returns the end of the list.
 */
function listRuns(w: usize, to: usize): usize {
  const channels = load<i32>(w, CHANNELS), taps = load<i32>(w, WINDOW_X), dilation = load<i32>(w, DILATION_X);
  const bytes = lineBytes(w);
  const runs = dilation == 1 ? 1 : taps, length = dilation == 1 ? taps * channels : channels;
  for (let y = 0; y < load<i32>(w, WINDOW_Y); y++) {
    for (let x = 0; x < runs; x++, to += 8) {
      const offset = <usize> (x * dilation * channels) << 2;
      store<u32>(to, <u32> (<usize> (y * load<i32>(w, DILATION_Y)) * bytes + offset));
      store<u32>(to, <u32> length << 2, 4);
    }
  }
  return to;
}

/**
 * Computes NaN among a line of results whose windows leave the image once more: there, the zeros
 * around it met weights that are not finite.
 */
function mendLine(
  w: usize,
  image: usize,
  oy: i32,
  filter: usize,
  tapStep: i32,
  channelStep: i32,
  columnStep: i32,
  mirrored: i32,
  to: usize,
  columns: i32,
  bias: usize,
  activation: i32,
): void {
  const height = load<i32>(w, HEIGHT), width = load<i32>(w, WIDTH), channels = load<i32>(w, CHANNELS);
  const tapsY = load<i32>(w, WINDOW_Y), tapsX = load<i32>(w, WINDOW_X);
  const dilationY = load<i32>(w, DILATION_Y), dilationX = load<i32>(w, DILATION_X);
  const top = oy * load<i32>(w, STEP_Y) - load<i32>(w, PAD_Y);
  const inside = top >= 0 && top + (tapsY - 1) * dilationY < height;
  for (let j = 0; j < load<i32>(w, OUT_X); j++) {
    const left = j * load<i32>(w, STEP_X) - load<i32>(w, PAD_X);
    if (inside && left >= 0 && left + (tapsX - 1) * dilationX < width) continue;
    for (let k = 0; k < columns; k++) {
      const at = to + (<usize> (j * columns + k) << 2);
      if (!isNaNumber(load<f32>(at))) continue;
      let sum: f32 = bias ? load<f32>(bias + (<usize> k << 2)) : 0;
      for (let tap = 0; tap < tapsY * tapsX && !isNaNumber(sum); tap++) {
        const y = top + tap / tapsX * dilationY, x = left + tap % tapsX * dilationX;
        if (<u32> y >= <u32> height || <u32> x >= <u32> width) continue;
        const first = (mirrored ? tapsY * tapsX - 1 - tap : tap) * tapStep + k * columnStep;
        for (let c = 0; c < channels; c++) {
          const pixel = load<f32>(image + (<usize> ((y * width + x) * channels + c) << 2));
          sum += pixel * load<f32>(filter + (<usize> (first + c * channelStep) << 2));
        }
      }
      store<f32>(at, f32x4.extract_lane(activate(f32x4.splat(sum), activation), 0));
    }
  }
}

/** Four results of eight columns, of unpacked rows; neighbours are `step` bytes apart in the lines, `stride` in `to`. */
export function tile(
  runs: usize,
  end: usize,
  from: usize,
  step: usize,
  b: usize,
  bias: usize,
  todo: i32,
  to: usize,
  stride: usize,
): void {
  let x00 = f32x4.splat(0), x01 = x00;
  let x10 = x00, x11 = x00;
  let x20 = x00, x21 = x00;
  let x30 = x00, x31 = x00;
  for (let run = runs; run < end; run += 8) {
    let p = from + <usize> load<u32>(run);
    for (const last = p + <usize> load<u32>(run, 4); p < last; p += 4, b += 32) {
      const b0 = v128.load(b), b1 = v128.load(b, 16);
      const p1 = p + step, p2 = p1 + step;
      const a0 = v128.load32_splat(p);
      x00 = madd(a0, b0, x00);
      x01 = madd(a0, b1, x01);
      const a1 = v128.load32_splat(p1);
      x10 = madd(a1, b0, x10);
      x11 = madd(a1, b1, x11);
      const a2 = v128.load32_splat(p2);
      x20 = madd(a2, b0, x20);
      x21 = madd(a2, b1, x21);
      const a3 = v128.load32_splat(p2 + step);
      x30 = madd(a3, b0, x30);
      x31 = madd(a3, b1, x31);
    }
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
  }
  const activation = todo & 3, to1 = to + stride, to2 = to1 + stride, to3 = to2 + stride;
  v128.store(to, activate(x00, activation));
  v128.store(to, activate(x01, activation), 16);
  v128.store(to1, activate(x10, activation));
  v128.store(to1, activate(x11, activation), 16);
  v128.store(to2, activate(x20, activation));
  v128.store(to2, activate(x21, activation), 16);
  v128.store(to3, activate(x30, activation));
  v128.store(to3, activate(x31, activation), 16);
}

/**
 * Lines `first` to `last` of the results of all examples, `activation(patches * filter + bias)`.
 *
 * @param w The geometry.
 * @param filter Its elements are `tapStep`, `channelStep` and `columnStep` elements apart.
 * @param mirrored Whether its taps are in reverse order.
 * @param columns Number of columns of the results.
 * @param bias `[columns]`, or 0.
 */
export function convolveDirectly(
  w: usize,
  x: usize,
  filter: usize,
  tapStep: i32,
  channelStep: i32,
  columnStep: i32,
  mirrored: i32,
  y: usize,
  columns: i32,
  bias: usize,
  activation: i32,
  first: i32,
  last: i32,
  scratch: usize,
): void {
  const lines = load<i32>(w, OUT_Y), places = load<i32>(w, OUT_X), channels = load<i32>(w, CHANNELS);
  const taps = load<i32>(w, WINDOW_Y) * load<i32>(w, WINDOW_X), depth = taps * channels;
  const panel = <usize> depth << 5, packed = scratch + BLOCK_B;
  // Infinite weights and NaN make NaN of it.
  let difference: f32 = 0;
  for (let n = 0; n < columns; n += 8) {
    for (let k = 0; k < depth; k++) {
      const tap = k / channels, channel = k - tap * channels;
      const at = (mirrored ? taps - 1 - tap : tap) * tapStep + channel * channelStep;
      const to = packed + <usize> (n >> 3) * panel + (<usize> k << 5);
      for (let i = 0; i < 8; i++) {
        const value: f32 = n + i < columns ? load<f32>(filter + (<usize> (at + (n + i) * columnStep) << 2)) : 0;
        store<f32>(to + (<usize> i << 2), value);
        difference += value - value;
      }
    }
  }
  padBias(bias, columns, scratch);
  const runs = scratch + POINTS, end = listRuns(w, runs);
  const copied = scratch + RESULTS, bytes = lineBytes(w), image = <usize> (load<i32>(w, HEIGHT) * load<i32>(w, WIDTH) * channels) << 2;
  const step = <usize> (load<i32>(w, STEP_X) * channels) << 2, down = <usize> load<i32>(w, STEP_Y) * bytes;
  const stride = <usize> columns << 2, todo = activation | (bias ? ADD_BIAS : 0);
  for (let l = first; l < last;) {
    const b = l / lines, oy = l - b * lines;
    const n = fitting(w, min(lines - oy, last - l));
    copyLines(w, x + <usize> b * image, oy, n, copied);
    for (let i = 0; i < n; i++, l++) {
      const line = copied + <usize> i * down, result = y + <usize> (l * places) * stride;
      for (let column = 0; column < columns; column += 8) {
        const b = packed + <usize> (column >> 3) * panel, offset = <usize> column << 2;
        const whole = column + 8 <= columns;
        for (let j = 0; j < places; j += 4) {
          // The last four results may be computed in part for the second time.
          const at = <usize> (whole && places >= 4 ? min(j, places - 4) : j);
          const from = line + at * step, to = result + at * stride + offset;
          if (whole && places >= 4) {
            tile(runs, end, from, step, b, scratch + BIAS + offset, todo, to, stride);
            continue;
          }
          tile(runs, end, from, step, b, scratch + BIAS + offset, todo, scratch + TILE, 32);
          const width = <usize> min(8, columns - column) << 2;
          for (let k = 0; k < min(4, places - j); k++) {
            copyRun(scratch + TILE + (<usize> k << 5), to + <usize> k * stride, width);
          }
        }
      }
      if (!isNaNumber(difference)) continue;
      const own = x + <usize> b * image;
      mendLine(w, own, oy + i, filter, tapStep, channelStep, columnStep, mirrored, result, columns, bias, activation);
    }
  }
}

/** Adds the products of `n` places to the sums of four elements of patches and eight columns. */
function addProducts(
  p0: usize,
  p1: usize,
  p2: usize,
  p3: usize,
  step: usize,
  dy: usize,
  stride: usize,
  n: i32,
  sums: usize,
): void {
  let x00 = v128.load(sums), x01 = v128.load(sums, 16);
  let x10 = v128.load(sums, 32), x11 = v128.load(sums, 48);
  let x20 = v128.load(sums, 64), x21 = v128.load(sums, 80);
  let x30 = v128.load(sums, 96), x31 = v128.load(sums, 112);
  for (const end = dy + <usize> n * stride; dy < end; dy += stride) {
    const d0 = v128.load(dy), d1 = v128.load(dy, 16);
    const a0 = v128.load32_splat(p0);
    x00 = madd(a0, d0, x00);
    x01 = madd(a0, d1, x01);
    const a1 = v128.load32_splat(p1);
    x10 = madd(a1, d0, x10);
    x11 = madd(a1, d1, x11);
    const a2 = v128.load32_splat(p2);
    x20 = madd(a2, d0, x20);
    x21 = madd(a2, d1, x21);
    const a3 = v128.load32_splat(p3);
    x30 = madd(a3, d0, x30);
    x31 = madd(a3, d1, x31);
    p0 += step;
    p1 += step;
    p2 += step;
    p3 += step;
  }
  v128.store(sums, x00);
  v128.store(sums, x01, 16);
  v128.store(sums, x10, 32);
  v128.store(sums, x11, 48);
  v128.store(sums, x20, 64);
  v128.store(sums, x21, 80);
  v128.store(sums, x30, 96);
  v128.store(sums, x31, 112);
}

/** Places whose products are summed in floats; longer sums lose precision. */
const PLACES: i32 = 256;

/** Adds `n` sums in floats to those in doubles. */
function flush(n: i32, sums: usize, doubles: usize): void {
  for (; n > 0; n -= 4, sums += 16, doubles += 32) {
    const part = v128.load(sums);
    v128.store(doubles, f64x2.add(v128.load(doubles), f64x2.promote_low_f32x4(part)));
    const high = f64x2.promote_low_f32x4(v128.shuffle<i64>(part, part, 1, 1));
    v128.store(doubles, f64x2.add(v128.load(doubles, 16), high), 16);
    v128.store(sums, f32x4.splat(0));
  }
}

/**
 * Columns `first` to `last` of the filter's gradient: the transposed patches times `dy`. Both are
 * multiples of eight.
 *
 * @param w The geometry.
 * @param batch Number of examples.
 * @param dy `[points, columns]`.
 * @param dw The result, whose elements are `tapStep`, `channelStep` and `columnStep` elements apart.
 * @param mirrored Whether its taps are in reverse order.
 */
export function convolveDirectlyFilterGradient(
  w: usize,
  batch: i32,
  x: usize,
  dy: usize,
  columns: i32,
  dw: usize,
  tapStep: i32,
  channelStep: i32,
  columnStep: i32,
  mirrored: i32,
  first: i32,
  last: i32,
  scratch: usize,
): void {
  const lines = load<i32>(w, OUT_Y), places = load<i32>(w, OUT_X), channels = load<i32>(w, CHANNELS);
  const tapsX = load<i32>(w, WINDOW_X), taps = load<i32>(w, WINDOW_Y) * tapsX, depth = taps * channels;
  const padded = (depth + 3) & ~3, count = padded * (last - first);
  const sums = scratch + BLOCK_A, doubles = scratch + BLOCK_B, offsets = scratch + POINTS;
  clear(sums, sums + (<usize> count << 2));
  clear(doubles, doubles + (<usize> count << 3));
  const copied = scratch + RESULTS, bytes = lineBytes(w);
  for (let k = 0; k < padded; k++) {
    // Elements beyond the last repeat it: their sums are not stored.
    const tap = min(k, depth - 1) / channels, ky = tap / tapsX, kx = tap - ky * tapsX;
    const pixel = kx * load<i32>(w, DILATION_X) * channels + min(k, depth - 1) - tap * channels;
    const offset = <usize> (ky * load<i32>(w, DILATION_Y)) * bytes + (<usize> pixel << 2);
    store<u32>(offsets + (<usize> k << 2), <u32> offset);
  }
  const image = <usize> (load<i32>(w, HEIGHT) * load<i32>(w, WIDTH) * channels) << 2;
  const step = <usize> (load<i32>(w, STEP_X) * channels) << 2, down = <usize> load<i32>(w, STEP_Y) * bytes;
  const stride = <usize> columns << 2;
  let summed = 0;
  for (let l = 0; l < batch * lines;) {
    const b = l / lines, oy = l - b * lines;
    const n = fitting(w, lines - oy);
    copyLines(w, x + <usize> b * image, oy, n, copied);
    for (let i = 0; i < n; i++, l++) {
      for (let start = 0; start < places; start += PLACES) {
        const some = min(PLACES, places - start);
        if (summed + some > PLACES) {
          flush(count, sums, doubles);
          summed = 0;
        }
        summed += some;
        const from = copied + <usize> i * down + <usize> start * step;
        const slopes = dy + <usize> (l * places + start) * stride;
        let to = sums;
        for (let column = first; column < last; column += 8) {
          const d = slopes + (<usize> column << 2);
          for (let k = 0; k < padded; k += 4, to += 128) {
            const o = offsets + (<usize> k << 2);
            const p0 = from + <usize> load<u32>(o), p1 = from + <usize> load<u32>(o, 4);
            const p2 = from + <usize> load<u32>(o, 8), p3 = from + <usize> load<u32>(o, 12);
            addProducts(p0, p1, p2, p3, step, d, stride, some, to);
          }
        }
      }
    }
  }
  flush(count, sums, doubles);
  let from = doubles;
  for (let column = first; column < last; column += 8) {
    for (let k = 0; k < padded; k++, from += 64) {
      if (k >= depth) continue;
      const tap = k / channels, channel = k - tap * channels;
      const at = (mirrored ? taps - 1 - tap : tap) * tapStep + channel * channelStep;
      for (let i = 0; i < 8; i++) {
        const to = dw + (<usize> (at + (column + i) * columnStep) << 2);
        let sum = load<f64>(from + (<usize> i << 3));
        if (sum != sum) sum = slopeOf(w, batch, x, dy, columns, tap, channel, column + i);
        store<f32>(to, <f32> sum);
      }
    }
  }
}

/** The gradient of a weight, product by product: without the zeros around the image. */
function slopeOf(w: usize, batch: i32, x: usize, dy: usize, columns: i32, tap: i32, channel: i32, column: i32): f64 {
  const height = load<i32>(w, HEIGHT), width = load<i32>(w, WIDTH), channels = load<i32>(w, CHANNELS);
  const tapsX = load<i32>(w, WINDOW_X), lines = load<i32>(w, OUT_Y), places = load<i32>(w, OUT_X);
  const top = tap / tapsX * load<i32>(w, DILATION_Y) - load<i32>(w, PAD_Y);
  const left = tap % tapsX * load<i32>(w, DILATION_X) - load<i32>(w, PAD_X);
  let sum: f64 = 0;
  for (let l = 0; l < batch * lines && sum == sum; l++) {
    const b = l / lines, y = (l - b * lines) * load<i32>(w, STEP_Y) + top;
    if (<u32> y >= <u32> height) continue;
    for (let j = 0; j < places; j++) {
      const at = j * load<i32>(w, STEP_X) + left;
      if (<u32> at >= <u32> width) continue;
      const pixel = x + (<usize> (((b * height + y) * width + at) * channels + channel) << 2);
      sum += <f64> load<f32>(pixel) * <f64> load<f32>(dy + (<usize> ((l * places + j) * columns + column) << 2));
    }
  }
  return sum;
}

/** The sum of adjacent floats. */
@inline
function sumOf(from: usize, n: i32): f32 {
  let four = f32x4.splat(0);
  for (; n >= 4; n -= 4, from += 16) four = f32x4.add(four, v128.load(from));
  let sum = (f32x4.extract_lane(four, 0) + f32x4.extract_lane(four, 1)) +
    (f32x4.extract_lane(four, 2) + f32x4.extract_lane(four, 3));
  for (; n > 0; n--, from += 4) sum += load<f32>(from);
  return sum;
}

/** Size of the memory for the line of a depthwise convolution, in bytes; its filter follows. */
const SUMMED: usize = LINES - (1 << 16);

/**
 * Lines `first` to `last` of convolutions with few results, or of their input's gradient: depthwise
 * convolutions, whose channels are summed.
 *
 * @param w The geometry of the depthwise convolution.
 * @param gradient Whether the gradient of the input is computed.
 * @param x The input, or the gradient of the results.
 * @param filter Its elements are `tapStep` elements apart, `channelStep` and `columnStep`.
 * @param columns Number of results, or of the input's channels.
 * @param bias `[columns]`, or 0.
 */
export function convolveToFew(
  w: usize,
  gradient: i32,
  x: usize,
  filter: usize,
  tapStep: i32,
  channelStep: i32,
  columnStep: i32,
  y: usize,
  columns: i32,
  bias: usize,
  activation: i32,
  first: i32,
  last: i32,
  scratch: usize,
): void {
  const channels = load<i32>(w, CHANNELS), places = gradient ? load<i32>(w, WIDTH) : load<i32>(w, OUT_X);
  const taps = load<i32>(w, WINDOW_Y) * load<i32>(w, WINDOW_X);
  const line = scratch + RESULTS, own = line + SUMMED, pixel = <usize> channels << 2;
  for (let column = 0; column < columns; column++) {
    for (let tap = 0; tap < taps; tap++) {
      for (let channel = 0; channel < channels; channel++) {
        const at = tap * tapStep + channel * channelStep + column * columnStep;
        store<f32>(own + (<usize> (tap * channels + channel) << 2), load<f32>(filter + (<usize> at << 2)));
      }
    }
    const added: f32 = bias ? load<f32>(bias + (<usize> column << 2)) : 0;
    for (let l = first; l < last; l++) {
      const start = line - <usize> (l * places) * pixel;
      if (gradient) depthwiseInputGradient(w, x, own, start, l, l + 1, scratch);
      else depthwise(w, x, own, start, 0, 0, l, l + 1, scratch);
      let to = y + (<usize> (l * places * columns + column) << 2);
      for (let j = 0; j < places; j++, to += <usize> columns << 2) {
        const sum = f32x4.splat(sumOf(line + <usize> j * pixel, channels) + added);
        store<f32>(to, f32x4.extract_lane(activate(sum, activation), 0));
      }
    }
  }
}
