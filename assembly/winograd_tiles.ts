/**
 * Tiles of an image for Winograd's algorithm: the addresses of their pixels, and their transform.
 *
 * The geometry is a table of 32-bit integers, which `src/backend/kernels/winograd.ts` writes.
 */
import { tile } from "./direct";
import { packAcross } from "./pack";
import { ADDRESSES, block, BLOCK_A, listRows, RESULTS, ZEROS } from "./panel";
import { CHANNELS, COLUMNS, HEIGHT, PAD_X, PAD_Y, SOURCE, TILES_X, TILES_Y, WIDTH } from "./tile_table";
import { input } from "./winograd_transforms";

/** The start of the scratch memory that nothing else uses. */
@inline
export function workOf(g: usize, scratch: usize): usize {
  const zeros = max(max(load<i32>(g, CHANNELS), load<i32>(g, COLUMNS)), 1024);
  return scratch + ZEROS + (<usize> zeros << 2);
}

/** Lists the addresses of a square of pixels; outside the image, the address of zeros. */
export function listSquare(
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
export function pixel(scratch: usize, i: i32, offset: usize): v128 {
  return v128.load(<usize> load<u32>(scratch + ADDRESSES + (<usize> i << 2)) + offset);
}

/** Transforms channels `c0` to `c1` of the pixels of a tile: 36 values, `step` bytes apart. */
export function transformInput(g: usize, t: i32, c0: i32, c1: i32, to: usize, step: usize, scratch: usize): void {
  const height = load<i32>(g, HEIGHT), width = load<i32>(g, WIDTH), channels = load<i32>(g, CHANNELS);
  const tilesX = load<i32>(g, TILES_X), tilesY = load<i32>(g, TILES_Y);
  const row = t / tilesX, b = row / tilesY;
  const y = (row - b * tilesY) * 4 - load<i32>(g, PAD_Y), x = (t - row * tilesX) * 4 - load<i32>(g, PAD_X);
  const image = <usize> load<u32>(g, SOURCE) + (<usize> (b * height * width * channels) << 2);
  // Most tiles lie within the image: their pixels need no list.
  const inside = y >= 0 && x >= 0 && y + 6 <= height && x + 6 <= width;
  if (!inside) listSquare(image, height, width, channels, y, x, 6, scratch);
  const p1 = <usize> channels << 2, p2 = p1 << 1, p3 = p1 + p2, p4 = p2 << 1, p5 = p4 + p1;
  const line = <usize> width * p1, corner = image + (<usize> ((y * width + x) * channels) << 2);
  const square = scratch + RESULTS;
  for (let c = c0; c < c1; c += 4, to += 16) {
    const o = <usize> c << 2;
    let q = corner + o;
    for (let i = 0; i < 6; i++, q += line) {
      const p = i * 6;
      if (inside) {
        input(
          v128.load(q),
          v128.load(q + p1),
          v128.load(q + p2),
          v128.load(q + p3),
          v128.load(q + p4),
          v128.load(q + p5),
          square + <usize> p * 16,
          16,
        );
        continue;
      }
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

/** Number of channels that are not worth packing. */
export const FEW: i32 = 64;

/**
 * A product `[rows, depth] [depth, columns]`, whose second matrix is packed in panels of 8 columns.
 * Rows are as many as a block holds; those of a whole four may be written.
 */
export function multiply(a: usize, rows: i32, depth: i32, b: usize, columns: i32, to: usize, scratch: usize): void {
  const panel = <usize> depth << 5, rowBefore = <usize> depth << 2, rowAfter = <usize> columns << 2;
  if ((columns & 7) || columns > FEW) {
    packAcross(a, rowBefore, rows, depth, 4, scratch + BLOCK_A, <usize> depth << 4);
    listRows(to, rows, rowAfter, scratch);
    block(rows, columns, depth, b, 32, panel, 0, 0, scratch);
    return;
  }
  const run = scratch + ADDRESSES;
  store<u32>(run, 0);
  store<u32>(run, <u32> rowBefore, 4);
  for (let column = 0; column < columns; column += 8, b += panel, to += 32) {
    for (let row: usize = 0; row < <usize> rows; row += 4) {
      tile(run, run + 8, a + row * rowBefore, rowBefore, b, 0, 0, to + row * rowAfter, rowAfter);
    }
  }
}
