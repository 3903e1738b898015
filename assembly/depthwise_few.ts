/**
 * Depthwise convolutions of one to three channels at a horizontal stride of one: 24 neighbouring floats of
 * a line are computed at once, whatever their channels, with weights that repeat every 12 floats.
 */
import { copyRun } from "./boxes";
import { scratchBytes } from "./panel";
import { activate, madd } from "./vector";

/** Bytes of 24 floats, and of the 12 weights of a tap. */
const MANY: usize = 96, WEIGHTS: usize = 48;

/** Bytes of a copied line, with zeros around it and room to read beyond it. */
@inline
function lineBytes(columns: i32, taps: i32, dilation: i32, channels: i32): usize {
  return <usize> ((columns + (taps - 1) * dilation) * channels + 24) << 2;
}

/** Whether the convolution can be computed here: an infinite weight must not meet the zeros around lines. */
export function isOfFew(
  channels: i32,
  columns: i32,
  filter: usize,
  tapsY: i32,
  tapsX: i32,
  dilationX: i32,
): bool {
  if (channels > 3) return false;
  const taps = tapsY * tapsX, line = lineBytes(columns, tapsX, dilationX, channels);
  const bytes = <usize> taps * WEIGHTS + <usize> tapsY * (line + 4) + 256;
  if (bytes > <usize> scratchBytes()) return false;
  let sum: f32 = 0;
  for (let i = 0; i < taps * channels; i++) {
    const weight = load<f32>(filter + (<usize> i << 2));
    sum += weight - weight;
  }
  return sum == 0;
}

/** Writes 12 floats that repeat those of the channels. */
function repeat(from: usize, channels: i32, to: usize): void {
  for (let i = 0; i < 12; i++) {
    store<f32>(to + (<usize> i << 2), from ? load<f32>(from + (<usize> (i % channels) << 2)) : 0);
  }
}

/** Copies pixels of a line, `pad` of which are to the left of the image, among zeros. */
function copyLine(from: usize, width: i32, pad: i32, count: i32, unit: usize, to: usize): void {
  const start = min(max(pad, 0), count), stop = max(min(pad + width, count), start);
  memory.fill(to, 0, <usize> start * unit);
  copyRun(from + <usize> (start - pad) * unit, to + <usize> start * unit, <usize> (stop - start) * unit);
  memory.fill(to + <usize> stop * unit, 0, <usize> (count - stop) * unit);
}

/**
 * Lines `first` to `last` of the results of all examples.
 *
 * @param isMirrored Whether taps are taken from the last to the first, as in the gradient of the input.
 */
export function depthwiseOfFew(
  x: usize,
  height: i32,
  width: i32,
  channels: i32,
  filter: usize,
  tapsY: i32,
  tapsX: i32,
  dilationY: i32,
  dilationX: i32,
  stepY: i32,
  padY: i32,
  padX: i32,
  isMirrored: bool,
  bias: usize,
  activation: i32,
  y: usize,
  lines: i32,
  columns: i32,
  first: i32,
  last: i32,
  scratch: usize,
): void {
  const taps = tapsY * tapsX, unit = <usize> channels << 2, total = <usize> columns * unit;
  const biases = scratch + <usize> taps * WEIGHTS, rest = biases + WEIGHTS, rows = rest + MANY;
  const copies = rows + (<usize> tapsY << 2);
  const count = columns + (tapsX - 1) * dilationX, line = lineBytes(columns, tapsX, dilationX, channels);
  for (let tap = 0; tap < taps; tap++) {
    const from = filter + <usize> (isMirrored ? taps - 1 - tap : tap) * unit;
    repeat(from, channels, scratch + <usize> tap * WEIGHTS);
  }
  repeat(bias, channels, biases);
  const bias0 = v128.load(biases), bias1 = v128.load(biases, 16), bias2 = v128.load(biases, 32);
  const step = <usize> dilationX * unit;
  for (let l = first; l < last; l++) {
    const b = l / lines, top = (l - b * lines) * stepY - padY;
    let used = 0;
    for (let k = 0; k < tapsY; k++) {
      const at = top + k * dilationY;
      if (<u32> at >= <u32> height) continue;
      const from = x + <usize> ((b * height + at) * width) * unit;
      copyLine(from, width, padX, count, unit, copies + <usize> used * line);
      store<u32>(rows + (<usize> used << 2), <u32> (scratch + <usize> (k * tapsX) * WEIGHTS));
      used++;
    }
    const to = y + <usize> l * total;
    for (let o: usize = 0; o < total; o += MANY) {
      let p = bias0, q = bias1, r = bias2, s = bias0, t = bias1, u = bias2;
      for (let row = 0; row < used; row++) {
        let at = copies + <usize> row * line + o, weights = <usize> load<u32>(rows + (<usize> row << 2));
        for (let k = 0; k < tapsX; k++, at += step, weights += WEIGHTS) {
          const w0 = v128.load(weights), w1 = v128.load(weights, 16), w2 = v128.load(weights, 32);
          p = madd(v128.load(at), w0, p);
          q = madd(v128.load(at, 16), w1, q);
          r = madd(v128.load(at, 32), w2, r);
          s = madd(v128.load(at, 48), w0, s);
          t = madd(v128.load(at, 64), w1, t);
          u = madd(v128.load(at, 80), w2, u);
        }
      }
      const target = o + MANY <= total ? to + o : rest;
      v128.store(target, activate(p, activation));
      v128.store(target, activate(q, activation), 16);
      v128.store(target, activate(r, activation), 32);
      v128.store(target, activate(s, activation), 48);
      v128.store(target, activate(t, activation), 64);
      v128.store(target, activate(u, activation), 80);
      if (target == rest) copyRun(rest, to + o, total - o);
    }
  }
}
