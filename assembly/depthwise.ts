/**
 * Depthwise convolutions and their gradients: each channel has a filter of its own.
 *
 * The geometry is a table of 32-bit integers, which `src/backend/geometry.ts` writes; the filter is
 * `[taps, channels]`. Four neighbours along a line of results are computed at once, so that each
 * weight is read once for all of them.
 */
import { depthwiseOfFew, isOfFew } from "./depthwise_few";
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

/**
 * Scratch memory of a line: how many taps it has along y and x; then, for each tap along y, the
 * addresses of its line of pixels and of its weights; for each along x, its offset in pixels and that
 * of its weights in bytes; and the taps of one place, as addresses of a pixel and of weights.
 */
const COUNT_Y: usize = 0;
const COUNT_X: usize = 4;
const TAPS_Y: usize = 16;
const TAPS_X: usize = TAPS_Y + (1 << 17);
const TAPS: usize = TAPS_X + (1 << 17);

/** Adds a tap along y. */
function addTapY(scratch: usize, line: usize, weights: usize): void {
  const count = load<u32>(scratch, COUNT_Y);
  const to = scratch + TAPS_Y + (<usize> count << 3);
  store<u32>(to, <u32> line);
  store<u32>(to, <u32> weights, 4);
  store<u32>(scratch, count + 1, COUNT_Y);
}

/** Adds a tap along x. */
function addTapX(scratch: usize, offset: i32, weights: usize): void {
  const count = load<u32>(scratch, COUNT_X);
  const to = scratch + TAPS_X + (<usize> count << 3);
  store<i32>(to, offset);
  store<u32>(to, <u32> weights, 4);
  store<u32>(scratch, count + 1, COUNT_X);
}

/**
 * Lists the taps of the place whose first pixel is `at`; those that meet pixels in [0, width) only,
 * unless `width` is 0. Returns the end of the list.
 */
function listTaps(at: i32, width: i32, pixel: usize, scratch: usize): usize {
  const endY = scratch + TAPS_Y + (<usize> load<u32>(scratch, COUNT_Y) << 3);
  const endX = scratch + TAPS_X + (<usize> load<u32>(scratch, COUNT_X) << 3);
  let to = scratch + TAPS;
  for (let y = scratch + TAPS_Y; y < endY; y += 8) {
    const line = <usize> load<u32>(y), weights = <usize> load<u32>(y, 4);
    for (let x = scratch + TAPS_X; x < endX; x += 8) {
      const place = at + load<i32>(x);
      if (width && <u32> place >= <u32> width) continue;
      store<u32>(to, <u32> (line + <usize> place * pixel));
      store<u32>(to, <u32> (weights + <usize> load<u32>(x, 4)), 4);
      to += 8;
    }
  }
  return to;
}

/** One place, `offset` bytes behind the listed one. */
function one(taps: usize, end: usize, offset: usize, bytes: usize, bias: usize, activation: i32, to: usize): void {
  let c: usize = 0;
  for (; c + 16 <= bytes; c += 16) {
    let y = bias ? v128.load(bias + c) : f32x4.splat(0);
    for (let tap = taps; tap < end; tap += 8) {
      y = madd(v128.load(<usize> load<u32>(tap) + offset + c), v128.load(<usize> load<u32>(tap, 4) + c), y);
    }
    v128.store(to + c, activate(y, activation));
  }
  for (; c < bytes; c += 4) {
    let y = bias ? v128.load32_splat(bias + c) : f32x4.splat(0);
    for (let tap = taps; tap < end; tap += 8) {
      const x = v128.load32_splat(<usize> load<u32>(tap) + offset + c);
      y = madd(x, v128.load32_splat(<usize> load<u32>(tap, 4) + c), y);
    }
    store<f32>(to + c, f32x4.extract_lane(activate(y, activation), 0));
  }
}

