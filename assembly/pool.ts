/**
 * Pooling in two and three dimensions, and its gradients.
 *
 * The geometry is a table of 32-bit integers, which `src/backend/geometry.ts` writes. Positions of a
 * window outside the input are left out.
 */
import {
  CHANNELS,
  DEPTH,
  DILATION_X,
  DILATION_Y,
  DILATION_Z,
  HEIGHT,
  OUT_X,
  OUT_Y,
  OUT_Z,
  PAD_X,
  PAD_Y,
  PAD_Z,
  STEP_X,
  STEP_Y,
  STEP_Z,
  WIDTH,
  WINDOW_X,
  WINDOW_Y,
  WINDOW_Z,
} from "./window_table";

/** Lists the pixels that the window of one result meets; returns their number. */
function listWindow(w: usize, b: i32, oz: i32, oy: i32, ox: i32, to: usize): i32 {
  const depth = load<i32>(w, DEPTH), height = load<i32>(w, HEIGHT), width = load<i32>(w, WIDTH);
  const channels = load<i32>(w, CHANNELS);
  const z0 = oz * load<i32>(w, STEP_Z) - load<i32>(w, PAD_Z);
  const y0 = oy * load<i32>(w, STEP_Y) - load<i32>(w, PAD_Y);
  const x0 = ox * load<i32>(w, STEP_X) - load<i32>(w, PAD_X);
  let count = 0;
  for (let i = 0, z = z0; i < load<i32>(w, WINDOW_Z); i++, z += load<i32>(w, DILATION_Z)) {
    if (<u32> z >= <u32> depth) continue;
    for (let j = 0, y = y0; j < load<i32>(w, WINDOW_Y); j++, y += load<i32>(w, DILATION_Y)) {
      if (<u32> y >= <u32> height) continue;
      for (let k = 0, x = x0; k < load<i32>(w, WINDOW_X); k++, x += load<i32>(w, DILATION_X)) {
        if (<u32> x >= <u32> width) continue;
        const at = ((b * depth + z) * height + y) * width + x;
        store<u32>(to + (<usize> count << 2), <u32> (at * channels << 2));
        count++;
      }
    }
  }
  return count;
}

/** The larger of two; NaN if one is NaN. Unlike `f32x4.max`, it does not order zeros. */
@inline
function larger(a: v128, b: v128): v128 {
  return v128.or(f32x4.pmax(a, b), f32x4.ne(b, b));
}

@inline
function offsetAt(window: usize, i: i32): usize {
  return <usize> load<u32>(window + (<usize> i << 2));
}

/** The largest of each window's pixels, channel by channel; NaN if one is NaN. */
function maximum(window: usize, count: i32, x: usize, y: usize, channels: i32): void {
  let c: i32 = 0;
  if (count == 4) {
    const o0 = offsetAt(window, 0), o1 = offsetAt(window, 1), o2 = offsetAt(window, 2), o3 = offsetAt(window, 3);
    for (; c + 4 <= channels; c += 4, x += 16, y += 16) {
      const x0 = v128.load(x + o0), x1 = v128.load(x + o1);
      const x2 = v128.load(x + o2), x3 = v128.load(x + o3);
      v128.store(y, larger(larger(x0, x1), larger(x2, x3)));
    }
  }
  for (; c + 4 <= channels; c += 4, x += 16, y += 16) {
    let top = f32x4.splat(-Infinity);
    for (let i = 0; i < count; i++) top = larger(top, v128.load(x + offsetAt(window, i)));
    v128.store(y, top);
  }
  for (; c < channels; c++, x += 4, y += 4) {
    let top: f32 = -Infinity;
    for (let i = 0; i < count; i++) top = max<f32>(top, load<f32>(x + offsetAt(window, i)));
    store<f32>(y, top);
  }
}

/**
 * The gradient of windows of four that do not overlap: each pixel has one window, so its gradient
 * is written rather than added.
 */
