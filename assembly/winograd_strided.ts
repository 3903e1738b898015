/**
 * Convolutions with filters of 3 x 3 and a stride of 2, with little more than half of the
 * multiplications.
 *
 * Along each axis, a result is met by two taps on every other pixel and by one tap on those between.
 * Four results of the two taps come of five pixels by five products (Winograd's F(4, 2)), those of the
 * one tap by four: 9 products for 12, and 81 for 144 in two dimensions. Tiles at the end of an axis
 * have three, two or one results, by fewer of the same products: no tile is cut. The gradient of the
 * input is computed in the same way, as even and odd pixels of it are met by two taps and by one. The
 * gradient of the filter is the transposed algorithm.
 *
 * The products of a tile are planes: for each axis five points of interpolation, then what one tap
 * meets. Over all channels, planes of equal taps are one product of matrices, of which there are 36.
 * Channels and columns are multiples of 4.
 */
import { runTiles } from "./machine";
import { areFinite, resultsAt, slopesOf, stridedSlopes } from "./exact";
import { BIAS, BLOCK_A, padBias, POINTS, RESULTS } from "./panel";
import {
  BLOCK,
  CHANNELS,
  COLUMNS,
  HEIGHT,
  OUT_HEIGHT,
  OUT_WIDTH,
  PAD_X,
  PAD_Y,
  SOURCE,
  TARGET,
  TILES_Y,
  WIDTH,
} from "./tile_table";
import { activate } from "./vector";
import { addMatrix } from "./winograd_gradients";
import { add } from "./winograd_transforms";
import { apart, multiply, storeFilter, workOf } from "./winograd_tiles";
import { filterPoints, filterSlopes, hasPoint, pixelPoints, results, slopePoints } from "./winograd_pairs";

/** Points of interpolation. */
const ALL: i32 = 5;
/** Size of a row of points and of a row of results in scratch memory, in bytes. */
const ROW: usize = 80;
const RESULT_ROW: usize = 128;
/** Rows of a product that fit into a block, in whole fours and sixes. */
const ROWS: i32 = 120;

/** The kinds of transforms: of pixels, and of gradients for the gradient of the filter. */
const PIXELS: i32 = 0;
const SLOPES: i32 = 1;

/** The plane of the points, or of the first single taps (`ALL`), along both axes. */
@inline
function planeOf(y: i32, x: i32, my: i32, mx: i32): i32 {
  return y < ALL ? y * (ALL + mx) + x : ALL * (ALL + mx) + (x < ALL ? x * my : ALL * my);
}

/** Number of planes of a tile. */
@inline
function planesOf(my: i32, mx: i32): i32 {
  return (ALL + my) * (ALL + mx);
}

/**
 * Transforms channels `c0` to `c1` of a filter `[3, 3, channels, columns]` to 36 matrices, packed in
 * panels of 8 columns.
 *
 * @param gradient Whether the matrices are `[columns, channels]`, for the input's gradient.
 */
export function stridedFilter(
  w: usize,
  channels: i32,
  columns: i32,
  gradient: bool,
  to: usize,
  c0: i32,
  c1: i32,
  square: usize,
): void {
  const tap = <usize> (channels * columns) << 2, start: usize = gradient ? 2 * tap : 0, end = 2 * tap - start;
  const rows = gradient ? columns : channels, width = gradient ? channels : columns;
  const matrix = apart(<usize> (((width + 7) / 8) * rows) << 5), all = square + 288;
  for (let c = c0; c < c1; c++) {
    for (let k = 0; k < columns; k += 4) {
      const from = w + (<usize> (c * columns + k) << 2);
      for (let i: usize = 0; i < 3; i++) {
        const line = from + (gradient ? 2 - i : i) * 3 * tap;
        filterPoints(v128.load(line + start), v128.load(line + tap), v128.load(line + end), square + i * 96, 16);
      }
      for (let j: usize = 0; j < 6; j++) {
        const s = square + j * 16;
        filterPoints(v128.load(s), v128.load(s, 96), v128.load(s, 192), all + j * 16, 96);
      }
      storeFilter(all, c, k, rows, gradient, to, matrix);
    }
  }
}

