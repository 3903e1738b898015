/**
 * Convolutions with filters of 3 x 3 and a stride of 1, with a quarter of the multiplications.
 *
 * A tile of 4 x 4 results comes from 6 x 6 pixels by 36 products a channel, rather than 144:
 * `A' [(G g G') * (B' d B)] A` (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
 * 2016, https://arxiv.org/abs/1509.09308), with other points. Over channels, each of the 36 is a product of matrices,
 * `[tiles, channels] [channels, columns]`. The gradient of the filter is the transposed algorithm.
 *
 * Channels and columns are multiples of 4. The geometry is a table of 32-bit integers which the
 * caller writes, see `src/backend/kernels/winograd.ts`.
 */
import {
  ACCUMULATE,
  ADDRESSES,
  BIAS,
  block,
  BLOCK_A,
  BLOCK_B,
  listRows,
  padBias,
  RESULTS,
  ZEROS,
} from "./panel";
import { packAcross, packAlong } from "./pack";
import { activate } from "./vector";

const SOURCE: usize = 0;
const HEIGHT: usize = 4;
const WIDTH: usize = 8;
const CHANNELS: usize = 12;
const TARGET: usize = 16;
const OUT_HEIGHT: usize = 20;
const OUT_WIDTH: usize = 24;
const COLUMNS: usize = 28;
const PAD_Y: usize = 32;
const PAD_X: usize = 36;
const TILES_Y: usize = 40;
const TILES_X: usize = 44;
/** Tiles of a block. */
const BLOCK: usize = 48;

/** Where memory begins that is not otherwise used. */
@inline
function workOf(g: usize, scratch: usize): usize {
  const zeros = max(max(load<i32>(g, CHANNELS), load<i32>(g, COLUMNS)), 1024);
  return scratch + ZEROS + (<usize> zeros << 2);
}

@inline
function scale(x: v128, by: f32): v128 {
  return f32x4.mul(x, f32x4.splat(by));
}

@inline
function add(a: v128, b: v128): v128 {
  return f32x4.add(a, b);
}

@inline
function sub(a: v128, b: v128): v128 {
  return f32x4.sub(a, b);
}

/**
 * The points of interpolation: 0, A, -A, B, -B and infinity. With roots of 1/2 and 2 the transforms
 * amplify rounding least; with the usual 1 and 2 errors are several times as large.
 */
const A: f32 = 0.70710678118654752;
const B: f32 = 1.41421356237309505;
const A3: f32 = 0.35355339059327376;
const B3: f32 = 2.82842712474619010;

/** B' d: six pixels. */
@inline
function input(d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, to: usize, step: usize): void {
  v128.store(to, add(sub(d0, scale(d2, 2.5)), d4));
  const a = sub(d4, scale(d2, 2)), b = scale(sub(d3, scale(d1, 2)), A);
  v128.store(to + step, add(a, b));
  v128.store(to + 2 * step, sub(a, b));
  const c = sub(d4, scale(d2, 0.5)), e = scale(sub(d3, scale(d1, 0.5)), B);
  v128.store(to + 3 * step, add(c, e));
  v128.store(to + 4 * step, sub(c, e));
  v128.store(to + 5 * step, add(sub(d1, scale(d3, 2.5)), d5));
}

/** G g: three weights. */
@inline
function filter(g0: v128, g1: v128, g2: v128, to: usize, step: usize): void {
  v128.store(to, g0);
  const a = scale(add(g0, scale(g2, 0.5)), -1.0 / 1.5), b = scale(g1, -A / 1.5);
  v128.store(to + step, add(a, b));
  v128.store(to + 2 * step, sub(a, b));
  const c = scale(add(g0, scale(g2, 2)), 1.0 / 6), e = scale(g1, B / 6);
  v128.store(to + 3 * step, add(c, e));
  v128.store(to + 4 * step, sub(c, e));
  v128.store(to + 5 * step, g2);
}

/** A' m: six products to four results, at `step` bytes. */
@inline
function output(from: usize, stride: usize, to: usize, step: usize): void {
  const m0 = v128.load(from), m1 = v128.load(from + stride), m2 = v128.load(from + 2 * stride);
  const m3 = v128.load(from + 3 * stride), m4 = v128.load(from + 4 * stride);
  const m5 = v128.load(from + 5 * stride);
  const a = add(m1, m2), b = sub(m1, m2), c = add(m3, m4), e = sub(m3, m4);
  v128.store(to, add(add(m0, a), c));
  v128.store(to + step, add(scale(b, A), scale(e, B)));
  v128.store(to + 2 * step, add(scale(a, 0.5), scale(c, 2)));
  v128.store(to + 3 * step, add(add(scale(b, A3), scale(e, B3)), m5));
}

