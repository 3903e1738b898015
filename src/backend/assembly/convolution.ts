/** Convolutions in one, two and three dimensions, and their gradients. */
import {
  block,
  BLOCK_A,
  BLOCK_B,
  blockDepth,
  KC,
  MC,
  NC,
  padBias,
  PIXELS,
  ROWS,
  todoAt,
  ZEROS,
} from "./panel";
import { packAcross, packAlong, packFour } from "./pack";
import { channelsOf, filterOffset, listPoints, pixelAt, tapsOf } from "./patches";

/** Packs the patches of listed points, from element `k` on, as a block of A. */
function packPatches(image: usize, rows: i32, k: i32, depth: i32, scratch: usize): void {
  const channels = channelsOf(image);
  const zeros = scratch + ZEROS;
  let to = scratch + BLOCK_A;
  for (let i = 0; i < rows; i += 4) {
    // Rows beyond the last are the last again: their results are not stored.
    const q0 = pointAt(scratch, i), q1 = pointAt(scratch, min(i + 1, rows - 1));
    const q2 = pointAt(scratch, min(i + 2, rows - 1)), q3 = pointAt(scratch, min(i + 3, rows - 1));
    let tap = k / channels, channel = k - tap * channels;
    for (let left = depth; left > 0; tap++) {
      const length = min(channels - channel, left);
      const offset = <usize> channel << 2;
      packFour(
        pixelAt(image, tap, q0, zeros) + offset,
        pixelAt(image, tap, q1, zeros) + offset,
        pixelAt(image, tap, q2, zeros) + offset,
        pixelAt(image, tap, q3, zeros) + offset,
        length,
        to,
      );
      to += <usize> length << 4;
      left -= length;
      channel = 0;
    }
  }
}

@inline
function pointAt(scratch: usize, i: i32): usize {
  return scratch + PIXELS + (<usize> i << 4);
}

/** Packs columns of the filter: `[taps, channels, columns]`, or `[taps, columns, channels]`. */
function packFilter(
  image: usize,
  filter: usize,
  transposed: bool,
  columns: i32,
  n: i32,
  cols: i32,
  k: i32,
  depth: i32,
  to: usize,
): void {
  const channels = channelsOf(image);
  const panel = <usize> depth << 5;
  let tap = k / channels, channel = k - tap * channels;
  for (let left = depth; left > 0; tap++) {
    const length = min(channels - channel, left);
    const part = filter + filterOffset(image, tap);
    if (transposed) {
      const stride = <usize> channels << 2;
      packAcross(part + <usize> n * stride + (<usize> channel << 2), stride, cols, length, 8, to, panel);
    } else {
      const stride = <usize> columns << 2;
      packAlong(part + <usize> channel * stride + (<usize> n << 2), stride, cols, length, 8, to, panel);
    }
    to += <usize> length << 5;
    left -= length;
    channel = 0;
  }
}

/**
 * Points `m0` to `m1` and columns `n0` to `n1` of the product of patches and filter.
 *
 * @param image The patches.
 * @param transposed Whether the filter is `[taps, columns, channels]`, as for the input's gradient.
 * @param columns Of the whole result.
 * @param bias `[columns]`, or 0.
 */
export function convolve(
  image: usize,
  filter: usize,
  transposed: bool,
  columns: i32,
  m0: i32,
  m1: i32,
  n0: i32,
  n1: i32,
  bias: usize,
  activation: i32,
  scratch: usize,
): void {
  const depth = tapsOf(image) * channelsOf(image);
  const full = blockDepth(depth);
  for (let n = n0; n < n1; n += NC) {
    const cols = min(NC, n1 - n);
    padBias(bias ? bias + (<usize> n << 2) : 0, cols, scratch);
    let k = 0;
    do {
      const deep = min(full, depth - k);
      const todo = todoAt(k, deep, depth, bias, activation);
      packFilter(image, filter, transposed, columns, n, cols, k, deep, scratch + BLOCK_B);
      for (let m = m0; m < m1; m += MC) {
        const some = min(MC, m1 - m);
        listPoints(image, m, some, scratch + ROWS, scratch + PIXELS);
        packPatches(image, some, k, deep, scratch);
        const panel = <usize> deep << 5;
        block(some, cols, deep, scratch + BLOCK_B, 32, panel, <usize> n << 2, todo, scratch);
      }
      k += full;
    } while (k < depth);
  }
}

/** Packs elements `m` to `m + rows` of the patches of listed points, as a block of transposed A. */
function packPatchesAlong(image: usize, m: i32, rows: i32, points: i32, scratch: usize): void {
  const channels = channelsOf(image), all = tapsOf(image) * channels;
  const zeros = scratch + ZEROS;
  let to = scratch + BLOCK_A;
  for (let i = m; i < m + rows; i += 4) {
    let tap = i / channels, channel = i - tap * channels;
    if (channel + 4 <= channels) {
      const offset = <usize> channel << 2;
      for (let p = 0; p < points; p++, to += 16) {
        v128.store(to, v128.load(pixelAt(image, tap, pointAt(scratch, p), zeros) + offset));
      }
      continue;
    }
    for (let lane: usize = 0; lane < 16; lane += 4) {
      const offset = <usize> channel << 2;
      const inside = i + <i32> (lane >> 2) < all;
      for (let p = 0; p < points; p++) {
        const pixel = inside ? pixelAt(image, tap, pointAt(scratch, p), zeros) + offset : zeros;
        store<f32>(to + (<usize> p << 4) + lane, load<f32>(pixel));
      }
      if (++channel == channels) {
        channel = 0;
        tap++;
      }
    }
    to += <usize> points << 4;
  }
}

/**
 * Elements `m0` to `m1` of the filter's gradient, `[taps, channels, columns]`: the transposed
 * patches times the gradient of the results.
 *
 * @param image The patches; their taps are those of the filter, in order.
 * @param points Of the whole grid.
 * @param dy `[points, columns]`.
 * @param dw The result.
 */
export function convolveFilterGradient(
  image: usize,
  points: i32,
  dy: usize,
  columns: i32,
  dw: usize,
  m0: i32,
  m1: i32,
  n0: i32,
  n1: i32,
  scratch: usize,
): void {
  const full = blockDepth(points);
  const stride = <usize> columns << 2;
  for (let n = n0; n < n1; n += NC) {
    const cols = min(NC, n1 - n);
    let k = 0;
    do {
      const deep = min(full, points - k);
      const panel = <usize> deep << 5;
      listPoints(image, k, deep, 0, scratch + PIXELS);
      const from = dy + <usize> k * stride + (<usize> n << 2);
      packAlong(from, stride, cols, deep, 8, scratch + BLOCK_B, panel);
      for (let m = m0; m < m1; m += MC) {
        const some = min(MC, m1 - m);
        packPatchesAlong(image, m, some, deep, scratch);
        for (let i = 0; i < some; i++) {
          const row = dw + <usize> (m + i) * stride + (<usize> n << 2);
          store<u32>(scratch + ROWS + (<usize> i << 2), <u32> row);
        }
        const todo = todoAt(k, deep, points, 0, 0);
        block(some, cols, deep, scratch + BLOCK_B, 32, panel, 0, todo, scratch);
      }
      k += full;
    } while (k < points);
  }
}