/** Copies a window of an image, with zeros outside. */
function copyWindow(
  image: usize,
  height: i32,
  width: i32,
  pixel: usize,
  y: i32,
  x: i32,
  rows: i32,
  columns: i32,
  to: usize,
): void {
  for (let i = y; i < y + rows; i++) {
    for (let j = x; j < x + columns; j++, to += pixel) {
      if (<u32> i < <u32> height && <u32> j < <u32> width) {
        memory.copy(to, image + <usize> (i * width + j) * pixel, pixel);
      } else memory.fill(to, 0, pixel);
    }
  }
}

/** Transforms the values along one axis, `step` bytes apart, and copies those that one tap meets. */
@inline
function transformColumn(
  kind: i32,
  m: i32,
  from: usize,
  step: usize,
  single: usize,
  to: usize,
  next: usize,
  singles: usize,
  nextSingle: usize,
): void {
  if (kind == SLOPES) slopePoints(m, from, step, to, next);
  else pixelPoints(m, from, step, to, next);
  for (let i = 0; i < m; i++, single += step, singles += nextSingle) v128.store(singles, v128.load(single));
}

/**
 * Transforms the channels of a window to planes.
 *
 * @param rows Number of lines of the window.
 * @param line Distance between two lines, in bytes.
 * @param pixel Distance between two pixels.
 * @param stride Pixels between two that the same tap meets.
 * @param first The first pixel that one tap meets.
 * @param bytes Size of the channels.
 * @param plane Distance between two planes.
 */
@inline
function transform(
  kind: i32,
  from: usize,
  rows: i32,
  line: usize,
  pixel: usize,
  stride: usize,
  first: usize,
  my: i32,
  mx: i32,
  bytes: usize,
  to: usize,
  plane: usize,
  square: usize,
): void {
  const nextX = stride * pixel, nextY = stride * line, row = stride * ROW;
  const wide = <usize> (ALL + mx) * plane, lower = to + <usize> ALL * wide, lowest = lower + <usize> (ALL * my) * plane;
  const highRows = <usize> my * plane, lowRows = <usize> mx * plane;
  for (let c: usize = 0; c < bytes; c += 16) {
    const start = from + c;
    let q = start, s = square;
    for (let i = 0; i < rows; i++, q += line, s += ROW) {
      if (kind == SLOPES) slopePoints(mx, q, nextX, s, 16);
      else pixelPoints(mx, q, nextX, s, 16);
    }
    s = square;
    for (let i = 0; i < ALL; i++, s += 16) {
      if (!hasPoint(mx, i)) continue;
      const at = to + c + <usize> i * plane, single = lower + c + <usize> i * highRows;
      transformColumn(kind, my, s, row, s + first * ROW, at, wide, single, plane);
    }
    q = start + first * pixel;
    for (let i = 0; i < mx; i++, q += nextX) {
      const at = to + c + <usize> (ALL + i) * plane, single = lowest + c + <usize> i * plane;
      transformColumn(kind, my, q, nextY, q + first * line, at, wide, single, lowRows);
    }
  }
}

/** Transforms the pixels of a tile of results: every other pixel, from the first line and column on. */
function transformPixels(
  image: usize,
  height: i32,
  width: i32,
  pixel: usize,
  c0: usize,
  bytes: usize,
  y: i32,
  x: i32,
  my: i32,
  mx: i32,
  to: usize,
  plane: usize,
  scratch: usize,
): void {
  const rows = 2 * my + 1, columns = 2 * mx + 1;
  let from = image + <usize> (y * width + x) * pixel, line = <usize> width * pixel;
  if (y < 0 || x < 0 || y + rows > height || x + columns > width) {
    from = scratch + BLOCK_A;
    line = <usize> columns * pixel;
    copyWindow(image, height, width, pixel, y, x, rows, columns, from);
  }
  transform(PIXELS, from + c0, rows, line, pixel, 2, 1, my, mx, bytes, to, plane, scratch + RESULTS);
}

/** Transforms the gradients that meet a tile of the input's gradient. */
function transformNeighbours(
  slopes: usize,
  height: i32,
  width: i32,
  pixel: usize,
  y: i32,
  x: i32,
  my: i32,
  mx: i32,
  to: usize,
  plane: usize,
  scratch: usize,
): void {
  const rows = my + 1, columns = mx + 1;
  let from = slopes + <usize> (y * width + x) * pixel, line = <usize> width * pixel;
  if (y < 0 || x < 0 || y + rows > height || x + columns > width) {
    from = scratch + BLOCK_A;
    line = <usize> columns * pixel;
    copyWindow(slopes, height, width, pixel, y, x, rows, columns, from);
  }
  transform(PIXELS, from, rows, line, pixel, 1, 1, my, mx, pixel, to, plane, scratch + RESULTS);
}

