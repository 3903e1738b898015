/**
 * Convolutions in one, two and three dimensions, as products of matrices.
 *
 * The patches of the image are one operand. They are never stored: they are gathered while they are
 * packed (Chetlur et al., "cuDNN: Efficient Primitives for Deep Learning", 2014,
 * https://arxiv.org/abs/1410.0759).
 */
import { mendPoints } from "./exact";
import { block, BLOCK_A, BLOCK_B, blockDepth, listRows, MC, NC, padBias, POINTS, todoAt, ZEROS } from "./panel";
import { packAlong, packFour } from "./pack";
import { channelsOf, isLine, isPadded, listPoints, pixelAt, pointAt, restOfLine, tapsOf } from "./patches";

/** Packs the patches of listed points, from element `k` on, as a block of A. */
function packPatches(image: usize, rows: i32, k: i32, depth: i32, scratch: usize): void {
  const channels = channelsOf(image), line = isLine(image);
  const zeros = scratch + ZEROS;
  let to = scratch + BLOCK_A;
  for (let i = 0; i < rows; i += 4) {
    // Rows beyond the last repeat it: their results are not stored.
    const q0 = pointAt(scratch, i), q1 = pointAt(scratch, min(i + 1, rows - 1));
    const q2 = pointAt(scratch, min(i + 2, rows - 1)), q3 = pointAt(scratch, min(i + 3, rows - 1));
    const neighbours = line && i + 4 <= rows && restOfLine(image, q0, 4) == 4;
    let tap = k / channels, channel = k - tap * channels;
    for (let left = depth; left > 0; tap++) {
      const length = min(channels - channel, left);
      const offset = <usize> channel << 2;
      const p0 = pixelAt(image, tap, q0, zeros), p3 = pixelAt(image, tap, q3, zeros);
      if (neighbours && p0 != zeros && p3 != zeros) {
        v128.store(to, v128.load(p0));
      } else {
        const p1 = pixelAt(image, tap, q1, zeros), p2 = pixelAt(image, tap, q2, zeros);
        packFour(p0 + offset, p1 + offset, p2 + offset, p3 + offset, length, to);
      }
      to += <usize> length << 4;
      left -= length;
      channel = 0;
    }
  }
}

/**
 * Points `m0` to `m1` and columns `n0` to `n1` of `activation(patches * filter + bias)`.
 *
 * @param image The patches.
 * @param filter `[taps, channels, columns]`.
 * @param columns Number of columns of the whole result.
 * @param result `[points, columns]`.
 * @param bias `[columns]`, or 0.
 */
export function convolve(
  image: usize,
  filter: usize,
  columns: i32,
  result: usize,
  m0: i32,
  m1: i32,
  n0: i32,
  n1: i32,
  bias: usize,
  activation: i32,
  scratch: usize,
): void {
  const depth = tapsOf(image) * channelsOf(image);
  const full = blockDepth(depth), padded = isPadded(image);
  const stride = <usize> columns << 2;
  for (let n = n0; n < n1; n += NC) {
    const cols = min(NC, n1 - n);
    const offset = <usize> n << 2;
    padBias(bias ? bias + offset : 0, cols, scratch);
    let k = 0;
    do {
      const deep = min(full, depth - k);
      const panel = <usize> deep << 5;
      const from = filter + <usize> k * stride + offset;
      packAlong(from, stride, cols, deep, 8, scratch + BLOCK_B, panel);
      const todo = todoAt(k, deep, depth, bias, activation);
      for (let m = m0; m < m1; m += MC) {
        const some = min(MC, m1 - m);
        listPoints(image, m, some, scratch + POINTS);
        packPatches(image, some, k, deep, scratch);
        listRows(result + <usize> m * stride + offset, some, stride, scratch);
        block(some, cols, deep, scratch + BLOCK_B, 32, panel, 0, todo, scratch);
        if (!padded || k + deep < depth) continue;
        const to = result + <usize> m * stride + offset, added = bias ? bias + offset : 0;
        mendPoints(image, some, true, filter + offset, columns, to, cols, added, activation, scratch);
      }
      k += full;
    } while (k < depth);
  }
}