function maximumOfFourGradient(window: usize, x: usize, dy: usize, dx: usize, channels: i32): void {
  const o0 = offsetAt(window, 0), o1 = offsetAt(window, 1), o2 = offsetAt(window, 2), o3 = offsetAt(window, 3);
  for (let c: i32 = 0; c < channels; c += 4, x += 16, dy += 16, dx += 16) {
    const x0 = v128.load(x + o0), x1 = v128.load(x + o1);
    const x2 = v128.load(x + o2), x3 = v128.load(x + o3);
    const a = f32x4.pmax(f32x4.pmax(f32x4.splat(-Infinity), x0), x1);
    const top = f32x4.pmax(f32x4.pmax(a, x2), x3);
    let left = v128.load(dy);
    const m0 = f32x4.eq(x0, top), m1 = f32x4.eq(x1, top), m2 = f32x4.eq(x2, top);
    v128.store(dx + o0, v128.and(left, m0));
    left = v128.andnot(left, m0);
    v128.store(dx + o1, v128.and(left, m1));
    left = v128.andnot(left, m1);
    v128.store(dx + o2, v128.and(left, m2));
    v128.store(dx + o3, v128.and(v128.andnot(left, m2), f32x4.eq(x3, top)));
  }
}

/** Adds `dy` to the gradient of the first of the largest pixels of a window. */
function maximumGradient(window: usize, count: i32, x: usize, dy: usize, dx: usize, channels: i32): void {
  let c: i32 = 0;
  for (; c + 4 <= channels; c += 4, x += 16, dy += 16, dx += 16) {
    let top = f32x4.splat(-Infinity);
    for (let i = 0; i < count; i++) top = f32x4.pmax(top, v128.load(x + offsetAt(window, i)));
    let left = v128.load(dy);
    for (let i = 0; i < count; i++) {
      const offset = offsetAt(window, i);
      const here = f32x4.eq(v128.load(x + offset), top);
      const at = dx + offset;
      v128.store(at, f32x4.add(v128.load(at), v128.and(left, here)));
      left = v128.andnot(left, here);
    }
  }
  for (; c < channels; c++, x += 4, dy += 4, dx += 4) {
    let top: f32 = -Infinity;
    let best = -1;
    for (let i = 0; i < count; i++) {
      const value = load<f32>(x + offsetAt(window, i));
      if (value > top || (best < 0 && value == top)) {
        top = value;
        best = i;
      }
    }
    if (best < 0) continue;
    const at = dx + offsetAt(window, best);
    store<f32>(at, load<f32>(at) + load<f32>(dy));
  }
}

/** The mean of each window's pixels, channel by channel; 0 for a window outside the input. */
function average(window: usize, count: i32, x: usize, y: usize, channels: i32): void {
  const part: f32 = count ? 1 / <f32> count : 0;
  let c: i32 = 0;
  // Sums of many floats lose precision.
  if (count > 64) {
    for (; c < channels; c++, x += 4, y += 4) {
      let total: f64 = 0;
      for (let i = 0; i < count; i++) total += <f64> load<f32>(x + offsetAt(window, i));
      store<f32>(y, <f32> (total / <f64> count));
    }
  }
  for (; c + 4 <= channels; c += 4, x += 16, y += 16) {
    let total = f32x4.splat(0);
    for (let i = 0; i < count; i++) total = f32x4.add(total, v128.load(x + offsetAt(window, i)));
    v128.store(y, f32x4.mul(total, f32x4.splat(part)));
  }
  for (; c < channels; c++, x += 4, y += 4) {
    let total: f32 = 0;
    for (let i = 0; i < count; i++) total += load<f32>(x + offsetAt(window, i));
    store<f32>(y, total * part);
  }
}

function averageGradient(window: usize, count: i32, dy: usize, dx: usize, channels: i32): void {
  const part: f32 = 1 / <f32> count;
  let c: i32 = 0;
  for (; c + 4 <= channels; c += 4, dy += 16, dx += 16) {
    const share = f32x4.mul(v128.load(dy), f32x4.splat(part));
    for (let i = 0; i < count; i++) {
      const at = dx + offsetAt(window, i);
      v128.store(at, f32x4.add(v128.load(at), share));
    }
  }
  for (; c < channels; c++, dy += 4, dx += 4) {
    for (let i = 0; i < count; i++) {
      const at = dx + offsetAt(window, i);
      store<f32>(at, load<f32>(at) + load<f32>(dy) * part);
    }
  }
}

