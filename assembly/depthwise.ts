/**
 * Depthwise convolutions and their gradients.
 *
 * Channel `c` of the input makes channels `c * multiplier` to `(c + 1) * multiplier - 1` of the
 * result; the filter is `[taps, channels, multiplier]`.
 */
import { madd } from "./vector";
import { channelsOf, listPoints, pixelAt, tapsOf } from "./patches";

/** `y += x * w`, channel by channel; also adds `x` times the results' gradient to the filter's. */
function forward(x: usize, w: usize, y: usize, channels: i32, multiplier: i32): void {
  let c: i32 = 0;
  if (multiplier == 1) {
    for (; c + 4 <= channels; c += 4, x += 16, w += 16, y += 16) {
      v128.store(y, madd(v128.load(x), v128.load(w), v128.load(y)));
    }
  }
  for (; c < channels; c++, x += 4) {
    for (let q = 0; q < multiplier; q++, w += 4, y += 4) {
      store<f32>(y, load<f32>(y) + load<f32>(x) * load<f32>(w));
    }
  }
}

/** `dx += dy * w`, summed over each channel's results. */
function backward(dy: usize, w: usize, dx: usize, channels: i32, multiplier: i32): void {
  let c: i32 = 0;
  if (multiplier == 1) {
    for (; c + 4 <= channels; c += 4, dx += 16, w += 16, dy += 16) {
      v128.store(dx, madd(v128.load(dy), v128.load(w), v128.load(dx)));
    }
  }
  for (; c < channels; c++, dx += 4) {
    let total = load<f32>(dx);
    for (let q = 0; q < multiplier; q++, w += 4, dy += 4) total += load<f32>(dy) * load<f32>(w);
    store<f32>(dx, total);
  }
}

const FORWARD: i32 = 0;
const INPUT_GRADIENT: i32 = 1;

/**
 * A depthwise convolution, or one of its gradients.
 *
 * @param operation 0: the results, 1: the input's gradient, 2: the filter's gradient.
 * @param image The patches of the input; for the input's gradient, the patches of that gradient.
 * @param first The first of the points of the results.
 * @param last The end of those points.
 * @param w The filter, or its gradient.
 * @param y The results, or their gradient, `[points, channels * multiplier]`.
 * @param written The result.
 * @param size Size of the result, in bytes.
 * @param point Scratch memory for one point.
 */
export function depthwise(
  operation: i32,
  image: usize,
  first: i32,
  last: i32,
  w: usize,
  y: usize,
  multiplier: i32,
  written: usize,
  size: i32,
  point: usize,
): void {
  const channels = channelsOf(image), taps = tapsOf(image);
  const out = <usize> (channels * multiplier) << 2;
  memory.fill(written, 0, <usize> size);
  y += <usize> first * out;
  for (let p = first; p < last; p++, y += out) {
    listPoints(image, p, 1, point);
    let part = w;
    for (let tap = 0; tap < taps; tap++, part += out) {
      const x = pixelAt(image, tap, point, 0);
      if (x == 0) continue;
      if (operation == FORWARD) forward(x, part, y, channels, multiplier);
      else if (operation == INPUT_GRADIENT) backward(y, part, x, channels, multiplier);
      else forward(x, y, part, channels, multiplier);
    }
  }
}
