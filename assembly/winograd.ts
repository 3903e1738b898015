/**
 * Convolutions with filters of 3 x 3 and a stride of 1, with a quarter of the multiplications.
 *
 * A tile of 4 x 4 results comes from 6 x 6 pixels by 36 products a channel, rather than 144:
 * `A' [(G g G') * (B' d B)] A` (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
 * 2016, https://arxiv.org/abs/1509.09308), with other points of interpolation. Over all channels, each
 * of the 36 is a product of matrices, `[tiles, channels] [channels, columns]`. The gradients are the
 * transposed algorithm.
 *
 * Channels and columns are multiples of 4.
 */
import { areFinite, resultsAt } from "./exact";
import { runTiles } from "./machine";
import { BIAS, padBias, RESULTS } from "./panel";
import { activate } from "./vector";
import { add, filter as transformed, output, outputTo } from "./winograd_transforms";
import {
  BLOCK,
  CHANNELS,
  COLUMNS,
  DILATION_X,
  DILATION_Y,
  HEIGHT,
  OUT_HEIGHT,
  OUT_WIDTH,
  PAD_X,
  PAD_Y,
  SOURCE,
  TARGET,
  TILES_X,
  TILES_Y,
  WIDTH,
} from "./tile_table";
import { apart, countFrom, multiply, placeOf, storeFilter, transformInput, workOf } from "./winograd_tiles";

/**
 * Transforms channels `c0` to `c1` of a filter `[3, 3, channels, columns]` to 36 matrices, packed in
 * panels of 8 columns.
 *
 * @param transposed Whether the matrices are `[columns, channels]`, for the input's gradient.
 * @param mirrored Whether the taps are in reverse order, so that a convolution is that gradient.
 */
export function winogradFilter(
  w: usize,
  channels: i32,
  columns: i32,
  transposed: bool,
  mirrored: bool,
  to: usize,
  c0: i32,
  c1: i32,
  square: usize,
): void {
  const tap = <usize> (channels * columns) << 2;
  const rows = transposed ? columns : channels, width = transposed ? channels : columns;
  const matrix = apart(<usize> (((width + 7) / 8) * rows) << 5);
  for (let c = c0; c < c1; c++) {
    for (let k = 0; k < columns; k += 4) {
      const from = w + (<usize> (c * columns + k) << 2);
      for (let i: usize = 0; i < 3; i++) {
        const line = from + i * 3 * tap;
        const g0 = v128.load(line), g1 = v128.load(line + tap), g2 = v128.load(line + 2 * tap);
        if (mirrored) transformed(g2, g1, g0, square + (2 - i) * 96, 16);
        else transformed(g0, g1, g2, square + i * 96, 16);
      }
      for (let j: usize = 0; j < 6; j++) {
        const s = square + j * 16;
        transformed(v128.load(s), v128.load(s, 96), v128.load(s, 192), square + 288 + j * 16, 96);
      }
      storeFilter(square + 288, c, k, rows, transposed, to, matrix);
    }
  }
}