/** Transforms the gradients of a tile of results. */
function transformSlopes(
  from: usize,
  line: usize,
  pixel: usize,
  my: i32,
  mx: i32,
  to: usize,
  plane: usize,
  scratch: usize,
): void {
  transform(SLOPES, from, my, line, pixel, 1, 0, my, mx, pixel, to, plane, scratch + RESULTS);
}

/** Computes four columns of a tile of results, from `k` on, result by result. */
function computeTile(
  g: usize,
  b: i32,
  y: i32,
  x: i32,
  my: i32,
  mx: i32,
  k: i32,
  filter: usize,
  added: v128,
  activation: i32,
): void {
  const height = load<i32>(g, HEIGHT), width = load<i32>(g, WIDTH), channels = load<i32>(g, CHANNELS);
  const outHeight = load<i32>(g, OUT_HEIGHT), outWidth = load<i32>(g, OUT_WIDTH), columns = load<i32>(g, COLUMNS);
  const image = <usize> load<u32>(g, SOURCE) + (<usize> (b * height * width * channels) << 2);
  for (let i = y; i < y + my; i++) {
    for (let j = x; j < x + mx; j++) {
      const top = 2 * i - load<i32>(g, PAD_Y), left = 2 * j - load<i32>(g, PAD_X);
      const value = resultsAt(image, height, width, channels, columns, top, left, 3, 1, 1, filter, false, k);
      const to = <usize> load<u32>(g, TARGET) + (<usize> (((b * outHeight + i) * outWidth + j) * columns + k) << 2);
      v128.store(to, activate(add(value, added), activation));
    }
  }
}

/** Computes four channels of a box of the input's gradient, from `c` on, pixel by pixel. */
function computeGradient(
  g: usize,
  b: i32,
  y0: i32,
  y1: i32,
  x0: i32,
  x1: i32,
  c: i32,
  filter: usize,
): void {
  const height = load<i32>(g, HEIGHT), width = load<i32>(g, WIDTH), channels = load<i32>(g, CHANNELS);
  const outHeight = load<i32>(g, OUT_HEIGHT), outWidth = load<i32>(g, OUT_WIDTH), columns = load<i32>(g, COLUMNS);
  const dy = <usize> load<u32>(g, TARGET) + (<usize> (b * outHeight * outWidth * columns) << 2);
  for (let y = y0; y < y1; y++) {
    for (let x = x0; x < x1; x++) {
      const row = y + load<i32>(g, PAD_Y), column = x + load<i32>(g, PAD_X);
      const value = stridedSlopes(dy, outHeight, outWidth, channels, columns, row, column, filter, c);
      v128.store(<usize> load<u32>(g, SOURCE) + (<usize> (((b * height + y) * width + x) * channels + c) << 2), value);
    }
  }
}

