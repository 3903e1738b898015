/**
 * Tiles of an image for Winograd's algorithm: the addresses of their pixels, and their transform.
 *
 * The geometry is a table of 32-bit integers, which `src/backend/kernels/winograd.ts` writes.
 */
import { packAcross } from "./pack";
import { multiplyTiles, usesTiles } from "./machine";
import { ADDRESSES, block, BLOCK_A, listRows, RESULTS, ZEROS } from "./panel";
import {
  CHANNELS,
  COLUMNS,
  DILATION_X,
  DILATION_Y,
  HEIGHT,
  PAD_X,
  PAD_Y,
  SOURCE,
  TILES_X,
  TILES_Y,
  WIDTH,
} from "./tile_table";
import { multiplySix, multiplySixes, rowsInSixes } from "./six_rows";
import { madd } from "./vector";
import { input } from "./winograd_transforms";

/** The start of the scratch memory that nothing else uses. */
@inline
export function workOf(g: usize, scratch: usize): usize {
  const zeros = max(max(load<i32>(g, CHANNELS), load<i32>(g, COLUMNS)), 1024);
  return scratch + ZEROS + (<usize> zeros << 2);
}

/**
 * A distance of at least so many bytes, at which values do not fall into the same set of a cache: the
 * values of a tile are written to as many places, so far apart.
 */
@inline
export function apart(bytes: usize): usize {
  return ((bytes + 63) & ~63) | 64;
}

/**
 * Stores the 36 transformed weights of channel `c` and four columns from `k` on, 16 bytes apart, in
 * packed matrices, `matrix` bytes apart.
 *
 * @param rows Number of rows of a matrix.
 * @param transposed Whether the matrices are `[columns, channels]`.
 */
export function storeFilter(
  from: usize,
  c: i32,
  k: i32,
  rows: i32,
  transposed: bool,
  to: usize,
  matrix: usize,
): void {
  const row = transposed ? k : c, column = transposed ? c : k;
  let at = to + (<usize> ((column >> 3) * rows + row) << 5) + (<usize> (column & 7) << 2);
  for (const end = from + 36 * 16; from < end; from += 16, at += matrix) {
    const x = v128.load(from);
    if (!transposed) v128.store(at, x);
    else {
      store<f32>(at, f32x4.extract_lane(x, 0));
      store<f32>(at, f32x4.extract_lane(x, 1), 32);
      store<f32>(at, f32x4.extract_lane(x, 2), 64);
      store<f32>(at, f32x4.extract_lane(x, 3), 96);
    }
  }
}

/** The first place of a tile along an axis: with a dilation, its places are as far apart as the taps. */
@inline
export function placeOf(tile: i32, dilation: i32): i32 {
  const four = tile / dilation;
  return four * 4 * dilation + (tile - four * dilation);
}

/** Number of places of a tile that are in front of the end of an axis. */
@inline
export function countFrom(place: i32, end: i32, dilation: i32): i32 {
  return min(4, (end - place + dilation - 1) / dilation);
}

/**
 * Lists the addresses of a square of pixels, `dy` and `dx` apart; outside the image, the address of
 * zeros.
 */
