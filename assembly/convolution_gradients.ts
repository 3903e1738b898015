/**
 * The gradients of convolutions. For the gradient of the filter, the patches of the image are the
 * transposed operand of a product. For the gradient of the input they are the result, which is added
 * to the image block by block, while it is in the cache.
 */
import { mendPatchSlopes } from "./exact";
import {
  ADDRESSES,
  block,
  BLOCK_A,
  BLOCK_B,
  blockDepth,
  listRows,
  MC,
  NC,
  POINTS,
  RESULTS,
  todoAt,
  ZEROS,
} from "./panel";
import { packAcross, packAlong, packFour } from "./pack";
import {
  bytesOfOne,
  channelsOf,
  firstAt,
  isLine,
  isLineInside,
  isPadded,
  lengthOf,
  lineAt,
  listPoints,
  pixelAt,
  pointAt,
  pointsOfOne,
  restOfLine,
  sourceOf,
  stepOf,
  tapsOf,
  widthOf,
} from "./patches";

/** Lists the pixels that a tap meets at the listed points. */
function listPixels(image: usize, tap: i32, points: i32, scratch: usize): void {
  const zeros = scratch + ZEROS;
  let to = scratch + ADDRESSES, point = scratch + POINTS;
  for (let p = 0; p < points; p++, to += 4, point += 16) {
    store<u32>(to, <u32> pixelAt(image, tap, point, zeros));
  }
}

/** Packs four taps of an image of one channel, line by line; false if a line leaves the image. */
function packLines(image: usize, tap: i32, points: i32, scratch: usize, to: usize): bool {
  const taps = tapsOf(image);
  for (let p = 0; p < points;) {
    const point = pointAt(scratch, p);
    const length = restOfLine(image, point, points - p);
    const last = pointAt(scratch, p + length - 1);
    for (let lane = 0; lane < 4; lane++) {
      let start = scratch + ZEROS;
      if (tap + lane < taps) {
        start = pixelAt(image, tap + lane, point, 0);
        if (start == 0 || pixelAt(image, tap + lane, last, 0) == 0) return false;
      }
      store<u32>(scratch + ADDRESSES + (<usize> lane << 2), <u32> start);
    }
    const from = scratch + ADDRESSES;
    packFour(load<u32>(from), load<u32>(from, 4), load<u32>(from, 8), load<u32>(from, 12), length, to);
    to += <usize> length << 4;
    p += length;
  }
  return true;
}

/** Packs elements `m` to `m + rows` of the patches of listed points, as a block of transposed A. */
function packPatchesAlong(image: usize, m: i32, rows: i32, points: i32, scratch: usize): void {
  const channels = channelsOf(image), taps = tapsOf(image), line = isLine(image);
  let to = scratch + BLOCK_A, listed = -1;
  for (let i = m; i < m + rows; i += 4, to += <usize> points << 4) {
    let tap = i / channels, channel = i - tap * channels;
    if (line && packLines(image, tap, points, scratch, to)) {
      listed = -1;
      continue;
    }
    const whole = channel + 4 <= channels;
    for (let lane: usize = 0; lane < 16; lane += 4) {
      // Lanes beyond the last element repeat the last tap: their results are not stored.
      if (listed != min(tap, taps - 1)) {
        listed = min(tap, taps - 1);
        listPixels(image, listed, points, scratch);
      }
      const offset = <usize> channel << 2;
      let from = scratch + ADDRESSES;
      if (whole) {
        for (let p: usize = 0; p < <usize> points; p++, from += 4) {
          v128.store(to + (p << 4), v128.load(<usize> load<u32>(from) + offset));
        }
        break;
      }
      for (let p: usize = 0; p < <usize> points; p++, from += 4) {
        store<f32>(to + (p << 4) + lane, load<f32>(<usize> load<u32>(from) + offset));
      }
      if (++channel == channels) {
        channel = 0;
        tap++;
      }
    }
  }
}

/**
 * Elements `m0` to `m1` and columns `n0` to `n1` of the filter's gradient,
 * `[taps, channels, columns]`: the transposed patches times the gradient of the results.
 *
 * @param image The patches.
 * @param first The first of the points whose products are summed.
 * @param last The end of those points.
 * @param dy `[points, columns]`.
 * @param columns Number of columns of the whole result.
 * @param dw The result.
 */
export function convolveFilterGradient(
  image: usize,
  first: i32,
  last: i32,
  dy: usize,
  columns: i32,
  dw: usize,
  m0: i32,
  m1: i32,
  n0: i32,
  n1: i32,
  scratch: usize,
): void {
  const points = last - first;
  const full = blockDepth(points);
  const stride = <usize> columns << 2;
  dy += <usize> first * stride;
  for (let n = n0; n < n1; n += NC) {
    const cols = min(NC, n1 - n);
    const offset = <usize> n << 2;
    let k = 0;
    do {
      const deep = min(full, points - k);
      const panel = <usize> deep << 5;
      listPoints(image, first + k, deep, scratch + POINTS);
      const from = dy + <usize> k * stride + offset;
      packAlong(from, stride, cols, deep, 8, scratch + BLOCK_B, panel);
      const todo = todoAt(k, deep, points, 0, 0);
      for (let m = m0; m < m1; m += MC) {
        const some = min(MC, m1 - m);
        packPatchesAlong(image, m, some, deep, scratch);
        listRows(dw + <usize> m * stride + offset, some, stride, scratch);
        block(some, cols, deep, scratch + BLOCK_B, 32, panel, 0, todo, scratch);
      }
      k += full;
    } while (k < points);
  }
  if (isPadded(image)) mendPatchSlopes(image, first, last, dy, columns, dw, m0, m1, n0, n1, scratch);
}

