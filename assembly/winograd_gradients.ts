/** The gradients of convolutions by Winograd's algorithm: the transposed transforms and products. */
import { areFinite, resultsAt, slopesOf } from "./exact";
import { madd } from "./vector";
import { multiplyTiles, runTiles, usesTiles } from "./machine";
import { ACCUMULATE, block, BLOCK_A, BLOCK_B, KC, listRows, MC, RESULTS } from "./panel";
import { packAlong } from "./pack";
import { multiplySix, rowsInSixes } from "./six_rows";
import { add, filterSlopes, inputSlopes, slopes } from "./winograd_transforms";
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
import { apart, countFrom, FEW, listSquare, multiply, pixel, placeOf, transformInput, workOf } from "./winograd_tiles";

/** Transforms the gradient of a tile's results. */
function transformSlopes(g: usize, t: i32, to: usize, step: usize, scratch: usize): void {
  const height = load<i32>(g, OUT_HEIGHT), width = load<i32>(g, OUT_WIDTH);
  const columns = load<i32>(g, COLUMNS);
  const tilesX = load<i32>(g, TILES_X), tilesY = load<i32>(g, TILES_Y);
  const row = t / tilesX, b = row / tilesY;
  const image = <usize> load<u32>(g, TARGET) + (<usize> (b * height * width * columns) << 2);
  const dy = load<i32>(g, DILATION_Y), dx = load<i32>(g, DILATION_X);
  const y = placeOf(row - b * tilesY, dy), x = placeOf(t - row * tilesX, dx);
  const inside = y + 3 * dy < height && x + 3 * dx < width;
  if (!inside) listSquare(image, height, width, columns, y, x, 4, dy, dx, scratch);
  const p1 = <usize> (dx * columns) << 2, p2 = p1 << 1, p3 = p1 + p2;
  const line = <usize> (dy * width * columns) << 2, corner = image + (<usize> ((y * width + x) * columns) << 2);
  const square = scratch + RESULTS;
  for (let k = 0; k < columns; k += 4, to += 16) {
    const o = <usize> k << 2;
    let q = corner + o;
    for (let i = 0; i < 4; i++, q += line) {
      const p = i * 4;
      if (inside) {
        const d0 = v128.load(q), d1 = v128.load(q + p1), d2 = v128.load(q + p2);
        slopes(d0, d1, d2, v128.load(q + p3), square + <usize> i * 96, 16);
        continue;
      }
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

/** Adds the gradient of a tile's pixels to the image; returns whether it is finite. */
function addInputSlopes(g: usize, t: i32, from: usize, step: usize, scratch: usize): bool {
  const height = load<i32>(g, HEIGHT), width = load<i32>(g, WIDTH), channels = load<i32>(g, CHANNELS);
  const tilesX = load<i32>(g, TILES_X), tilesY = load<i32>(g, TILES_Y);
  const row = t / tilesX, b = row / tilesY;
  const dy = load<i32>(g, DILATION_Y), dx = load<i32>(g, DILATION_X);
  const y = placeOf(row - b * tilesY, dy) - load<i32>(g, PAD_Y), x = placeOf(t - row * tilesX, dx) - load<i32>(g, PAD_X);
  const square = scratch + RESULTS, results = square + 576;
  const image = <usize> load<u32>(g, SOURCE) + (<usize> (b * height * width * channels) << 2);
  const next = <usize> (dx * channels) << 2;
  const i0 = max(dy - 1 - y, 0) / dy, i1 = min((height - y + dy - 1) / dy, 6);
  const j0 = max(dx - 1 - x, 0) / dx, j1 = min((width - x + dx - 1) / dx, 6);
  let sum = f32x4.splat(0);
  for (let c = 0; c < channels; c += 4, from += 16) {
    for (let i: usize = 0; i < 6; i++) inputSlopes(from + i * 6 * step, step, square + i * 96, 16);
    for (let j: usize = 0; j < 6; j++) sum = add(sum, inputSlopes(square + j * 16, 96, results + j * 16, 96));
    for (let i = i0; i < i1; i++) {
      let at = image + (<usize> (((y + i * dy) * width + x + j0 * dx) * channels + c) << 2);
      let part = results + (<usize> (i * 6 + j0) << 4);
      for (let j = j0; j < j1; j++, at += next, part += 16) v128.store(at, add(v128.load(at), v128.load(part)));
    }
  }
  return areFinite(sum);
}

/** Computes those of an example's gradients that are not finite one by one. */
function mendInputSlopes(g: usize, b: i32, filter: usize): void {
  const height = load<i32>(g, HEIGHT), width = load<i32>(g, WIDTH), channels = load<i32>(g, CHANNELS);
  const outHeight = load<i32>(g, OUT_HEIGHT), outWidth = load<i32>(g, OUT_WIDTH), columns = load<i32>(g, COLUMNS);
  const dy = <usize> load<u32>(g, TARGET) + (<usize> (b * outHeight * outWidth * columns) << 2);
  let at = <usize> load<u32>(g, SOURCE) + (<usize> (b * height * width * channels) << 2);
  const dilationY = load<i32>(g, DILATION_Y), dilationX = load<i32>(g, DILATION_X);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const top = y + load<i32>(g, PAD_Y) - 2 * dilationY, left = x + load<i32>(g, PAD_X) - 2 * dilationX;
      for (let c = 0; c < channels; c += 4, at += 16) {
        if (areFinite(v128.load(at))) continue;
        v128.store(at, resultsAt(dy, outHeight, outWidth, columns, channels, top, left, 3, dilationY, dilationX, filter, true, c));
      }
    }
  }
}

/**
 * Examples `b0` to `b1` of the input's gradient.
 *
 * @param g The geometry; its source is the result, its target the gradient of the results.
 * @param matrices The transformed filter, transposed.
 * @param filter The filter before it was transformed.
 */
export function winogradInputGradient(g: usize, matrices: usize, b0: i32, b1: i32, filter: usize, scratch: usize): void {
  const channels = load<i32>(g, CHANNELS), columns = load<i32>(g, COLUMNS), size = load<i32>(g, BLOCK);
  const image = <usize> (load<i32>(g, HEIGHT) * load<i32>(g, WIDTH) * channels) << 2;
  memory.fill(<usize> load<u32>(g, SOURCE) + <usize> b0 * image, 0, <usize> (b1 - b0) * image);
  const panel = <usize> columns << 5, matrix = apart(<usize> ((channels + 7) / 8) * panel);
  const rowSlopes = <usize> columns << 2, rowPixels = <usize> channels << 2;
  const work = workOf(g, scratch);
  const tilesOfOne = load<i32>(g, TILES_Y) * load<i32>(g, TILES_X), last = b1 * tilesOfOne;
  let finite = true;
  for (let t = b0 * tilesOfOne; t < last; t += size) {
    const tiles = min(size, last - t);
    const before = apart(<usize> tiles * rowSlopes), after = apart(<usize> tiles * rowPixels);
    const products = work + 36 * before;
    for (let i = 0; i < tiles; i++) transformSlopes(g, t + i, work + <usize> i * rowSlopes, before, scratch);
    for (let i: usize = 0; i < 36; i++) {
      multiply(work + i * before, tiles, columns, matrices + i * matrix, channels, products + i * after, scratch);
    }
    runTiles(scratch);
    for (let i = 0; i < tiles; i++) {
      if (!addInputSlopes(g, t + i, products + <usize> i * rowPixels, after, scratch)) finite = false;
    }
  }
  for (let b = b0; b < b1 && !finite; b++) mendInputSlopes(g, b, filter);
}

/** `to += x' dy`, of `n` rows `[width]` and `[columns]`, or `to = x' dy`: multiples of 4 and 8; then {@linkcode runTiles}. */
export function addProducts(
  x: usize,
  width: i32,
  dy: usize,
  columns: i32,
  n: i32,
  to: usize,
  clears: bool,
  scratch: usize,
): void {
  const stepX = <usize> width << 2, step = <usize> columns << 2;
  const sixes = rowsInSixes(width), todo = clears ? 0 : ACCUMULATE;
  if (usesTiles(width, columns, n)) {
    multiplyTiles(x, 4, 16, stepX, width, n, dy, step, 32, columns, to, step, 0, todo, scratch);
    return;
  }
  for (let k: usize = 0; k < step; k += 32) {
    let c = 0;
    for (; c < sixes; c += 6) {
      multiplySix(x + (<usize> c << 2), 4, stepX, n, dy + k, step, to + <usize> c * step + k, step, 0, todo);
    }
    for (; c < width; c += 4) {
      const t0 = to + <usize> c * step + k, t1 = t0 + step, t2 = t1 + step, t3 = t2 + step;
      let x00 = f32x4.splat(0), x01 = x00;
      let x10 = x00, x11 = x00;
      let x20 = x00, x21 = x00;
      let x30 = x00, x31 = x00;
      let p = x + (<usize> c << 2), q = dy + k;
      for (const end = q + <usize> n * step; q < end; q += step, p += stepX) {
        const column = v128.load(p);
        const b0 = v128.load(q), b1 = v128.load(q, 16);
        const a0 = v128.shuffle<f32>(column, column, 0, 0, 0, 0);
        x00 = madd(a0, b0, x00);
        x01 = madd(a0, b1, x01);
        const a1 = v128.shuffle<f32>(column, column, 1, 1, 1, 1);
        x10 = madd(a1, b0, x10);
        x11 = madd(a1, b1, x11);
        const a2 = v128.shuffle<f32>(column, column, 2, 2, 2, 2);
        x20 = madd(a2, b0, x20);
        x21 = madd(a2, b1, x21);
        const a3 = v128.shuffle<f32>(column, column, 3, 3, 3, 3);
        x30 = madd(a3, b0, x30);
        x31 = madd(a3, b1, x31);
      }
      if (!clears) {
        x00 = add(x00, v128.load(t0));
        x01 = add(x01, v128.load(t0, 16));
        x10 = add(x10, v128.load(t1));
        x11 = add(x11, v128.load(t1, 16));
        x20 = add(x20, v128.load(t2));
        x21 = add(x21, v128.load(t2, 16));
        x30 = add(x30, v128.load(t3));
        x31 = add(x31, v128.load(t3, 16));
      }
      v128.store(t0, x00);
      v128.store(t0, x01, 16);
      v128.store(t1, x10);
      v128.store(t1, x11, 16);
      v128.store(t2, x20);
      v128.store(t2, x21, 16);
      v128.store(t3, x30);
      v128.store(t3, x31, 16);
    }
  }
}

/** `to += x' dy`, of `rows` rows `[width]` and `[columns]`, or `to = x' dy`: multiples of 4; then {@linkcode runTiles}. */
export function addMatrix(
  x: usize,
  width: i32,
  dy: usize,
  columns: i32,
  rows: i32,
  to: usize,
  clears: bool,
  scratch: usize,
): void {
  const stays = (columns & 7) == 0;
  if (stays && (max(width, columns) <= FEW || usesTiles(width, columns, rows))) {
    addProducts(x, width, dy, columns, rows, to, clears, scratch);
    return;
  }
  const rowX = <usize> width << 2, row = <usize> columns << 2;
  for (let k = 0; k < rows; k += KC) {
    const some = min(KC, rows - k), panel = <usize> some << 5, todo = clears && k == 0 ? 0 : ACCUMULATE;
    packAlong(dy + <usize> k * row, row, columns, some, 8, scratch + BLOCK_B, panel);
    for (let c = 0; c < width; c += MC) {
      const part = min(MC, width - c), from = x + <usize> k * rowX + (<usize> c << 2);
      packAlong(from, rowX, part, some, 4, scratch + BLOCK_A, <usize> some << 4);
      listRows(to + <usize> c * row, part, row, scratch);
      block(part, columns, some, scratch + BLOCK_B, 32, panel, 0, todo, scratch);
    }
  }
}

/** Computes four columns of a channel's gradients of weights, from `k` on, product by product. */
function computeFilterSlopes(g: usize, first: i32, last: i32, c: i32, k: i32, dw: usize): void {
  const height = load<i32>(g, HEIGHT), width = load<i32>(g, WIDTH), channels = load<i32>(g, CHANNELS);
  const outHeight = load<i32>(g, OUT_HEIGHT), outWidth = load<i32>(g, OUT_WIDTH), columns = load<i32>(g, COLUMNS);
  const tilesX = load<i32>(g, TILES_X), tilesY = load<i32>(g, TILES_Y);
  const pixels = <usize> load<u32>(g, SOURCE) + (<usize> c << 2), slopes = <usize> load<u32>(g, TARGET) + (<usize> k << 2);
  const down = load<i32>(g, DILATION_Y), step = load<i32>(g, DILATION_X);
  for (let tap = 0; tap < 9; tap++) {
    const top = tap / 3 * down - load<i32>(g, PAD_Y), left = tap % 3 * step - load<i32>(g, PAD_X);
    let sum = f32x4.splat(0);
    for (let t = first; t < last && v128.any_true(f32x4.eq(sum, sum)); t++) {
      const row = t / tilesX, b = row / tilesY;
      const y = placeOf(row - b * tilesY, down), x = placeOf(t - row * tilesX, step);
      const image = pixels + (<usize> (b * height * width * channels) << 2);
      const dy = slopes + (<usize> (b * outHeight * outWidth * columns) << 2);
      const rows = countFrom(y, outHeight, down), cols = countFrom(x, outWidth, step);
      const part = slopesOf(image, height, width, channels, dy, outWidth, columns, y, rows, down, x, cols, step, 1, top, left);
      sum = add(sum, part);
    }
    v128.store(dw + (<usize> ((tap * channels + c) * columns + k) << 2), sum);
  }
}

/**
 * Channels `c0` to `c1` of the filter's gradient, `[3, 3, channels, columns]`.
 *
 * @param g The geometry; its target is the gradient of the results.
 * @param first The first of the tiles whose products are summed.
 * @param last The end of those tiles.
 * @param dw The result.
 */
export function winogradFilterGradient(
  g: usize,
  first: i32,
  last: i32,
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
  const sums = workOf(g, scratch), sum = apart(<usize> width * rowSlopes);
  const pixels = sums + 36 * sum;
  for (let t = first; t < last; t += size) {
    const some = min(size, last - t);
    const before = apart(<usize> some * rowPixels), after = apart(<usize> some * rowSlopes);
    const slopes = pixels + 36 * before;
    for (let i = 0; i < some; i++) {
      transformInput(g, t + i, c0, c1, pixels + <usize> i * rowPixels, before, scratch);
      transformSlopes(g, t + i, slopes + <usize> i * rowSlopes, after, scratch);
    }
    for (let i: usize = 0; i < 36; i++) {
      const dy = slopes + i * after, to = sums + i * sum;
      addMatrix(pixels + i * before, width, dy, columns, some, to, t == first, scratch);
    }
    runTiles(scratch);
  }
  const tap = <usize> channels * rowSlopes, square = scratch + RESULTS;
  for (let c = 0; c < width; c++) {
    for (let k = 0; k < columns; k += 4) {
      const offset = <usize> c * rowSlopes + (<usize> k << 2);
      const from = sums + offset;
      const to = dw + <usize> c0 * rowSlopes + offset;
      for (let i: usize = 0; i < 6; i++) filterSlopes(from + i * 6 * sum, sum, square + i * 48, 16);
      let sum = f32x4.splat(0);
      for (let j: usize = 0; j < 3; j++) sum = add(sum, filterSlopes(square + j * 16, 48, to + j * tap, 3 * tap));
      if (!areFinite(sum)) computeFilterSlopes(g, first, last, c0 + c, k, dw);
    }
  }
}