/** A d: four slopes to six. */
@inline
function slopes(d0: v128, d1: v128, d2: v128, d3: v128, to: usize, step: usize): void {
  v128.store(to, d0);
  const a = add(d0, scale(d2, 0.5)), b = add(scale(d1, A), scale(d3, A3));
  v128.store(to + step, add(a, b));
  v128.store(to + 2 * step, sub(a, b));
  const c = add(d0, scale(d2, 2)), e = add(scale(d1, B), scale(d3, B3));
  v128.store(to + 3 * step, add(c, e));
  v128.store(to + 4 * step, sub(c, e));
  v128.store(to + 5 * step, d3);
}

/** B m: six products to slopes of six pixels. */
@inline
function inputSlopes(from: usize, stride: usize, to: usize, step: usize): void {
  const m0 = v128.load(from), m1 = v128.load(from + stride), m2 = v128.load(from + 2 * stride);
  const m3 = v128.load(from + 3 * stride), m4 = v128.load(from + 4 * stride);
  const m5 = v128.load(from + 5 * stride);
  const a = add(m1, m2), b = scale(sub(m1, m2), A), c = add(m3, m4), e = scale(sub(m3, m4), B);
  v128.store(to, m0);
  v128.store(to + step, sub(m5, add(scale(b, 2), scale(e, 0.5))));
  v128.store(to + 2 * step, sub(scale(m0, -2.5), add(scale(a, 2), scale(c, 0.5))));
  v128.store(to + 3 * step, sub(add(b, e), scale(m5, 2.5)));
  v128.store(to + 4 * step, add(m0, add(a, c)));
  v128.store(to + 5 * step, m5);
}

/** G' s: six sums to three slopes of weights. */
@inline
function filterSlopes(from: usize, stride: usize, to: usize, step: usize): void {
  const s0 = v128.load(from), s1 = v128.load(from + stride), s2 = v128.load(from + 2 * stride);
  const s3 = v128.load(from + 3 * stride), s4 = v128.load(from + 4 * stride);
  const s5 = v128.load(from + 5 * stride);
  const a = scale(add(s1, s2), 1.0 / 1.5), b = scale(add(s3, s4), 1.0 / 6);
  v128.store(to, add(sub(s0, a), b));
  v128.store(to + step, add(scale(sub(s2, s1), A / 1.5), scale(sub(s3, s4), B / 6)));
  v128.store(to + 2 * step, add(sub(scale(b, 2), scale(a, 0.5)), s5));
}

/** Lists the addresses of a square of pixels, zeros where it leaves the image. */
function listSquare(
  image: usize,
  height: i32,
  width: i32,
  channels: i32,
  y0: i32,
  x0: i32,
  side: i32,
  scratch: usize,
): void {
  let to = scratch + ADDRESSES;
  for (let y = y0; y < y0 + side; y++) {
    for (let x = x0; x < x0 + side; x++, to += 4) {
      const inside = <u32> y < <u32> height && <u32> x < <u32> width;
      const at = image + (<usize> ((y * width + x) * channels) << 2);
      store<u32>(to, <u32> (inside ? at : scratch + ZEROS));
    }
  }
}

@inline
function pixel(scratch: usize, i: i32, offset: usize): v128 {
  return v128.load(<usize> load<u32>(scratch + ADDRESSES + (<usize> i << 2)) + offset);
}

/** Transforms channels `c0` to `c1` of the pixels of a tile: 36 values, `step` bytes apart. */
function transformInput(g: usize, t: i32, c0: i32, c1: i32, to: usize, step: usize, scratch: usize): void {
  const height = load<i32>(g, HEIGHT), width = load<i32>(g, WIDTH), channels = load<i32>(g, CHANNELS);
  const tilesX = load<i32>(g, TILES_X), tilesY = load<i32>(g, TILES_Y);
  const row = t / tilesX, b = row / tilesY;
  const y = (row - b * tilesY) * 4 - load<i32>(g, PAD_Y), x = (t - row * tilesX) * 4 - load<i32>(g, PAD_X);
  const image = <usize> load<u32>(g, SOURCE) + (<usize> (b * height * width * channels) << 2);
  listSquare(image, height, width, channels, y, x, 6, scratch);
  const square = scratch + RESULTS;
  for (let c = c0; c < c1; c += 4, to += 16) {
    const o = <usize> c << 2;
    for (let i = 0; i < 6; i++) {
      const p = i * 6;
      input(
        pixel(scratch, p, o),
        pixel(scratch, p + 1, o),
        pixel(scratch, p + 2, o),
        pixel(scratch, p + 3, o),
        pixel(scratch, p + 4, o),
        pixel(scratch, p + 5, o),
        square + <usize> p * 16,
        16,
      );
    }
    for (let j: usize = 0; j < 6; j++) {
      const s = square + j * 16;
      input(
        v128.load(s),
        v128.load(s, 96),
        v128.load(s, 192),
        v128.load(s, 288),
        v128.load(s, 384),
        v128.load(s, 480),
        to + j * step,
        6 * step,
      );
    }
  }
}

