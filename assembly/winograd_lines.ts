/**
 * Convolutions along lines with filters of three and a stride of 1, with half of the multiplications.
 *
 * As in `winograd.ts`, in one dimension: four results come of six pixels by six products a channel.
 * With a dilation, the results of a tile are as far apart as the pixels of the filter. Channels and
 * columns are multiples of 8.
 */
import { BLOCK, CHANNELS, COLUMNS, DILATION, OUT_WIDTH, PAD, TILES, WIDTH } from "./line_table";
import { areFinite, resultsAt, slopesOf } from "./exact";
import { runTiles } from "./machine";
import { ADDRESSES, BIAS, padBias, RESULTS, ZEROS } from "./panel";
import { activate } from "./vector";
import { addProducts } from "./winograd_gradients";
import { multiply, pixel } from "./winograd_tiles";
import { add, filter as transformed, filterSlopes, input, output, outputTo, slopes } from "./winograd_transforms";

/** The start of the scratch memory that nothing else uses. */
@inline
function workOf(g: usize, scratch: usize): usize {
  const zeros = max(max(load<i32>(g, CHANNELS), load<i32>(g, COLUMNS)), 1024);
  return scratch + ZEROS + (<usize> zeros << 2);
}

/** The line of a tile. */
@inline
function lineOf(g: usize, t: i32): i32 {
  return t / (load<i32>(g, TILES) * load<i32>(g, DILATION));
}

/** The place of a tile's first result in its line. */
@inline
function placeOf(g: usize, t: i32, line: i32): i32 {
  const dilation = load<i32>(g, DILATION), i = t - line * load<i32>(g, TILES) * dilation;
  const four = i / dilation;
  return four * 4 * dilation + (i - four * dilation);
}

/** Lists the addresses of `n` pixels of a line; outside, the address of zeros. */
function listPixels(line: usize, width: i32, channels: i32, first: i32, step: i32, n: i32, scratch: usize): void {
  let to = scratch + ADDRESSES;
  for (let i = 0, x = first; i < n; i++, x += step, to += 4) {
    const at = line + (<usize> (x * channels) << 2);
    store<u32>(to, <u32> (<u32> x < <u32> width ? at : scratch + ZEROS));
  }
}

/** Transforms channels `c0` to `c1` of the pixels of a tile: six values, `step` bytes apart. */
function transformInput(g: usize, x: usize, t: i32, c0: i32, c1: i32, to: usize, step: usize, scratch: usize): void {
  const width = load<i32>(g, WIDTH), channels = load<i32>(g, CHANNELS);
  const line = lineOf(g, t), first = placeOf(g, t, line) - load<i32>(g, PAD);
  const from = x + (<usize> (line * width * channels) << 2);
  listPixels(from, width, channels, first, load<i32>(g, DILATION), 6, scratch);
  for (let c = c0; c < c1; c += 4, to += 16) {
    const o = <usize> c << 2;
    const d0 = pixel(scratch, 0, o), d1 = pixel(scratch, 1, o), d2 = pixel(scratch, 2, o);
    input(d0, d1, d2, pixel(scratch, 3, o), pixel(scratch, 4, o), pixel(scratch, 5, o), to, step);
  }
}

/** Transforms the gradient of a tile's results: six values, `step` bytes apart. */
function transformSlopes(g: usize, dy: usize, t: i32, to: usize, step: usize, scratch: usize): void {
  const width = load<i32>(g, OUT_WIDTH), columns = load<i32>(g, COLUMNS), line = lineOf(g, t);
  const from = dy + (<usize> (line * width * columns) << 2);
  listPixels(from, width, columns, placeOf(g, t, line), load<i32>(g, DILATION), 4, scratch);
  for (let k = 0; k < columns; k += 4, to += 16) {
    const o = <usize> k << 2;
    slopes(pixel(scratch, 0, o), pixel(scratch, 1, o), pixel(scratch, 2, o), pixel(scratch, 3, o), to, step);
  }
}