/** Transforms planes to the results of a tile, adds the bias and activates. */
function transformResults(
  g: usize,
  b: i32,
  y: i32,
  x: i32,
  filter: usize,
  from: usize,
  plane: usize,
  my: i32,
  mx: i32,
  columns: i32,
  bias: bool,
  activation: i32,
  to: usize,
  line: usize,
  scratch: usize,
): void {
  const wide = <usize> (ALL + mx) * plane, pixel = <usize> columns << 2;
  const square = scratch + RESULTS, singles = square + ALL * 64, sums = singles + 256;
  for (let k: usize = 0; k < pixel; k += 16, from += 16, to += 16) {
    for (let i = 0; i < ALL; i++) {
      if (!hasPoint(my, i)) continue;
      const row = from + <usize> i * wide, s = square + (<usize> i << 6);
      results(mx, row, plane, s, 16);
      for (let j: usize = 0; j < <usize> mx; j++) {
        const single = v128.load(row + (<usize> ALL + j) * plane);
        v128.store(s + (j << 4), add(v128.load(s + (j << 4)), single));
      }
    }
    const lower = from + <usize> ALL * wide, lowest = lower + <usize> (ALL * my) * plane;
    for (let i = 0; i < my; i++) {
      const s = singles + (<usize> i << 6), row = lowest + <usize> (i * mx) * plane;
      results(mx, lower + <usize> i * plane, <usize> my * plane, s, 16);
      for (let j: usize = 0; j < <usize> mx; j++) {
        v128.store(s + (j << 4), add(v128.load(s + (j << 4)), v128.load(row + j * plane)));
      }
    }
    const added = bias ? v128.load(scratch + BIAS + k) : f32x4.splat(0);
    let total = f32x4.splat(0);
    for (let j: usize = 0; j < <usize> mx; j++) {
      results(my, square + (j << 4), 64, sums, 16);
      let at = to + j * pixel;
      for (let i: usize = 0; i < <usize> my; i++, at += line) {
        const sum = add(v128.load(sums + (i << 4)), v128.load(singles + (i << 6) + (j << 4)));
        const value = add(sum, added);
        total = add(total, value);
        v128.store(at, activate(value, activation));
      }
    }
    if (!areFinite(total)) computeTile(g, b, y, x, my, mx, <i32> (k >> 2), filter, added, activation);
  }
}

/**
 * Transforms planes to a tile of the input's gradient, whose first pixel is at `y`, `x`.
 */
function transformGradient(
  g: usize,
  b: i32,
  filter: usize,
  from: usize,
  plane: usize,
  my: i32,
  mx: i32,
  image: usize,
  height: i32,
  width: i32,
  channels: i32,
  y: i32,
  x: i32,
  scratch: usize,
): void {
  const wide = <usize> (ALL + mx) * plane, pixel = <usize> channels << 2, line = <usize> width * pixel;
  const square = scratch + RESULTS, singles = square + ALL * RESULT_ROW, sums = singles + 4 * RESULT_ROW;
  const y0 = max(-y, 0), y1 = min(height - y, 2 * my), x0 = max(-x, 0), x1 = min(width - x, 2 * mx);
  const first = image + <usize> ((y + y0) * width + x + x0) * pixel;
  for (let c: usize = 0; c < pixel; c += 16, from += 16) {
    for (let i = 0; i < ALL; i++) {
      if (!hasPoint(my, i)) continue;
      const row = from + <usize> i * wide, s = square + <usize> i * RESULT_ROW;
      results(mx, row, plane, s, 32);
      for (let j: usize = 0; j < <usize> mx; j++) v128.store(s + (j << 5), v128.load(row + (<usize> ALL + j) * plane), 16);
    }
    const lower = from + <usize> ALL * wide, lowest = lower + <usize> (ALL * my) * plane;
    for (let i = 0; i < my; i++) {
      const s = singles + <usize> i * RESULT_ROW, row = lowest + <usize> (i * mx) * plane;
      results(mx, lower + <usize> i * plane, <usize> my * plane, s, 32);
      for (let j: usize = 0; j < <usize> mx; j++) v128.store(s + (j << 5), v128.load(row + j * plane), 16);
    }
    let to = first + c, total = f32x4.splat(0);
    for (let j = x0; j < x1; j++, to += pixel) {
      const column = <usize> j << 4;
      results(my, square + column, RESULT_ROW, sums, 16);
      let at = to;
      for (let i = y0; i < y1; i++, at += line) {
        const half = <usize> i >> 1;
        const value = v128.load(i & 1 ? singles + half * RESULT_ROW + column : sums + (half << 4));
        total = add(total, value);
        v128.store(at, value);
      }
    }
    if (!areFinite(total)) computeGradient(g, b, y + y0, y + y1, x + x0, x + x1, <i32> (c >> 2), filter);
  }
}

/** Number of rows of a plane: an odd number, so that planes do not share a set of the cache. */
@inline
function rowsFor(tiles: i32): i32 {
  return tiles | 1;
}