/**
 * Transforms a filter `[3, 3, channels, columns]` to 36 matrices, packed in panels of 8 columns.
 *
 * @param transposed Whether the matrices are `[columns, channels]`, as for the input's gradient.
 */
export function winogradFilter(w: usize, channels: i32, columns: i32, transposed: bool, to: usize, square: usize): void {
  const tap = <usize> (channels * columns) << 2;
  const rows = transposed ? columns : channels, width = transposed ? channels : columns;
  const matrix = <usize> (((width + 7) / 8) * rows) << 5;
  for (let c = 0; c < channels; c++) {
    for (let k = 0; k < columns; k += 4) {
      const from = w + (<usize> (c * columns + k) << 2);
      for (let i: usize = 0; i < 3; i++) {
        const line = from + i * 3 * tap;
        const g0 = v128.load(line), g1 = v128.load(line + tap), g2 = v128.load(line + 2 * tap);
        filter(g0, g1, g2, square + i * 96, 16);
      }
      for (let j: usize = 0; j < 6; j++) {
        const s = square + j * 16;
        filter(v128.load(s), v128.load(s, 96), v128.load(s, 192), square + 288 + j * 16, 96);
      }
      let at = to + (transposed
        ? (<usize> ((c >> 3) * rows + k) << 5) + (<usize> (c & 7) << 2)
        : (<usize> ((k >> 3) * rows + c) << 5) + (<usize> (k & 7) << 2));
      for (let i: usize = 0; i < 36; i++, at += matrix) {
        const x = v128.load(square + 288 + i * 16);
        if (!transposed) v128.store(at, x);
        else {
          store<f32>(at, f32x4.extract_lane(x, 0));
          store<f32>(at, f32x4.extract_lane(x, 1), 32);
          store<f32>(at, f32x4.extract_lane(x, 2), 64);
          store<f32>(at, f32x4.extract_lane(x, 3), 96);
        }
      }
    }
  }
}

/** Transforms products back to the 4 x 4 results of a tile, adds the bias and activates. */
function transformOutput(
  g: usize,
  t: i32,
  from: usize,
  step: usize,
  bias: bool,
  activation: i32,
  scratch: usize,
): void {
  const height = load<i32>(g, OUT_HEIGHT), width = load<i32>(g, OUT_WIDTH);
  const columns = load<i32>(g, COLUMNS);
  const tilesX = load<i32>(g, TILES_X), tilesY = load<i32>(g, TILES_Y);
  const row = t / tilesX, b = row / tilesY;
  const y = (row - b * tilesY) * 4, x = (t - row * tilesX) * 4;
  const rows = min(4, height - y), cols = min(4, width - x);
  const line = <usize> (width * columns) << 2, next = <usize> columns << 2;
  let to = <usize> load<u32>(g, TARGET) + (<usize> (((b * height + y) * width + x) * columns) << 2);
  const square = scratch + RESULTS, results = square + 384;
  for (let k = 0; k < columns; k += 4, from += 16, to += 16) {
    for (let i: usize = 0; i < 6; i++) output(from + i * 6 * step, step, square + i * 64, 16);
    for (let j: usize = 0; j < 4; j++) output(square + j * 16, 64, results + j * 16, 64);
    const added = bias ? v128.load(scratch + BIAS + (<usize> k << 2)) : f32x4.splat(0);
    for (let i = 0; i < rows; i++) {
      const s = results + (<usize> i << 6), q = to + <usize> i * line;
      for (let j = 0; j < cols; j++) {
        const value = add(v128.load(s + (<usize> j << 4)), added);
        v128.store(q + <usize> j * next, activate(value, activation));
      }
    }
  }
}

/**
 * Tiles `t0` to `t1` of a convolution.
 *
 * @param g The geometry.
 * @param matrices The transformed filter.
 * @param bias `[columns]`, or 0.
 */