/** Computes four columns of a tile, from `k` on, result by result. */
function computeTile(
  g: usize,
  x: usize,
  line: i32,
  first: i32,
  count: i32,
  k: i32,
  filter: usize,
  mirrored: bool,
  added: v128,
  activation: i32,
  to: usize,
): void {
  const width = load<i32>(g, WIDTH), channels = load<i32>(g, CHANNELS), columns = load<i32>(g, COLUMNS);
  const dilation = load<i32>(g, DILATION), from = x + (<usize> (line * width * channels) << 2);
  for (let i = 0; i < count; i++, to += <usize> (dilation * columns) << 2) {
    const left = first + i * dilation - load<i32>(g, PAD);
    const value = resultsAt(from, 1, width, channels, columns, 0, left, 1, 1, dilation, filter, mirrored, k);
    v128.store(to, activate(add(value, added), activation));
  }
}

/** Transforms products back to the four results of a tile, adds the bias and activates. */
function transformOutput(
  g: usize,
  x: usize,
  y: usize,
  t: i32,
  from: usize,
  step: usize,
  bias: bool,
  activation: i32,
  filter: usize,
  mirrored: bool,
  scratch: usize,
): void {
  const width = load<i32>(g, OUT_WIDTH), columns = load<i32>(g, COLUMNS), dilation = load<i32>(g, DILATION);
  const line = lineOf(g, t), first = placeOf(g, t, line);
  const results = scratch + RESULTS, next = <usize> (dilation * columns) << 2;
  const count = min((width - first + dilation - 1) / dilation, 4);
  let to = y + (<usize> ((line * width + first) * columns) << 2);
  for (let k = 0; k < columns; k += 4, from += 16, to += 16) {
    const added = bias ? v128.load(scratch + BIAS + (<usize> k << 2)) : f32x4.splat(0);
    let sum = f32x4.splat(0);
    if (count == 4) sum = outputTo(from, step, added, activation, to, next);
    else {
      output(from, step, results, 16);
      for (let i = 0; i < count; i++) {
        const value = add(v128.load(results + (<usize> i << 4)), added);
        sum = add(sum, value);
        v128.store(to + <usize> i * next, activate(value, activation));
      }
    }
    if (!areFinite(sum)) computeTile(g, x, line, first, count, k, filter, mirrored, added, activation, to);
  }
}

/**
 * Transforms a filter `[3, channels, columns]` to six matrices, packed in panels of 8 columns.
 *
 * @param mirrored Whether the matrices are `[columns, channels]` of the mirrored filter, for the
 *   input's gradient.
 */