/** Whether windows neither overlap nor leave pixels out: then every gradient is written once. */
function tiles(w: usize): bool {
  return load<i32>(w, WINDOW_Z) == load<i32>(w, STEP_Z) &&
    load<i32>(w, WINDOW_Y) == load<i32>(w, STEP_Y) && load<i32>(w, WINDOW_X) == load<i32>(w, STEP_X) &&
    load<i32>(w, OUT_Z) * load<i32>(w, STEP_Z) == load<i32>(w, DEPTH) &&
    load<i32>(w, OUT_Y) * load<i32>(w, STEP_Y) == load<i32>(w, HEIGHT) &&
    load<i32>(w, OUT_X) * load<i32>(w, STEP_X) == load<i32>(w, WIDTH);
}

/** Whether the gradient of a maximum may be written rather than added. */
function isPlain(w: usize): bool {
  const size = load<i32>(w, WINDOW_Z) * load<i32>(w, WINDOW_Y) * load<i32>(w, WINDOW_X);
  return size == 4 && (load<i32>(w, CHANNELS) & 3) == 0 && tiles(w);
}

/** Values of `operation` of {@linkcode pool}. */
const MAXIMUM: i32 = 0;
const AVERAGE: i32 = 1;
const MAXIMUM_GRADIENT: i32 = 2;

/**
 * Examples `b0` to `b1` of a pooling or of its gradient.
 *
 * @param x The input; the gradient of an average does not read it.
 * @param y The results, or for gradients their gradient.
 * @param dx The input's gradient, for gradients.
 * @param window Scratch memory: the pixels that a window meets.
 */
export function pool(w: usize, operation: i32, x: usize, y: usize, dx: usize, b0: i32, b1: i32, window: usize): void {
  const channels = load<i32>(w, CHANNELS);
  const outZ = load<i32>(w, OUT_Z), outY = load<i32>(w, OUT_Y), outX = load<i32>(w, OUT_X);
  const plain = operation == MAXIMUM_GRADIENT && isPlain(w);
  if (operation >= MAXIMUM_GRADIENT && !plain) {
    const size = <usize> (load<i32>(w, DEPTH) * load<i32>(w, HEIGHT) * load<i32>(w, WIDTH)) *
      (<usize> channels << 2);
    memory.fill(dx + <usize> b0 * size, 0, <usize> (b1 - b0) * size);
  }
  y += <usize> (b0 * outZ * outY * outX * channels) << 2;
  const stepX = load<i32>(w, STEP_X), padX = load<i32>(w, PAD_X);
  const step = <usize> (stepX * channels) << 2;
  // Windows between these places lie within their line, so that each is the one before, moved.
  const first = (padX + stepX - 1) / stepX;
  const rest = load<i32>(w, WIDTH) + padX - (load<i32>(w, WINDOW_X) - 1) * load<i32>(w, DILATION_X);
  const last = rest > 0 ? (rest - 1) / stepX + 1 : 0;
  for (let b = b0; b < b1; b++) {
    for (let oz = 0; oz < outZ; oz++) {
      for (let oy = 0; oy < outY; oy++) {
        let count = 0, moved: usize = 0;
        for (let ox = 0; ox < outX; ox++, y += <usize> channels << 2) {
          if (ox > first && ox < last) {
            moved += step;
          } else {
            count = listWindow(w, b, oz, oy, ox, window);
            moved = 0;
          }
          const from = x + moved, to = dx + moved;
          if (operation == MAXIMUM) maximum(window, count, from, y, channels);
          else if (operation == AVERAGE) average(window, count, from, y, channels);
          else if (plain) maximumOfFourGradient(window, from, y, to, channels);
          else if (operation == MAXIMUM_GRADIENT) maximumGradient(window, count, from, y, to, channels);
          else averageGradient(window, count, y, to, channels);
        }
      }
    }
  }
}