/** Four places, `step` bytes apart; `stride` bytes lie between their results. */
function four(
  taps: usize,
  end: usize,
  offset: usize,
  step: usize,
  bytes: usize,
  bias: usize,
  activation: i32,
  to: usize,
  stride: usize,
): void {
  for (let c: usize = 0; c + 16 <= bytes; c += 16) {
    let y0 = bias ? v128.load(bias + c) : f32x4.splat(0);
    let y1 = y0, y2 = y0, y3 = y0;
    const from = offset + c;
    for (let tap = taps; tap < end; tap += 8) {
      const w = v128.load(<usize> load<u32>(tap, 4) + c);
      const x = <usize> load<u32>(tap) + from, x1 = x + step, x2 = x1 + step;
      y0 = madd(v128.load(x), w, y0);
      y1 = madd(v128.load(x1), w, y1);
      y2 = madd(v128.load(x2), w, y2);
      y3 = madd(v128.load(x2 + step), w, y3);
    }
    const z = to + c, z1 = z + stride, z2 = z1 + stride;
    v128.store(z, activate(y0, activation));
    v128.store(z1, activate(y1, activation));
    v128.store(z2, activate(y2, activation));
    v128.store(z2 + stride, activate(y3, activation));
  }
}

/** As {@linkcode four}, for lines of three taps that meet neighbours: six pixels serve all. */
function fourByThree(
  taps: usize,
  end: usize,
  offset: usize,
  pixel: usize,
  bytes: usize,
  bias: usize,
  activation: i32,
  to: usize,
  stride: usize,
): void {
  for (let c: usize = 0; c + 16 <= bytes; c += 16) {
    let y0 = bias ? v128.load(bias + c) : f32x4.splat(0);
    let y1 = y0, y2 = y0, y3 = y0;
    const from = offset + c;
    for (let tap = taps; tap < end; tap += 24) {
      let x = <usize> load<u32>(tap) + from;
      const w0 = v128.load(<usize> load<u32>(tap, 4) + c);
      const w1 = v128.load(<usize> load<u32>(tap, 12) + c);
      const w2 = v128.load(<usize> load<u32>(tap, 20) + c);
      y0 = madd(v128.load(x), w0, y0);
      x += pixel;
      const p1 = v128.load(x);
      y0 = madd(p1, w1, y0);
      y1 = madd(p1, w0, y1);
      x += pixel;
      const p2 = v128.load(x);
      y0 = madd(p2, w2, y0);
      y1 = madd(p2, w1, y1);
      y2 = madd(p2, w0, y2);
      x += pixel;
      const p3 = v128.load(x);
      y1 = madd(p3, w2, y1);
      y2 = madd(p3, w1, y2);
      y3 = madd(p3, w0, y3);
      x += pixel;
      const p4 = v128.load(x);
      y2 = madd(p4, w2, y2);
      y3 = madd(p4, w1, y3);
      y3 = madd(v128.load(x + pixel), w2, y3);
    }
    const z = to + c, z1 = z + stride, z2 = z1 + stride;
    v128.store(z, activate(y0, activation));
    v128.store(z1, activate(y1, activation));
    v128.store(z2, activate(y2, activation));
    v128.store(z2 + stride, activate(y3, activation));
  }
}

@inline
function ceilOf(a: i32, b: i32): i32 {
  return a <= 0 ? -(-a / b) : (a + b - 1) / b;
}