/** Multiplies all planes, of so many rows, with their matrices. */
function multiplyPlanes(
  from: usize,
  rows: i32,
  my: i32,
  mx: i32,
  depth: i32,
  matrices: usize,
  columns: i32,
  to: usize,
  scratch: usize,
): void {
  const before = <usize> depth << 2, after = <usize> columns << 2;
  const matrix = apart((<usize> ((columns + 7) / 8) * <usize> depth) << 5);
  for (let y = 0; y <= ALL; y++) {
    for (let x = 0; x <= ALL; x++) {
      if (!hasPoint(my, y) || !hasPoint(mx, x)) continue;
      const first = planeOf(y, x, my, mx) * rows;
      const last = first + (y < ALL ? 1 : my) * (x < ALL ? 1 : mx) * rows;
      const b = matrices + <usize> (y * 6 + x) * matrix;
      for (let row = first; row < last; row += ROWS) {
        const some = min(ROWS, last - row);
        multiply(from + <usize> row * before, some, depth, b, columns, to + <usize> row * after, scratch);
      }
    }
  }
  runTiles(scratch);
}

/** Number of results of a tile along an axis: of full tiles, or of the last one. */
@inline
function sizeOf(isRest: i32, all: i32): i32 {
  return isRest ? all & 3 : all >> 2 ? 4 : 0;
}

/** Whether the tiles of a line have the size of a kind along the height. */
@inline
function isOfKind(line: i32, tilesY: i32, allY: i32, isRest: i32): bool {
  return (line % tilesY < allY >> 2) != (isRest != 0);
}

/** Lists the tiles of a kind in lines from `line` on, up to `size`; returns the line after them. */
function listTiles(
  line: i32,
  last: i32,
  tilesY: i32,
  allY: i32,
  allX: i32,
  restY: i32,
  restX: i32,
  size: i32,
  scratch: usize,
): i32 {
  // The number of tiles, and the column of the next one, stay in front of the list.
  let column = load<i32>(scratch + POINTS, 4), count = 0, to = scratch + POINTS + 16;
  const start = restX ? allX >> 2 : 0, end = restX ? start + 1 : allX >> 2;
  while (line < last) {
    if (isOfKind(line, tilesY, allY, restY)) {
      for (column = max(column, start); column < end && count < size; column++, count++, to += 8) {
        store<i32>(to, line);
        store<i32>(to, column * 4, 4);
      }
      if (column < end) break;
    }
    column = 0;
    line++;
  }
  store<i32>(scratch + POINTS, count);
  store<i32>(scratch + POINTS, column, 4);
  return line;
}

/** The line of a listed tile. */
@inline
function lineOf(i: i32, scratch: usize): i32 {
  return load<i32>(scratch + POINTS + (<usize> i << 3), 16);
}

/** The column of a listed tile. */
@inline
function columnOf(i: i32, scratch: usize): i32 {
  return load<i32>(scratch + POINTS + (<usize> i << 3), 20);
}

/**
 * Lines of tiles `l0` to `l1` of a convolution, or of the input's gradient.
 *
 * @param g The geometry; for the gradient its source is the result, its target the gradients.
 * @param matrices The transformed filter.
 * @param gradient Whether the gradient of the input is computed.
 * @param bias `[columns]`, or 0.
 * @param filter The filter before it was transformed.
 */