export function winograd(
  g: usize,
  matrices: usize,
  t0: i32,
  t1: i32,
  bias: usize,
  activation: i32,
  scratch: usize,
): void {
  const channels = load<i32>(g, CHANNELS), columns = load<i32>(g, COLUMNS), size = load<i32>(g, BLOCK);
  const panel = <usize> channels << 5, matrix = <usize> ((columns + 7) / 8) * panel;
  const rowBefore = <usize> channels << 2, rowAfter = <usize> columns << 2;
  // Transformed tiles of a block, before and after the products, lie behind the zeros.
  const work = workOf(g, scratch);
  padBias(bias, columns, scratch);
  for (let t = t0; t < t1; t += size) {
    const tiles = min(size, t1 - t);
    const before = <usize> tiles * rowBefore, after = <usize> tiles * rowAfter;
    const products = work + 36 * before;
    for (let i = 0; i < tiles; i++) {
      transformInput(g, t + i, 0, channels, work + <usize> i * rowBefore, before, scratch);
    }
    for (let i: usize = 0; i < 36; i++) {
      packAcross(work + i * before, rowBefore, tiles, channels, 4, scratch + BLOCK_A, <usize> channels << 4);
      listRows(products + i * after, tiles, rowAfter, scratch);
      block(tiles, columns, channels, matrices + i * matrix, 32, panel, 0, 0, scratch);
    }
    for (let i = 0; i < tiles; i++) {
      const from = products + <usize> i * rowAfter;
      transformOutput(g, t + i, from, after, bias != 0, activation, scratch);
    }
  }
}

/** Transforms the slopes of a tile's results. */
function transformSlopes(g: usize, t: i32, to: usize, step: usize, scratch: usize): void {
  const height = load<i32>(g, OUT_HEIGHT), width = load<i32>(g, OUT_WIDTH);
  const columns = load<i32>(g, COLUMNS);
  const tilesX = load<i32>(g, TILES_X), tilesY = load<i32>(g, TILES_Y);
  const row = t / tilesX, b = row / tilesY;
  const image = <usize> load<u32>(g, TARGET) + (<usize> (b * height * width * columns) << 2);
  listSquare(image, height, width, columns, (row - b * tilesY) * 4, (t - row * tilesX) * 4, 4, scratch);
  const square = scratch + RESULTS;
  for (let k = 0; k < columns; k += 4, to += 16) {
    const o = <usize> k << 2;
    for (let i = 0; i < 4; i++) {
      const p = i * 4;
      slopes(
        pixel(scratch, p, o),
        pixel(scratch, p + 1, o),
        pixel(scratch, p + 2, o),
        pixel(scratch, p + 3, o),
        square + <usize> i * 96,
        16,
      );
    }
    for (let j: usize = 0; j < 6; j++) {
      const s = square + j * 16;
      slopes(v128.load(s), v128.load(s, 96), v128.load(s, 192), v128.load(s, 288), to + j * step, 6 * step);
    }
  }
}

/** Adds the slopes of the pixels of a tile to the image. */
function addInputSlopes(g: usize, t: i32, from: usize, step: usize, scratch: usize): void {
  const height = load<i32>(g, HEIGHT), width = load<i32>(g, WIDTH), channels = load<i32>(g, CHANNELS);
  const tilesX = load<i32>(g, TILES_X), tilesY = load<i32>(g, TILES_Y);
  const row = t / tilesX, b = row / tilesY;
  const y = (row - b * tilesY) * 4 - load<i32>(g, PAD_Y), x = (t - row * tilesX) * 4 - load<i32>(g, PAD_X);
  const square = scratch + RESULTS, results = square + 576;
  const image = <usize> load<u32>(g, SOURCE) + (<usize> (b * height * width * channels) << 2);
  const i0 = max(-y, 0), i1 = min(height - y, 6), j0 = max(-x, 0), j1 = min(width - x, 6);
  for (let c = 0; c < channels; c += 4, from += 16) {
    for (let i: usize = 0; i < 6; i++) inputSlopes(from + i * 6 * step, step, square + i * 96, 16);
    for (let j: usize = 0; j < 6; j++) inputSlopes(square + j * 16, 96, results + j * 16, 96);
    for (let i = i0; i < i1; i++) {
      for (let j = j0; j < j1; j++) {
        const at = image + (<usize> (((y + i) * width + x + j) * channels + c) << 2);
        v128.store(at, add(v128.load(at), v128.load(results + (<usize> (i * 6 + j) << 4))));
      }
    }
  }
}