@inline
function floorOf(a: i32, b: i32): i32 {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/**
 * A line of `n` results, whose taps are in scratch memory.
 *
 * @param step Pixels between the places of two neighbours.
 * @param width Pixels of a line.
 * @param stride Bytes between two results.
 */
function line(
  n: i32,
  step: i32,
  width: i32,
  bytes: usize,
  bias: usize,
  activation: i32,
  to: usize,
  stride: usize,
  scratch: usize,
): void {
  const count = load<i32>(scratch, COUNT_X);
  // Taps are listed by ascending offset.
  const x = scratch + TAPS_X;
  const lowest = count ? load<i32>(x) : 0, highest = count ? load<i32>(x + (<usize> (count - 1) << 3)) : 0;
  const first = min(max(ceilOf(-lowest, step), 0), n);
  const last = max(min(floorOf(width - 1 - highest, step) + 1, n), first);
  const taps = scratch + TAPS, places = <usize> step * bytes;
  for (let j = 0; j < n; j++) {
    if (j == first) j = last;
    if (j >= n) break;
    const end = listTaps(j * step, width, bytes, scratch);
    one(taps, end, 0, bytes, bias, activation, to + <usize> j * stride);
  }
  const end = listTaps(0, 0, bytes, scratch);
  const slides = count == 3 && step == 1 && highest == lowest + 2 && load<i32>(x, 8) == lowest + 1;
  let j = first;
  for (; j + 4 <= last; j += 4) {
    const from = <usize> j * places, at = to + <usize> j * stride;
    if (slides) fourByThree(taps, end, from, bytes, bytes, bias, activation, at, stride);
    else four(taps, end, from, places, bytes, bias, activation, at, stride);
  }
  const rest = bytes & ~15;
  if (rest < bytes) {
    // The channels that fill no vector.
    for (let i = first; i < j; i++) {
      rests(taps, end, <usize> i * places, rest, bytes, bias, activation, to + <usize> i * stride);
    }
  }
  for (; j < last; j++) {
    one(taps, end, <usize> j * places, bytes, bias, activation, to + <usize> j * stride);
  }
}

/** The channels of one place from byte `c` on. */
function rests(
  taps: usize,
  end: usize,
  offset: usize,
  c: usize,
  bytes: usize,
  bias: usize,
  activation: i32,
  to: usize,
): void {
  for (; c < bytes; c += 4) {
    let y = bias ? v128.load32_splat(bias + c) : f32x4.splat(0);
    for (let tap = taps; tap < end; tap += 8) {
      const x = v128.load32_splat(<usize> load<u32>(tap) + offset + c);
      y = madd(x, v128.load32_splat(<usize> load<u32>(tap, 4) + c), y);
    }
    store<f32>(to + c, f32x4.extract_lane(activate(y, activation), 0));
  }
}

/**
 * Lines `first` to `last` of the results of all examples, `activation(x * filter + bias)`.
 *
 * @param w The geometry.
 * @param bias `[channels]`, or 0.
 */
export function depthwise(
  w: usize,
  x: usize,
  filter: usize,
  y: usize,
  bias: usize,
  activation: i32,
  first: i32,
  last: i32,
  scratch: usize,
): void {
  const height = load<i32>(w, HEIGHT), width = load<i32>(w, WIDTH), lines = load<i32>(w, OUT_Y);
  const channels = load<i32>(w, CHANNELS), bytes = <usize> channels << 2, columns = load<i32>(w, OUT_X);
  const taps = load<i32>(w, WINDOW_X), rows = load<i32>(w, WINDOW_Y), dilation = load<i32>(w, DILATION_X);
  if (load<i32>(w, STEP_X) == 1 && isOfFew(channels, columns, filter, rows, taps, dilation)) {
    return depthwiseOfFew(
      x, height, width, channels, filter, rows, taps, load<i32>(w, DILATION_Y), dilation,
      load<i32>(w, STEP_Y), load<i32>(w, PAD_Y), load<i32>(w, PAD_X), false, bias, activation,
      y, lines, columns, first, last, scratch,
    );
  }
  store<u32>(scratch, 0, COUNT_X);
  for (let k = 0; k < taps; k++) {
    addTapX(scratch, k * load<i32>(w, DILATION_X) - load<i32>(w, PAD_X), <usize> k * bytes);
  }
  for (let l = first; l < last; l++) {
    const b = l / lines, top = (l - b * lines) * load<i32>(w, STEP_Y) - load<i32>(w, PAD_Y);
    store<u32>(scratch, 0, COUNT_Y);
    for (let k = 0; k < load<i32>(w, WINDOW_Y); k++) {
      const at = top + k * load<i32>(w, DILATION_Y);
      if (<u32> at >= <u32> height) continue;
      const pixels = x + <usize> ((b * height + at) * width) * bytes;
      addTapY(scratch, pixels, filter + <usize> (k * taps) * bytes);
    }
    const to = y + <usize> (l * columns) * bytes;
    line(columns, load<i32>(w, STEP_X), width, bytes, bias, activation, to, bytes, scratch);
  }
}

/**
 * Lines `first` to `last` of the input's gradient, of all examples. With strides, neighbours meet
 * different taps, so that every `stride`-th pixel of a line is computed together.
 */
export function depthwiseInputGradient(
  w: usize,
  dy: usize,
  filter: usize,
  dx: usize,
  first: i32,
  last: i32,
  scratch: usize,
): void {
  const height = load<i32>(w, HEIGHT), width = load<i32>(w, WIDTH), lines = load<i32>(w, OUT_Y);
  const bytes = <usize> load<i32>(w, CHANNELS) << 2, columns = load<i32>(w, OUT_X);
  const taps = load<i32>(w, WINDOW_X), stepY = load<i32>(w, STEP_Y), stepX = load<i32>(w, STEP_X);
  const channels = load<i32>(w, CHANNELS), rows = load<i32>(w, WINDOW_Y);
  const dilationY = load<i32>(w, DILATION_Y), dilationX = load<i32>(w, DILATION_X);
  if (stepX == 1 && stepY == 1 && isOfFew(channels, width, filter, rows, taps, dilationX)) {
    return depthwiseOfFew(
      dy, lines, columns, channels, filter, rows, taps, dilationY, dilationX,
      1, (rows - 1) * dilationY - load<i32>(w, PAD_Y), (taps - 1) * dilationX - load<i32>(w, PAD_X), true, 0, 0,
      dx, height, width, first, last, scratch,
    );
  }
  for (let phase = 0; phase < min(stepX, width); phase++) {
    store<u32>(scratch, 0, COUNT_X);
    for (let k = taps - 1; k >= 0; k--) {
      const at = phase + load<i32>(w, PAD_X) - k * load<i32>(w, DILATION_X);
      if (at % stepX == 0) addTapX(scratch, at / stepX, <usize> k * bytes);
    }
    for (let l = first; l < last; l++) {
      const b = l / height, bottom = l - b * height + load<i32>(w, PAD_Y);
      store<u32>(scratch, 0, COUNT_Y);
      for (let k = load<i32>(w, WINDOW_Y) - 1; k >= 0; k--) {
        const at = bottom - k * load<i32>(w, DILATION_Y);
        if (at < 0 || at % stepY != 0 || at / stepY >= lines) continue;
        const results = dy + <usize> ((b * lines + at / stepY) * columns) * bytes;
        addTapY(scratch, results, filter + <usize> (k * taps) * bytes);
      }
      const to = dx + <usize> (l * width + phase) * bytes;
      const count = (width - phase + stepX - 1) / stepX;
      line(count, 1, columns, bytes, 0, 0, to, <usize> stepX * bytes, scratch);
    }
  }
}

/** Number of points whose products are summed in floats; longer sums lose precision. */
const POINTS: i32 = 256;

/**
 * Adds the products of `n` pixels and gradients to four sums; `step` bytes lie between two pixels.
 */
function addProducts(x: usize, step: usize, dy: usize, stride: usize, n: i32, sums: usize): void {
  let a = v128.load(sums), b = f32x4.splat(0);
  for (; n >= 2; n -= 2) {
    a = madd(v128.load(x), v128.load(dy), a);
    x += step;
    dy += stride;
    b = madd(v128.load(x), v128.load(dy), b);
    x += step;
    dy += stride;
  }
  if (n > 0) a = madd(v128.load(x), v128.load(dy), a);
  v128.store(sums, f32x4.add(a, b));
}

/** The same for one channel. */
function addProductsOfOne(x: usize, step: usize, dy: usize, stride: usize, n: i32, sums: usize): void {
  let sum = load<f32>(sums);
  for (; n > 0; n--, x += step, dy += stride) sum += load<f32>(x) * load<f32>(dy);
  store<f32>(sums, sum);
}

/** The same for three taps that meet neighbouring pixels; their sums are `pixel` bytes apart. */
function addProductsOfThree(
  x: usize,
  step: usize,
  pixel: usize,
  dy: usize,
  stride: usize,
  n: i32,
  sums: usize,
): void {
  const second = sums + pixel, third = second + pixel;
  let a0 = v128.load(sums), a1 = v128.load(second), a2 = v128.load(third);
  let b0 = f32x4.splat(0), b1 = b0, b2 = b0;
  if (step == pixel) {
    let p0 = v128.load(x), p1 = v128.load(x + pixel);
    x += pixel << 1;
    for (; n >= 2; n -= 2) {
      const p2 = v128.load(x), p3 = v128.load(x + pixel);
      const d = v128.load(dy), e = v128.load(dy + stride);
      a0 = madd(p0, d, a0);
      a1 = madd(p1, d, a1);
      a2 = madd(p2, d, a2);
      b0 = madd(p1, e, b0);
      b1 = madd(p2, e, b1);
      b2 = madd(p3, e, b2);
      p0 = p2;
      p1 = p3;
      x += pixel << 1;
      dy += stride << 1;
    }
    if (n > 0) {
      const d = v128.load(dy);
      a0 = madd(p0, d, a0);
      a1 = madd(p1, d, a1);
      a2 = madd(v128.load(x), d, a2);
    }
  } else {
    for (; n >= 2; n -= 2) {
      const d = v128.load(dy), e = v128.load(dy + stride);
      const x1 = x + pixel, z = x + step, z1 = z + pixel;
      a0 = madd(v128.load(x), d, a0);
      a1 = madd(v128.load(x1), d, a1);
      a2 = madd(v128.load(x1 + pixel), d, a2);
      b0 = madd(v128.load(z), e, b0);
      b1 = madd(v128.load(z1), e, b1);
      b2 = madd(v128.load(z1 + pixel), e, b2);
      x += step << 1;
      dy += stride << 1;
    }
    if (n > 0) {
      const d = v128.load(dy), x1 = x + pixel;
      a0 = madd(v128.load(x), d, a0);
      a1 = madd(v128.load(x1), d, a1);
      a2 = madd(v128.load(x1 + pixel), d, a2);
    }
  }
  v128.store(sums, f32x4.add(a0, b0));
  v128.store(second, f32x4.add(a1, b1));
  v128.store(third, f32x4.add(a2, b2));
}

/**
 * Channels `first` to `last` of the filter's gradient.
 *
 * @param sums Memory for sums in floats, `[taps, channels]`.
 * @param doubles Memory for sums of these in doubles, `[taps, channels]`.
 */
export function depthwiseFilterGradient(
  w: usize,
  x: usize,
  dy: usize,
  dw: usize,
  batch: i32,
  sums: usize,
  doubles: usize,
  first: i32,
  last: i32,
  scratch: usize,
): void {
  const height = load<i32>(w, HEIGHT), width = load<i32>(w, WIDTH), lines = load<i32>(w, OUT_Y);
  const channels = load<i32>(w, CHANNELS), columns = load<i32>(w, OUT_X);
  const bytes = <usize> channels << 2;
  const tapsX = load<i32>(w, WINDOW_X), taps = load<i32>(w, WINDOW_Y) * tapsX;
  for (let t = 0; t < taps; t++) {
    for (let c = first; c < last; c++) {
      store<f32>(sums + (<usize> (t * channels + c) << 2), 0);
      store<f64>(doubles + (<usize> (t * channels + c) << 3), 0);
    }
  }
  let points = 0;
  for (let l = 0; l < batch * lines; l++) {
    const b = l / lines, top = (l - b * lines) * load<i32>(w, STEP_Y) - load<i32>(w, PAD_Y);
    for (let start = 0; start < columns; start += POINTS) {
      const end = min(start + POINTS, columns);
      const slopes = dy + <usize> (l * columns) * bytes;
      for (let k = 0; k < load<i32>(w, WINDOW_Y); k++) {
        const at = top + k * load<i32>(w, DILATION_Y);
        if (<u32> at >= <u32> height) continue;
        const pixels = x + <usize> ((b * height + at) * width) * bytes;
        const to = sums + <usize> (k * tapsX) * bytes;
        addLine(w, pixels, slopes, start, end, to, first, last);
      }
      points += end - start;
      if (points > POINTS) {
        flush(taps, channels, first, last, sums, doubles);
        points = 0;
      }
    }
  }
  flush(taps, channels, first, last, sums, doubles);
  for (let t = 0; t < taps; t++) {
    for (let c = first; c < last; c++) {
      const i = <usize> (t * channels + c);
      store<f32>(dw + (i << 2), <f32> load<f64>(doubles + (i << 3)));
    }
  }
}

/** Adds the products of a line of gradients, `start` to `end`, to the sums of a line of taps. */
function addLine(
  w: usize,
  pixels: usize,
  slopes: usize,
  start: i32,
  end: i32,
  sums: usize,
  first: i32,
  last: i32,
): void {
  const width = load<i32>(w, WIDTH), bytes = <usize> load<i32>(w, CHANNELS) << 2;
  const taps = load<i32>(w, WINDOW_X), step = load<i32>(w, STEP_X);
  const dilation = load<i32>(w, DILATION_X), pad = load<i32>(w, PAD_X);
  const stepBytes = <usize> step * bytes;
  const whole = first + ((last - first) & ~3);
  let from = end, to = end;
  if (taps == 3 && dilation == 1) {
    from = min(max(ceilOf(pad, step), start), end);
    to = max(min(floorOf(width - 3 + pad, step) + 1, end), from);
    const x = pixels + <usize> (from * step - pad) * bytes;
    const dy = slopes + <usize> from * bytes;
    for (let c = first; c < whole && to > from; c += 4) {
      const offset = <usize> c << 2;
      addProductsOfThree(x + offset, stepBytes, bytes, dy + offset, bytes, to - from, sums + offset);
    }
  }
  for (let k = 0; k < taps; k++, sums += bytes) {
    const shift = k * dilation - pad;
    const low = min(max(ceilOf(-shift, step), start), end);
    const high = max(min(floorOf(width - 1 - shift, step) + 1, end), low);
    // The places whose other taps leave the line, or all of them.
    const left = min(from, high), right = max(to, low);
    for (let c = first; c < last; c += c < whole ? 4 : 1) {
      const offset = <usize> c << 2;
      const x = pixels + offset + <usize> shift * bytes, dy = slopes + offset;
      if (c >= whole) {
        const n = high - low;
        addProductsOfOne(x + <usize> low * stepBytes, stepBytes, dy + <usize> low * bytes, bytes, n, sums + offset);
        continue;
      }
      if (left > low) {
        addProducts(x + <usize> low * stepBytes, stepBytes, dy + <usize> low * bytes, bytes, left - low, sums + offset);
      }
      if (high > right) {
        const i = <usize> right;
        addProducts(x + i * stepBytes, stepBytes, dy + i * bytes, bytes, high - right, sums + offset);
      }
    }
  }
}

/** Adds the sums in floats to those in doubles. */
function flush(taps: i32, channels: i32, first: i32, last: i32, sums: usize, doubles: usize): void {
  for (let t = 0; t < taps; t++) {
    let from = sums + (<usize> (t * channels + first) << 2);
    let to = doubles + (<usize> (t * channels + first) << 3);
    let n = last - first;
    for (; n >= 2; n -= 2, from += 8, to += 16) {
      v128.store(to, f64x2.add(v128.load(to), f64x2.promote_low_f32x4(v128.load64_zero(from))));
      v128.store64_lane(from, f32x4.splat(0), 0);
    }
    if (n > 0) {
      store<f64>(to, load<f64>(to) + <f64> load<f32>(from));
      store<f32>(from, 0);
    }
  }
}