export function winogradStrided(
  g: usize,
  matrices: usize,
  gradient: bool,
  l0: i32,
  l1: i32,
  bias: usize,
  activation: i32,
  filter: usize,
  scratch: usize,
): void {
  const height = load<i32>(g, HEIGHT), width = load<i32>(g, WIDTH), channels = load<i32>(g, CHANNELS);
  const outHeight = load<i32>(g, OUT_HEIGHT), outWidth = load<i32>(g, OUT_WIDTH), columns = load<i32>(g, COLUMNS);
  const padY = load<i32>(g, PAD_Y), padX = load<i32>(g, PAD_X), size = load<i32>(g, BLOCK);
  const tilesY = load<i32>(g, TILES_Y);
  const allY = gradient ? (padY + height + 1) >> 1 : outHeight, allX = gradient ? (padX + width + 1) >> 1 : outWidth;
  const pixel = <usize> channels << 2, result = <usize> columns << 2;
  const image = <usize> (height * width) * pixel, image1 = <usize> (outHeight * outWidth) * result;
  const depth = gradient ? columns : channels, outputs = gradient ? channels : columns;
  const before = <usize> depth << 2, after = <usize> outputs << 2, work = workOf(g, scratch);
  const list = scratch + POINTS;
  padBias(bias, outputs, scratch);
  for (let kind = 0; kind < 4; kind++) {
    const restY = kind & 1, restX = kind >> 1, my = sizeOf(restY, allY), mx = sizeOf(restX, allX);
    if (my == 0 || mx == 0) continue;
    store<i32>(list, 0, 4);
    for (let line = l0; line < l1;) {
      line = listTiles(line, l1, tilesY, allY, allX, restY, restX, size, scratch);
      const tiles = load<i32>(list), rows = rowsFor(tiles);
      const products = work + <usize> (planesOf(my, mx) * rows) * before;
      for (let i = 0; i < tiles; i++) {
        const l = lineOf(i, scratch), x = columnOf(i, scratch);
        const b = l / tilesY, y = (l - b * tilesY) * 4, to = work + <usize> i * before;
        const plane = <usize> rows * before;
        if (gradient) {
          const slopes = <usize> load<u32>(g, TARGET) + <usize> b * image1;
          transformNeighbours(slopes, outHeight, outWidth, result, y - 1, x - 1, my, mx, to, plane, scratch);
        } else {
          const from = <usize> load<u32>(g, SOURCE) + <usize> b * image;
          const top = 2 * y - padY, left = 2 * x - padX;
          transformPixels(from, height, width, pixel, 0, pixel, top, left, my, mx, to, plane, scratch);
        }
      }
      multiplyPlanes(work, rows, my, mx, depth, matrices, outputs, products, scratch);
      for (let i = 0; i < tiles; i++) {
        const l = lineOf(i, scratch), x = columnOf(i, scratch);
        const b = l / tilesY, y = (l - b * tilesY) * 4, from = products + <usize> i * after;
        const plane = <usize> rows * after;
        if (gradient) {
          const to = <usize> load<u32>(g, SOURCE) + <usize> b * image;
          const top = 2 * y - padY, left = 2 * x - padX;
          transformGradient(g, b, filter, from, plane, my, mx, to, height, width, channels, top, left, scratch);
        } else {
          const to = <usize> load<u32>(g, TARGET) + <usize> b * image1 + <usize> (y * outWidth + x) * result;
          const down = <usize> outWidth * result;
          transformResults(g, b, y, x, filter, from, plane, my, mx, columns, bias != 0, activation, to, down, scratch);
        }
      }
    }
  }
}

/** Computes four columns of a channel's gradients of weights, from `k` on, product by product. */
function computeFilterSlopes(g: usize, first: i32, last: i32, c: i32, k: i32, dw: usize): void {
  const height = load<i32>(g, HEIGHT), width = load<i32>(g, WIDTH), channels = load<i32>(g, CHANNELS);
  const outHeight = load<i32>(g, OUT_HEIGHT), outWidth = load<i32>(g, OUT_WIDTH), columns = load<i32>(g, COLUMNS);
  const pixels = <usize> load<u32>(g, SOURCE) + (<usize> c << 2), slopes = <usize> load<u32>(g, TARGET) + (<usize> k << 2);
  const tilesY = load<i32>(g, TILES_Y);
  for (let tap = 0; tap < 9; tap++) {
    const top = tap / 3 - load<i32>(g, PAD_Y), left = tap % 3 - load<i32>(g, PAD_X);
    let sum = f32x4.splat(0);
    for (let line = first; line < last && v128.any_true(f32x4.eq(sum, sum)); line++) {
      const b = line / tilesY, y = (line - b * tilesY) * 4, rows = min(4, outHeight - y);
      const image = pixels + (<usize> (b * height * width * channels) << 2);
      const dy = slopes + (<usize> (b * outHeight * outWidth * columns) << 2);
      const part = slopesOf(image, height, width, channels, dy, outWidth, columns, y, rows, 1, 0, outWidth, 1, 2, top, left);
      sum = add(sum, part);
    }
    v128.store(dw + (<usize> ((tap * channels + c) * columns + k) << 2), sum);
  }
}

/** Sets the last row of each plane to zeros. */
function clearLast(from: usize, planes: i32, plane: usize, row: usize): void {
  for (let i = 0; i < planes; i++, from += plane) memory.fill(from + plane - row, 0, row);
}

/**
 * Channels `c0` to `c1` of the filter's gradient, `[3, 3, channels, columns]`.
 *
 * @param g The geometry; its target is the gradient of the results.
 * @param first The first of the lines of tiles whose products are summed.
 * @param last The end of those lines.
 * @param dw The result.
 */