/** Computes four columns of a tile, from `k` on, result by result. */
function computeTile(
  g: usize,
  b: i32,
  y: i32,
  x: i32,
  k: i32,
  filter: usize,
  mirrored: bool,
  added: v128,
  activation: i32,
): void {
  const height = load<i32>(g, HEIGHT), width = load<i32>(g, WIDTH), channels = load<i32>(g, CHANNELS);
  const outHeight = load<i32>(g, OUT_HEIGHT), outWidth = load<i32>(g, OUT_WIDTH), columns = load<i32>(g, COLUMNS);
  const image = <usize> load<u32>(g, SOURCE) + (<usize> (b * height * width * channels) << 2);
  const dy = load<i32>(g, DILATION_Y), dx = load<i32>(g, DILATION_X);
  for (let i = y; i < min(y + 4 * dy, outHeight); i += dy) {
    for (let j = x; j < min(x + 4 * dx, outWidth); j += dx) {
      const top = i - load<i32>(g, PAD_Y), left = j - load<i32>(g, PAD_X);
      const value = resultsAt(image, height, width, channels, columns, top, left, 3, dy, dx, filter, mirrored, k);
      const to = <usize> load<u32>(g, TARGET) + (<usize> (((b * outHeight + i) * outWidth + j) * columns + k) << 2);
      v128.store(to, activate(add(value, added), activation));
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
  filter: usize,
  mirrored: bool,
  scratch: usize,
): void {
  const height = load<i32>(g, OUT_HEIGHT), width = load<i32>(g, OUT_WIDTH);
  const columns = load<i32>(g, COLUMNS);
  const tilesX = load<i32>(g, TILES_X), tilesY = load<i32>(g, TILES_Y);
  const row = t / tilesX, b = row / tilesY;
  const dy = load<i32>(g, DILATION_Y), dx = load<i32>(g, DILATION_X);
  const y = placeOf(row - b * tilesY, dy), x = placeOf(t - row * tilesX, dx);
  const rows = countFrom(y, height, dy), cols = countFrom(x, width, dx);
  const line = <usize> (dy * width * columns) << 2, next = <usize> (dx * columns) << 2;
  let to = <usize> load<u32>(g, TARGET) + (<usize> (((b * height + y) * width + x) * columns) << 2);
  const square = scratch + RESULTS, results = square + 384;
  for (let k = 0; k < columns; k += 4, from += 16, to += 16) {
    for (let i: usize = 0; i < 6; i++) output(from + i * 6 * step, step, square + i * 64, 16);
    const added = bias ? v128.load(scratch + BIAS + (<usize> k << 2)) : f32x4.splat(0);
    let sum = f32x4.splat(0);
    if (rows == 4 && cols == 4) {
      let q = to;
      for (let j: usize = 0; j < 64; j += 16, q += next) {
        sum = add(sum, outputTo(square + j, 64, added, activation, q, line));
      }
    } else {
      for (let j: usize = 0; j < 4; j++) output(square + j * 16, 64, results + j * 16, 64);
      for (let i = 0; i < rows; i++) {
        const s = results + (<usize> i << 6), q = to + <usize> i * line;
        for (let j = 0; j < cols; j++) {
          const value = add(v128.load(s + (<usize> j << 4)), added);
          sum = add(sum, value);
          v128.store(q + <usize> j * next, activate(value, activation));
        }
      }
    }
    if (!areFinite(sum)) computeTile(g, b, y, x, k, filter, mirrored, added, activation);
  }
}

/**
 * Tiles `t0` to `t1` of a convolution.
 *
 * @param g The geometry.
 * @param matrices The transformed filter.
 * @param bias `[columns]`, or 0.
 * @param filter The filter before it was transformed.
 * @param mirrored Whether its taps are in reverse order, and it is `[3, 3, columns, channels]`.
 */
export function winograd(
  g: usize,
  matrices: usize,
  t0: i32,
  t1: i32,
  bias: usize,
  activation: i32,
  filter: usize,
  mirrored: bool,
  scratch: usize,
): void {
  const channels = load<i32>(g, CHANNELS), columns = load<i32>(g, COLUMNS), size = load<i32>(g, BLOCK);
  const panel = <usize> channels << 5, matrix = apart(<usize> ((columns + 7) / 8) * panel);
  const rowBefore = <usize> channels << 2, rowAfter = <usize> columns << 2;
  // Transformed tiles of a block, before and after the products, lie behind the zeros.
  const work = workOf(g, scratch);
  padBias(bias, columns, scratch);
  for (let t = t0; t < t1; t += size) {
    const tiles = min(size, t1 - t);
    const before = apart(<usize> tiles * rowBefore), after = apart(<usize> tiles * rowAfter);
    const products = work + 36 * before;
    for (let i = 0; i < tiles; i++) {
      transformInput(g, t + i, 0, channels, work + <usize> i * rowBefore, before, scratch);
    }
    for (let i: usize = 0; i < 36; i++) {
      multiply(work + i * before, tiles, channels, matrices + i * matrix, columns, products + i * after, scratch);
    }
    runTiles(scratch);
    for (let i = 0; i < tiles; i++) {
      const from = products + <usize> i * rowAfter;
      transformOutput(g, t + i, from, after, bias != 0, activation, filter, mirrored, scratch);
    }
  }
}
