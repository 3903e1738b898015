/** The gradients of convolutions by Winograd's algorithm: the transposed transforms and products. */
import { ACCUMULATE, block, BLOCK_A, BLOCK_B, listRows, RESULTS } from "./panel";
import { packAcross, packAlong } from "./pack";
import { add, filterSlopes, inputSlopes, slopes } from "./winograd_transforms";
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
  TILES_X,
  TILES_Y,
  WIDTH,
} from "./tile_table";
import { listSquare, pixel, transformInput, workOf } from "./winograd_tiles";

/** Transforms the gradient of a tile's results. */
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

/** Adds the gradient of a tile's pixels to the image. */
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
 * Examples `b0` to `b1` of the input's gradient.
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
  const sums = workOf(g, scratch), sum = <usize> width * rowSlopes;
  const pixels = sums + 36 * sum;
  for (let t = first; t < last; t += size) {
    const some = min(size, last - t);
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
      const todo = t > first ? ACCUMULATE : 0;
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
