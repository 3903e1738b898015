/** Softmax cross-entropy, with its gradient in the same passes. */
import { scale, top } from "./softmax";
import { exp, sum } from "./vector";

/** The natural logarithm of the host. */
@external("env", "log")
declare function log(x: f64): f64;

/** Stores `e ** (x - top)` and returns the sum. */
function exponentials(x: usize, size: i32, top: f32, to: usize): f32 {
  const shift = f32x4.splat(top);
  let all: f64 = 0;
  let i: i32 = 0;
  // Sums of many floats lose precision.
  while (i + 4 <= size) {
    let total = f32x4.splat(0);
    for (const end = min(i + 256, size); i + 4 <= end; i += 4, x += 16, to += 16) {
      const y = exp(f32x4.sub(v128.load(x), shift));
      v128.store(to, y);
      total = f32x4.add(total, y);
    }
    all += <f64> sum(total);
  }
  for (; i < size; i++, x += 4, to += 4) {
    const y = f32x4.extract_lane(exp(f32x4.splat(load<f32>(x) - top)), 0);
    store<f32>(to, y);
    all += <f64> y;
  }
  return <f32> all;
}

@inline
function weightOf(weights: usize, c: i32): f32 {
  return weights ? load<f32>(weights + (<usize> c << 2)) : 1;
}

/** The label of class `c`, from a row of probabilities if `dense`, else from a class number. */
@inline
function labelOf(labels: usize, dense: bool, c: i32): f32 {
  if (dense) return load<f32>(labels + (<usize> c << 2));
  return <f32> <i32> (load<i32>(labels) == c);
}

/** The usual case of {@linkcode crossEntropy}: only the class of the label has a target. */
function ofClassNumbers(
  logits: usize,
  labels: usize,
  rows: i32,
  classes: i32,
  weights: usize,
  gradient: usize,
  loss: usize,
): void {
  const stride = <usize> classes << 2;
  let total: f64 = 0, norm: f64 = 0;
  for (let n: i32 = 0; n < rows; n++) {
    const label = load<i32>(labels + (<usize> n << 2));
    if (<u32> label < <u32> classes) norm += <f64> weightOf(weights, label);
  }
  const part = <f32> (1 / norm);
  for (let n: i32 = 0; n < rows; n++) {
    const label = load<i32>(labels + (<usize> n << 2));
    const weight = <u32> label < <u32> classes ? weightOf(weights, label) : 0;
    const x = logits + <usize> n * stride, g = gradient + <usize> n * stride;
    const highest = top(x, classes);
    const all = exponentials(x, classes, highest, g);
    scale(g, classes, weight * part / all);
    if (weight == 0) continue;
    const at = <usize> label << 2;
    total += <f64> weight * (<f64> highest + log(<f64> all) - <f64> load<f32>(x + at));
    store<f32>(g + at, load<f32>(g + at) - weight * part);
  }
  store<f32>(loss, <f32> (total / norm));
}

/**
 * The weighted mean cross-entropy of `logits`, `[rows, classes]`, and its gradient.
 *
 * @param labels `[rows] int32`, or if `dense` `[rows, classes] float32`.
 * @param weights `[classes]`, or 0 for all ones.
 * @param gradient The gradient, `[rows, classes]`.
 * @param loss The loss, `[]`.
 */
export function crossEntropy(
  logits: usize,
  labels: usize,
  dense: bool,
  rows: i32,
  classes: i32,
  smoothing: f32,
  weights: usize,
  gradient: usize,
  loss: usize,
): void {
  if (!dense && smoothing == 0) {
    ofClassNumbers(logits, labels, rows, classes, weights, gradient, loss);
    return;
  }
  const stride = <usize> classes << 2;
  const even = smoothing / <f32> classes;
  let total: f64 = 0, norm: f64 = 0;
  for (let n: i32 = 0; n < rows; n++) {
    const x = logits + <usize> n * stride, g = gradient + <usize> n * stride;
    const label = labels + <usize> n * (dense ? stride : 4);
    const highest = top(x, classes);
    const all = exponentials(x, classes, highest, g);
    const logAll = <f64> highest + log(<f64> all);
    let mass: f32 = 0;
    if (dense) { for (let c: i32 = 0; c < classes; c++) mass += labelOf(label, true, c); }
    else mass = <f32> <i32> (<u32> load<i32>(label) < <u32> classes);
    // The gradient is (sum of the targets) * softmax - targets.
    let targets: f32 = 0;
    for (let c: i32 = 0; c < classes; c++) {
      const y = labelOf(label, dense, c), weight = weightOf(weights, c);
      const target = weight * (y * (1 - smoothing) + mass * even);
      targets += target;
      norm += <f64> (weight * y);
      if (target != 0) total += <f64> target * (logAll - <f64> load<f32>(x + (<usize> c << 2)));
    }
    const factor = targets / all;
    for (let c: i32 = 0; c < classes; c++) {
      const y = labelOf(label, dense, c), weight = weightOf(weights, c);
      const target = weight * (y * (1 - smoothing) + mass * even);
      const at = g + (<usize> c << 2);
      store<f32>(at, load<f32>(at) * factor - target);
    }
  }
  store<f32>(loss, <f32> (total / norm));
  const part = <f32> (1 / norm);
  const end = gradient + <usize> rows * stride;
  for (let at = gradient; at < end; at += 4) store<f32>(at, load<f32>(at) * part);
}