export function winogradLineFilter(w: usize, channels: i32, columns: i32, mirrored: bool, to: usize, scratch: usize): void {
  const tap = <usize> (channels * columns) << 2, products = scratch + RESULTS;
  const rows = mirrored ? columns : channels, width = mirrored ? channels : columns;
  const matrix = <usize> ((width >> 3) * rows) << 5;
  for (let c = 0; c < channels; c++) {
    for (let k = 0; k < columns; k += 4) {
      const from = w + (<usize> (c * columns + k) << 2);
      const g0 = v128.load(from), g1 = v128.load(from + tap), g2 = v128.load(from + 2 * tap);
      if (!mirrored) {
        transformed(g0, g1, g2, to + (<usize> ((k >> 3) * rows + c) << 5) + (<usize> (k & 7) << 2), matrix);
        continue;
      }
      transformed(g2, g1, g0, products, 16);
      let at = to + (<usize> ((c >> 3) * rows + k) << 5) + (<usize> (c & 7) << 2);
      for (let i: usize = 0; i < 6; i++, at += matrix) {
        const x = v128.load(products + i * 16);
        store<f32>(at, f32x4.extract_lane(x, 0));
        store<f32>(at, f32x4.extract_lane(x, 1), 32);
        store<f32>(at, f32x4.extract_lane(x, 2), 64);
        store<f32>(at, f32x4.extract_lane(x, 3), 96);
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
 * @param filter The filter before it was transformed.
 * @param mirrored Whether its taps are in reverse order, and it is `[3, columns, channels]`.
 */
export function winogradLines(
  g: usize,
  x: usize,
  matrices: usize,
  y: usize,
  t0: i32,
  t1: i32,
  bias: usize,
  activation: i32,
  filter: usize,
  mirrored: bool,
  scratch: usize,
): void {
  const channels = load<i32>(g, CHANNELS), columns = load<i32>(g, COLUMNS), size = load<i32>(g, BLOCK);
  const matrix = <usize> (channels * columns) << 2;
  const rowBefore = <usize> channels << 2, rowAfter = <usize> columns << 2;
  const work = workOf(g, scratch);
  padBias(bias, columns, scratch);
  for (let t = t0; t < t1; t += size) {
    const tiles = min(size, t1 - t);
    const before = <usize> tiles * rowBefore, after = <usize> tiles * rowAfter;
    const products = work + 6 * before;
    for (let i = 0; i < tiles; i++) {
      transformInput(g, x, t + i, 0, channels, work + <usize> i * rowBefore, before, scratch);
    }
    for (let i: usize = 0; i < 6; i++) {
      multiply(work + i * before, tiles, channels, matrices + i * matrix, columns, products + i * after, scratch);
    }
    runTiles(scratch);
    for (let i = 0; i < tiles; i++) {
      const from = products + <usize> i * rowAfter;
      transformOutput(g, x, y, t + i, from, after, bias != 0, activation, filter, mirrored, scratch);
    }
  }
}

/** Computes four columns of a channel's gradients of weights, from `k` on, product by product. */
function computeFilterSlopes(g: usize, x: usize, dy: usize, first: i32, last: i32, c: i32, k: i32, dw: usize): void {
  const width = load<i32>(g, WIDTH), channels = load<i32>(g, CHANNELS), dilation = load<i32>(g, DILATION);
  const outWidth = load<i32>(g, OUT_WIDTH), columns = load<i32>(g, COLUMNS);
  for (let tap = 0; tap < 3; tap++) {
    const left = tap * dilation - load<i32>(g, PAD);
    let sum = f32x4.splat(0);
    for (let t = first; t < last && v128.any_true(f32x4.eq(sum, sum)); t++) {
      const line = lineOf(g, t), start = placeOf(g, t, line);
      const count = min((outWidth - start + dilation - 1) / dilation, 4);
      const image = x + (<usize> (line * width * channels + c) << 2);
      const slopes = dy + (<usize> (line * outWidth * columns + k) << 2);
      const part = slopesOf(image, 1, width, channels, slopes, outWidth, columns, 0, 1, 1, start, count, dilation, 1, 0, left);
      sum = add(sum, part);
    }
    v128.store(dw + (<usize> ((tap * channels + c) * columns + k) << 2), sum);
  }
}

/**
 * Channels `c0` to `c1` of the filter's gradient, `[3, channels, columns]`.
 *
 * @param g The geometry.
 * @param first The first of the tiles whose products are summed.
 * @param last The end of those tiles.
 * @param dw The result.
 */
export function winogradLinesFilterGradient(
  g: usize,
  x: usize,
  dy: usize,
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
  // Behind the zeros: six sums of each weight, and the transformed tiles of a block.
  const sums = workOf(g, scratch), sum = <usize> width * rowSlopes;
  const pixels = sums + 6 * sum;
  for (let t = first; t < last; t += size) {
    const some = min(size, last - t);
    const before = <usize> some * rowPixels, after = <usize> some * rowSlopes;
    const transformed = pixels + 6 * before;
    for (let i = 0; i < some; i++) {
      transformInput(g, x, t + i, c0, c1, pixels + <usize> i * rowPixels, before, scratch);
      transformSlopes(g, dy, t + i, transformed + <usize> i * rowSlopes, after, scratch);
    }
    for (let i: usize = 0; i < 6; i++) {
      addProducts(pixels + i * before, width, transformed + i * after, columns, some, sums + i * sum, t == first, scratch);
    }
    runTiles(scratch);
  }
  const tap = <usize> channels * rowSlopes;
  for (let offset: usize = 0; offset < sum; offset += 16) {
    const total = filterSlopes(sums + offset, sum, dw + <usize> c0 * rowSlopes + offset, tap);
    if (areFinite(total)) continue;
    const c = offset / rowSlopes, k = (offset - c * rowSlopes) >> 2;
    computeFilterSlopes(g, x, dy, first, last, c0 + <i32> c, <i32> k, dw);
  }
}