export function listSquare(
  image: usize,
  height: i32,
  width: i32,
  channels: i32,
  y0: i32,
  x0: i32,
  side: i32,
  dy: i32,
  dx: i32,
  scratch: usize,
): void {
  let to = scratch + ADDRESSES;
  for (let y = y0; y < y0 + side * dy; y += dy) {
    for (let x = x0; x < x0 + side * dx; x += dx, to += 4) {
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
  const dy = load<i32>(g, DILATION_Y), dx = load<i32>(g, DILATION_X);
  const y = placeOf(row - b * tilesY, dy) - load<i32>(g, PAD_Y), x = placeOf(t - row * tilesX, dx) - load<i32>(g, PAD_X);
  const image = <usize> load<u32>(g, SOURCE) + (<usize> (b * height * width * channels) << 2);
  // Most tiles lie within the image: their pixels need no list.
  const inside = y >= 0 && x >= 0 && y + 5 * dy < height && x + 5 * dx < width;
  if (!inside) listSquare(image, height, width, channels, y, x, 6, dy, dx, scratch);
  const p1 = <usize> (dx * channels) << 2, p2 = p1 << 1, p3 = p1 + p2, p4 = p2 << 1, p5 = p4 + p1;
  const line = <usize> (dy * width * channels) << 2, corner = image + (<usize> ((y * width + x) * channels) << 2);
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
 * Rows are as many as a block holds; those of a whole four may be written. Several products may follow
 * each other, then {@linkcode runTiles} has to.
 */
export function multiply(a: usize, rows: i32, depth: i32, b: usize, columns: i32, to: usize, scratch: usize): void {
  const panel = <usize> depth << 5, rowBefore = <usize> depth << 2, rowAfter = <usize> columns << 2;
  if (usesTiles(rows, columns, depth)) {
    multiplyTiles(a, rowBefore, 4 * rowBefore, 4, rows, depth, b, 32, panel, columns, to, rowAfter, 0, 0, scratch);
    return;
  }
  const many = (columns & 7) || columns > FEW;
  const sixes = depth >= 32 ? rowsInSixes(rows) : 0;
  if (many) {
    if (sixes > 0) multiplySixes(a, rowBefore, sixes, depth, b, panel, columns, to, rowAfter, 0, scratch);
    if (sixes == rows) return;
    a += <usize> sixes * rowBefore;
    packAcross(a, rowBefore, rows - sixes, depth, 4, scratch + BLOCK_A, <usize> depth << 4);
    listRows(to + <usize> sixes * rowAfter, rows - sixes, rowAfter, scratch);
    block(rows - sixes, columns, depth, b, 32, panel, 0, 0, scratch);
    return;
  }
  for (let column = 0; column < columns; column += 8, b += panel, to += 32) {
    let from = a, at = to, row = 0;
    for (; row < sixes; row += 6, from += 6 * rowBefore, at += 6 * rowAfter) {
      multiplySix(from, rowBefore, 4, depth, b, 32, at, rowAfter, 0, 0);
    }
    for (; row < rows; row += 4, from += rowBefore << 2, at += rowAfter << 2) {
      multiplyFour(from, rowBefore, depth, b, at, rowAfter);
    }
  }
}

/** Four rows, read four elements at a time, times a panel; the depth is a multiple of four. */
function multiplyFour(a: usize, step: usize, depth: i32, b: usize, c: usize, stride: usize): void {
  let x00 = f32x4.splat(0), x01 = x00;
  let x10 = x00, x11 = x00;
  let x20 = x00, x21 = x00;
  let x30 = x00, x31 = x00;
  for (const end = a + (<usize> depth << 2); a < end; a += 16, b += 128) {
    const q = a + 2 * step, r0 = v128.load(a), r1 = v128.load(a + step), r2 = v128.load(q), r3 = v128.load(q + step);
    {
      const b0 = v128.load(b), b1 = v128.load(b, 16);
      const p0 = v128.shuffle<f32>(r0, r0, 0, 0, 0, 0);
      x00 = madd(p0, b0, x00);
      x01 = madd(p0, b1, x01);
      const p1 = v128.shuffle<f32>(r1, r1, 0, 0, 0, 0);
      x10 = madd(p1, b0, x10);
      x11 = madd(p1, b1, x11);
      const p2 = v128.shuffle<f32>(r2, r2, 0, 0, 0, 0);
      x20 = madd(p2, b0, x20);
      x21 = madd(p2, b1, x21);
      const p3 = v128.shuffle<f32>(r3, r3, 0, 0, 0, 0);
      x30 = madd(p3, b0, x30);
      x31 = madd(p3, b1, x31);
    }
    {
      const b0 = v128.load(b, 32), b1 = v128.load(b, 48);
      const p0 = v128.shuffle<f32>(r0, r0, 1, 1, 1, 1);
      x00 = madd(p0, b0, x00);
      x01 = madd(p0, b1, x01);
      const p1 = v128.shuffle<f32>(r1, r1, 1, 1, 1, 1);
      x10 = madd(p1, b0, x10);
      x11 = madd(p1, b1, x11);
      const p2 = v128.shuffle<f32>(r2, r2, 1, 1, 1, 1);
      x20 = madd(p2, b0, x20);
      x21 = madd(p2, b1, x21);
      const p3 = v128.shuffle<f32>(r3, r3, 1, 1, 1, 1);
      x30 = madd(p3, b0, x30);
      x31 = madd(p3, b1, x31);
    }
    {
      const b0 = v128.load(b, 64), b1 = v128.load(b, 80);
      const p0 = v128.shuffle<f32>(r0, r0, 2, 2, 2, 2);
      x00 = madd(p0, b0, x00);
      x01 = madd(p0, b1, x01);
      const p1 = v128.shuffle<f32>(r1, r1, 2, 2, 2, 2);
      x10 = madd(p1, b0, x10);
      x11 = madd(p1, b1, x11);
      const p2 = v128.shuffle<f32>(r2, r2, 2, 2, 2, 2);
      x20 = madd(p2, b0, x20);
      x21 = madd(p2, b1, x21);
      const p3 = v128.shuffle<f32>(r3, r3, 2, 2, 2, 2);
      x30 = madd(p3, b0, x30);
      x31 = madd(p3, b1, x31);
    }
    {
      const b0 = v128.load(b, 96), b1 = v128.load(b, 112);
      const p0 = v128.shuffle<f32>(r0, r0, 3, 3, 3, 3);
      x00 = madd(p0, b0, x00);
      x01 = madd(p0, b1, x01);
      const p1 = v128.shuffle<f32>(r1, r1, 3, 3, 3, 3);
      x10 = madd(p1, b0, x10);
      x11 = madd(p1, b1, x11);
      const p2 = v128.shuffle<f32>(r2, r2, 3, 3, 3, 3);
      x20 = madd(p2, b0, x20);
      x21 = madd(p2, b1, x21);
      const p3 = v128.shuffle<f32>(r3, r3, 3, 3, 3, 3);
      x30 = madd(p3, b0, x30);
      x31 = madd(p3, b1, x31);
    }
  }
  v128.store(c, x00);
  v128.store(c, x01, 16);
  v128.store(c + stride, x10);
  v128.store(c + stride, x11, 16);
  c += 2 * stride;
  v128.store(c, x20);
  v128.store(c, x21, 16);
  v128.store(c + stride, x30);
  v128.store(c + stride, x31, 16);
}