export function winogradStridedFilterGradient(
  g: usize,
  first: i32,
  last: i32,
  dw: usize,
  c0: i32,
  c1: i32,
  scratch: usize,
): void {
  const height = load<i32>(g, HEIGHT), width = load<i32>(g, WIDTH), channels = load<i32>(g, CHANNELS);
  const outHeight = load<i32>(g, OUT_HEIGHT), outWidth = load<i32>(g, OUT_WIDTH), columns = load<i32>(g, COLUMNS);
  const tilesY = load<i32>(g, TILES_Y), size = load<i32>(g, BLOCK), some = c1 - c0;
  if (some <= 0) return;
  const pixel = <usize> channels << 2, rowPixels = <usize> some << 2, row = <usize> columns << 2;
  const image = <usize> (height * width) * pixel, slopes = <usize> (outHeight * outWidth) * row;
  const padY = load<i32>(g, PAD_Y), padX = load<i32>(g, PAD_X), list = scratch + POINTS;
  // Behind the zeros: 36 sums of each weight, and the transformed tiles of a block.
  const sums = workOf(g, scratch), sum = apart(<usize> some * row), pixels = sums + 36 * sum;
  memory.fill(sums, 0, 36 * sum);
  for (let kind = 0; kind < 4; kind++) {
    const restY = kind & 1, restX = kind >> 1, my = sizeOf(restY, outHeight), mx = sizeOf(restX, outWidth);
    if (my == 0 || mx == 0) continue;
    store<i32>(list, 0, 4);
    for (let line = first; line < last;) {
      line = listTiles(line, last, tilesY, outHeight, outWidth, restY, restX, size, scratch);
      const tiles = load<i32>(list), rows = rowsFor(tiles);
      const planeX = <usize> rows * rowPixels, plane = <usize> rows * row;
      const transformed = pixels + <usize> planesOf(my, mx) * planeX;
      if (rows > tiles) {
        clearLast(pixels, planesOf(my, mx), planeX, rowPixels);
        clearLast(transformed, planesOf(my, mx), plane, row);
      }
      for (let i = 0; i < tiles; i++) {
        const l = lineOf(i, scratch), x = columnOf(i, scratch);
        const b = l / tilesY, y = (l - b * tilesY) * 4;
        const from = <usize> load<u32>(g, SOURCE) + <usize> b * image, to = pixels + <usize> i * rowPixels;
        const top = 2 * y - padY, left = 2 * x - padX, start = <usize> c0 << 2;
        transformPixels(from, height, width, pixel, start, rowPixels, top, left, my, mx, to, planeX, scratch);
        const dy = <usize> load<u32>(g, TARGET) + <usize> b * slopes + <usize> (y * outWidth + x) * row;
        transformSlopes(dy, <usize> outWidth * row, row, my, mx, transformed + <usize> i * row, plane, scratch);
      }
      for (let y = 0; y <= ALL; y++) {
        for (let x = 0; x <= ALL; x++) {
          if (!hasPoint(my, y) || !hasPoint(mx, x)) continue;
          const at = <usize> planeOf(y, x, my, mx), all = (y < ALL ? 1 : my) * (x < ALL ? 1 : mx) * rows;
          const to = sums + <usize> (y * 6 + x) * sum;
          addMatrix(pixels + at * planeX, some, transformed + at * plane, columns, all, to, false, scratch);
        }
      }
      runTiles(scratch);
    }
  }
  const tap = <usize> channels * row, square = scratch + RESULTS;
  for (let offset: usize = 0; offset < <usize> some * row; offset += 16) {
    const from = sums + offset, to = dw + <usize> c0 * row + offset;
    for (let i: usize = 0; i < 6; i++) filterSlopes(from + i * 6 * sum, sum, square + i * 48, 16);
    let total = f32x4.splat(0);
    for (let j: usize = 0; j < 3; j++) total = add(total, filterSlopes(square + j * 16, 48, to + j * tap, 3 * tap));
    if (areFinite(total)) continue;
    const c = offset / row, k = (offset - c * row) >> 2;
    computeFilterSlopes(g, first, last, c0 + <i32> c, <i32> k, dw);
  }
}