/** `to += from`. */
@inline
function addTo(to: usize, from: usize, length: i32): void {
  let i = 0;
  for (; i + 4 <= length; i += 4, to += 16, from += 16) {
    v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
  }
  for (; i < length; i++, to += 4, from += 4) store<f32>(to, load<f32>(to) + load<f32>(from));
}

/** As {@linkcode addPatches}, for few channels: each element of the patches, line by line. */
function addPatchesOfFew(image: usize, points: i32, n: i32, cols: i32, scratch: usize): void {
  const channels = channelsOf(image), step = stepOf(image), width = widthOf(image);
  const stride = <usize> cols << 2, next = <usize> (step * channels) << 2;
  for (let p = 0; p < points;) {
    const point = pointAt(scratch, p);
    const length = min(lengthOf(image) - load<i32>(point, 12) / step, points - p);
    for (let k = 0; k < cols; k++) {
      const tap = (n + k) / channels, channel = n + k - tap * channels;
      const first = firstAt(image, tap, point);
      // The points whose pixel is inside the line.
      const from = first < 0 ? (step - 1 - first) / step : 0;
      const last = first < width ? min((width - 1 - first) / step + 1, length) : 0;
      if (from >= last || !isLineInside(image, tap, point)) continue;
      let to = lineAt(image, tap, point) + (<usize> channel << 2) + <usize> from * next;
      let at = scratch + RESULTS + <usize> (p + from) * stride + (<usize> k << 2);
      for (let i = from; i < last; i++, to += next, at += stride) store<f32>(to, load<f32>(to) + load<f32>(at));
    }
    p += length;
  }
}

/** Adds elements `n` to `n + cols` of the patches of listed points to the image. */
function addPatches(image: usize, points: i32, n: i32, cols: i32, scratch: usize): void {
  const channels = channelsOf(image);
  let from = scratch + RESULTS;
  for (let p = 0; p < points; p++) {
    const point = pointAt(scratch, p);
    let tap = n / channels, channel = n - tap * channels;
    for (let left = cols; left > 0; tap++) {
      const length = min(channels - channel, left);
      const pixel = pixelAt(image, tap, point, 0);
      if (pixel) addTo(pixel + (<usize> channel << 2), from, length);
      from += <usize> length << 2;
      left -= length;
      channel = 0;
    }
  }
}

/**
 * Examples `b0` to `b1` of the input's gradient.
 *
 * @param image The patches of the input's gradient.
 * @param dy The gradient of the results, `[points, columns]`.
 * @param filter `[taps, channels, columns]`.
 */
export function convolveInputGradient(
  image: usize,
  dy: usize,
  columns: i32,
  filter: usize,
  b0: i32,
  b1: i32,
  scratch: usize,
): void {
  const bytes = bytesOfOne(image);
  memory.fill(sourceOf(image) + <usize> b0 * bytes, 0, <usize> (b1 - b0) * bytes);
  const all = tapsOf(image) * channelsOf(image);
  const first = b0 * pointsOfOne(image), last = b1 * pointsOfOne(image);
  const full = blockDepth(columns);
  const stride = <usize> columns << 2;
  const results = scratch + RESULTS;
  for (let n = 0; n < all; n += NC) {
    const cols = min(NC, all - n);
    // A filter of one block of depth is packed once, a deeper one for each block of points.
    const packsOnce = columns <= full;
    for (let m = first; m < last; m += MC) {
      const some = min(MC, last - m);
      listRows(results, some, <usize> cols << 2, scratch);
      for (let k = 0; k < columns; k += full) {
        const deep = min(full, columns - k);
        const panel = <usize> deep << 5;
        const offset = <usize> k << 2;
        if (!packsOnce || m == first) {
          const from = filter + <usize> n * stride + offset;
          packAcross(from, stride, cols, deep, 8, scratch + BLOCK_B, panel);
        }
        const from = dy + <usize> m * stride + offset;
        packAcross(from, stride, some, deep, 4, scratch + BLOCK_A, <usize> deep << 4);
        block(some, cols, deep, scratch + BLOCK_B, 32, panel, 0, todoAt(k, deep, columns, 0, 0), scratch);
      }
      listPoints(image, m, some, scratch + POINTS);
      if (channelsOf(image) < 4) addPatchesOfFew(image, some, n, cols, scratch);
      else addPatches(image, some, n, cols, scratch);
    }
  }
}