/**
 * Examples `b0` to `b1` of the input's gradient: the algorithm backwards.
 *
 * @param g The geometry; its source is the result, its target the gradient of the results.
 * @param matrices The transformed filter, transposed.
 */
export function winogradInputGradient(g: usize, matrices: usize, b0: i32, b1: i32, scratch: usize): void {
  const channels = load<i32>(g, CHANNELS), columns = load<i32>(g, COLUMNS), size = load<i32>(g, BLOCK);
  const image = <usize> (load<i32>(g, HEIGHT) * load<i32>(g, WIDTH) * channels) << 2;
  memory.fill(<usize> load<u32>(g, SOURCE) + <usize> b0 * image, 0, <usize> (b1 - b0) * image);
  const panel = <usize> columns << 5, matrix = <usize> ((channels + 7) / 8) * panel;
  const rowSlopes = <usize> columns << 2, rowPixels = <usize> channels << 2;
  const work = workOf(g, scratch);
  const tilesOfOne = load<i32>(g, TILES_Y) * load<i32>(g, TILES_X), last = b1 * tilesOfOne;
  for (let t = b0 * tilesOfOne; t < last; t += size) {
    const tiles = min(size, last - t);
    const before = <usize> tiles * rowSlopes, after = <usize> tiles * rowPixels;
    const products = work + 36 * before;
    for (let i = 0; i < tiles; i++) transformSlopes(g, t + i, work + <usize> i * rowSlopes, before, scratch);
    for (let i: usize = 0; i < 36; i++) {
      packAcross(work + i * before, rowSlopes, tiles, columns, 4, scratch + BLOCK_A, <usize> columns << 4);
      listRows(products + i * after, tiles, rowPixels, scratch);
      block(tiles, channels, columns, matrices + i * matrix, 32, panel, 0, 0, scratch);
    }
    for (let i = 0; i < tiles; i++) {
      addInputSlopes(g, t + i, products + <usize> i * rowPixels, after, scratch);
    }
  }
}

/**
 * Channels `c0` to `c1` of the filter's gradient, `[3, 3, channels, columns]`.
 *
 * @param g The geometry; its target is the gradient of the results.
 * @param tiles Of all examples.
 * @param dw The result.
 */
export function winogradFilterGradient(
  g: usize,
  tiles: i32,
  dw: usize,
  c0: i32,
  c1: i32,
  scratch: usize,
): void {
  const channels = load<i32>(g, CHANNELS), columns = load<i32>(g, COLUMNS), size = load<i32>(g, BLOCK);
  const width = c1 - c0;
  if (width <= 0) return;
  const rowPixels = <usize> width << 2, rowSlopes = <usize> columns << 2;
  // Behind the zeros: 36 sums of each weight, and the transformed tiles of a block.
  const sums = workOf(g, scratch), sum = <usize> width * rowSlopes;
  const pixels = sums + 36 * sum;
  for (let t = 0; t < tiles; t += size) {
    const some = min(size, tiles - t);
    const before = <usize> some * rowPixels, after = <usize> some * rowSlopes;
    const slopes = pixels + 36 * before;
    for (let i = 0; i < some; i++) {
      transformInput(g, t + i, c0, c1, pixels + <usize> i * rowPixels, before, scratch);
      transformSlopes(g, t + i, slopes + <usize> i * rowSlopes, after, scratch);
    }
    const panel = <usize> some << 5;
    for (let i: usize = 0; i < 36; i++) {
      packAlong(pixels + i * before, rowPixels, width, some, 4, scratch + BLOCK_A, <usize> some << 4);
      packAlong(slopes + i * after, rowSlopes, columns, some, 8, scratch + BLOCK_B, panel);
      listRows(sums + i * sum, width, rowSlopes, scratch);
      const todo = t > 0 ? ACCUMULATE : 0;
      block(width, columns, some, scratch + BLOCK_B, 32, panel, 0, todo, scratch);
    }
  }
  const tap = <usize> channels * rowSlopes, square = scratch + RESULTS;
  for (let c = 0; c < width; c++) {
    for (let k = 0; k < columns; k += 4) {
      const offset = <usize> c * rowSlopes + (<usize> k << 2);
      const from = sums + offset;
      const to = dw + <usize> c0 * rowSlopes + offset;
      for (let i: usize = 0; i < 6; i++) filterSlopes(from + i * 6 * sum, sum, square + i * 48, 16);
      for (let j: usize = 0; j < 3; j++) filterSlopes(square + j * 16, 48, to + j * tap, 3 * tap);
    }
  }
}
