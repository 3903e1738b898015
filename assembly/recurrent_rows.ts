/** Activations of recurrent layers, and the gradients of these, row by row. */
import { constant } from "./constants";
import { sigmoid, tanh } from "./functions";

/** Activations by number, as `src/backend/kernels/recurrent.ts` lists them. */
const LINEAR: i32 = 0;
const RELU: i32 = 1;
const RELU6: i32 = 2;
const SIGMOID: i32 = 3;
const HARD_SIGMOID: i32 = 4;
const TANH: i32 = 5;

/** Bounds of activations that are not smooth. In this order of operands NaN stays NaN. */
@inline
function clamp(x: v128, highest: f32): v128 {
  return f32x4.pmin(f32x4.pmax(x, f32x4.splat(0)), f32x4.splat(highest));
}

@inline
function activate(x: v128, activation: i32): v128 {
  if (activation == TANH) return tanh(x);
  if (activation == SIGMOID) return sigmoid(x);
  if (activation == HARD_SIGMOID) {
    return clamp(f32x4.add(f32x4.mul(x, constant(0.2)), constant(0.5)), 1);
  }
  if (activation == LINEAR) return x;
  return clamp(x, activation == RELU6 ? 6 : Infinity);
}

/** The gradient of an activation, from its result. */
@inline
function slope(y: v128, activation: i32): v128 {
  const one = f32x4.splat(1);
  if (activation == TANH) return f32x4.sub(one, f32x4.mul(y, y));
  if (activation == SIGMOID) return f32x4.mul(y, f32x4.sub(one, y));
  if (activation == LINEAR) return one;
  const positive = f32x4.gt(y, f32x4.splat(0));
  if (activation == RELU) return v128.and(one, positive);
  const highest: f32 = activation == HARD_SIGMOID ? 1 : 6;
  const open = v128.and(positive, f32x4.lt(y, f32x4.splat(highest)));
  return v128.and(f32x4.splat(activation == HARD_SIGMOID ? 0.2 : 1), open);
}

@inline
function activateAll(x: usize, y: usize, size: i32, activation: i32): void {
  let i: i32 = 0;
  for (; i + 4 <= size; i += 4, x += 16, y += 16) v128.store(y, activate(v128.load(x), activation));
  for (; i < size; i++, x += 4, y += 4) {
    store<f32>(y, f32x4.extract_lane(activate(v128.load32_splat(x), activation), 0));
  }
}

/** `y`: the activation of each element of `x`. */
export function activateRow(x: usize, y: usize, size: i32, activation: i32): void {
  // One loop for each activation, so that nothing but arithmetic is in the loop.
  if (activation == TANH) activateAll(x, y, size, TANH);
  else if (activation == SIGMOID) activateAll(x, y, size, SIGMOID);
  else if (activation == HARD_SIGMOID) activateAll(x, y, size, HARD_SIGMOID);
  else if (activation == RELU) activateAll(x, y, size, RELU);
  else if (activation == RELU6) activateAll(x, y, size, RELU6);
  else if (x != y) memory.copy(y, x, <usize> size << 2);
}

@inline
function scaleAll(dx: usize, y: usize, size: i32, activation: i32): void {
  let i: i32 = 0;
  for (; i + 4 <= size; i += 4, dx += 16, y += 16) {
    v128.store(dx, f32x4.mul(v128.load(dx), slope(v128.load(y), activation)));
  }
  for (; i < size; i++, dx += 4, y += 4) {
    const s = f32x4.extract_lane(slope(v128.load32_splat(y), activation), 0);
    store<f32>(dx, load<f32>(dx) * s);
  }
}

/** Multiplies `dx` by the gradient of the activation whose results are `y`. */
export function scaleBySlopes(dx: usize, y: usize, size: i32, activation: i32): void {
  if (activation == TANH) scaleAll(dx, y, size, TANH);
  else if (activation == SIGMOID) scaleAll(dx, y, size, SIGMOID);
  else if (activation == HARD_SIGMOID) scaleAll(dx, y, size, HARD_SIGMOID);
  else if (activation == RELU) scaleAll(dx, y, size, RELU);
  else if (activation == RELU6) scaleAll(dx, y, size, RELU6);
}

/** `y = a b`, element by element. */
export function multiplyRows(a: usize, b: usize, y: usize, size: i32): void {
  let i: i32 = 0;
  for (; i + 4 <= size; i += 4, a += 16, b += 16, y += 16) {
    v128.store(y, f32x4.mul(v128.load(a), v128.load(b)));
  }
  for (; i < size; i++, a += 4, b += 4, y += 4) store<f32>(y, load<f32>(a) * load<f32>(b));
}

/** `y = a + b`, element by element. */
export function addRows(a: usize, b: usize, y: usize, size: i32): void {
  let i: i32 = 0;
  for (; i + 4 <= size; i += 4, a += 16, b += 16, y += 16) {
    v128.store(y, f32x4.add(v128.load(a), v128.load(b)));
  }
  for (; i < size; i++, a += 4, b += 4, y += 4) store<f32>(y, load<f32>(a) + load<f32>(b));
}

/** `y += a`. */
export function addRow(a: usize, y: usize, size: i32): void {
  let i: i32 = 0;
  for (; i + 4 <= size; i += 4, a += 16, y += 16) {
    v128.store(y, f32x4.add(v128.load(y), v128.load(a)));
  }
  for (; i < size; i++, a += 4, y += 4) store<f32>(y, load<f32>(y) + load<f32>(a));
}

/** `y = share a + (1 - share) y`: the new state `a`, or the old one in a step that is left out. */
export function blendRow(share: f32, a: usize, y: usize, size: i32): void {
  const s = f32x4.splat(share), rest = f32x4.splat(1 - share);
  let i: i32 = 0;
  for (; i + 4 <= size; i += 4, a += 16, y += 16) {
    v128.store(y, f32x4.add(f32x4.mul(v128.load(a), s), f32x4.mul(v128.load(y), rest)));
  }
  for (; i < size; i++, a += 4, y += 4) {
    store<f32>(y, load<f32>(a) * share + load<f32>(y) * (1 - share));
  }
}

/** `y = factor a`. */
export function scaleRow(factor: f32, a: usize, y: usize, size: i32): void {
  const f = f32x4.splat(factor);
  let i: i32 = 0;
  for (; i + 4 <= size; i += 4, a += 16, y += 16) v128.store(y, f32x4.mul(v128.load(a), f));
  for (; i < size; i++, a += 4, y += 4) store<f32>(y, load<f32>(a) * factor);
}

/** `y += a b`, element by element. */
export function addProducts(a: usize, b: usize, y: usize, size: i32): void {
  let i: i32 = 0;
  for (; i + 4 <= size; i += 4, a += 16, b += 16, y += 16) {
    v128.store(y, f32x4.add(v128.load(y), f32x4.mul(v128.load(a), v128.load(b))));
  }
  for (; i < size; i++, a += 4, b += 4, y += 4) {
    store<f32>(y, load<f32>(y) + load<f32>(a) * load<f32>(b));
  }
}
