/**
 * Losses of predictions, element by element, and their gradients by the predictions, in one pass
 * each.
 */
import {
  CrossTerm,
  Hinge,
  Huber,
  LogLoss,
  SigmoidCrossEntropy,
  CROSS_TERM,
  HINGE,
  HUBER,
  LOG_LOSS,
  SIGMOID_CROSS_ENTROPY,
} from "./loss_functions";
import { clamp, logarithm, sigmoid, softplus } from "./functions";

/** The loss of predictions `x` of labels `t`; `p` is delta, epsilon, or the weight of labels of 1. */
@inline
function loss<F>(x: v128, t: v128, p: v128): v128 {
  const one = f32x4.splat(1), zero = f32x4.splat(0);
  if (idof<F>() == idof<SigmoidCrossEntropy>()) {
    const weight = f32x4.add(f32x4.mul(t, f32x4.sub(p, one)), one);
    return f32x4.add(f32x4.mul(x, f32x4.sub(one, t)), f32x4.mul(softplus(f32x4.neg(x)), weight));
  }
  if (idof<F>() == idof<Huber>()) {
    const error = f32x4.abs(f32x4.sub(x, t)), square = f32x4.pmin(p, error);
    const half = f32x4.mul(f32x4.mul(square, square), f32x4.splat(0.5));
    return f32x4.add(half, f32x4.mul(p, f32x4.sub(error, square)));
  }
  if (idof<F>() == idof<LogLoss>()) {
    const yes = f32x4.mul(t, logarithm(f32x4.add(x, p)));
    const no = f32x4.mul(f32x4.sub(one, t), logarithm(f32x4.add(f32x4.sub(one, x), p)));
    return f32x4.sub(f32x4.neg(yes), no);
  }
  if (idof<F>() == idof<Hinge>()) {
    const rest = f32x4.sub(one, f32x4.mul(f32x4.sub(f32x4.add(t, t), one), x));
    return v128.bitselect(zero, rest, f32x4.le(rest, zero));
  }
  const masked = v128.and(f32x4.eq(x, f32x4.splat(-Infinity)), f32x4.eq(t, zero));
  return v128.andnot(f32x4.neg(f32x4.mul(x, t)), masked);
}

@inline
function slope<F>(x: v128, t: v128, p: v128): v128 {
  const one = f32x4.splat(1), zero = f32x4.splat(0);
  if (idof<F>() == idof<SigmoidCrossEntropy>()) {
    const weight = f32x4.add(f32x4.mul(t, f32x4.sub(p, one)), one);
    return f32x4.sub(f32x4.sub(one, t), f32x4.mul(sigmoid(f32x4.neg(x)), weight));
  }
  if (idof<F>() == idof<Huber>()) return clamp(f32x4.sub(x, t), f32x4.neg(p), p);
  if (idof<F>() == idof<LogLoss>()) {
    const no = f32x4.div(f32x4.sub(one, t), f32x4.add(f32x4.sub(one, x), p));
    return f32x4.sub(no, f32x4.div(t, f32x4.add(x, p)));
  }
  if (idof<F>() == idof<Hinge>()) {
    const sign = f32x4.sub(f32x4.add(t, t), one);
    return v128.andnot(f32x4.neg(sign), f32x4.ge(f32x4.mul(sign, x), one));
  }
  return f32x4.neg(t);
}

@inline
function losses<F>(x: usize, t: usize, y: usize, count: i32, p: f32): void {
  const parameter = f32x4.splat(p);
  let i = 0;
  for (; i + 4 <= count; i += 4, x += 16, t += 16, y += 16) {
    v128.store(y, loss<F>(v128.load(x), v128.load(t), parameter));
  }
  for (; i < count; i++, x += 4, t += 4, y += 4) {
    const result = loss<F>(v128.load32_splat(x), v128.load32_splat(t), parameter);
    store<f32>(y, f32x4.extract_lane(result, 0));
  }
}

@inline
function slopes<F>(dy: usize, x: usize, t: usize, dx: usize, count: i32, p: f32): void {
  const parameter = f32x4.splat(p);
  let i = 0;
  for (; i + 4 <= count; i += 4, dy += 16, x += 16, t += 16, dx += 16) {
    v128.store(dx, f32x4.mul(v128.load(dy), slope<F>(v128.load(x), v128.load(t), parameter)));
  }
  for (; i < count; i++, dy += 4, x += 4, t += 4, dx += 4) {
    const result = slope<F>(v128.load32_splat(x), v128.load32_splat(t), parameter);
    store<f32>(dx, load<f32>(dy) * f32x4.extract_lane(result, 0));
  }
}

/** The losses of elements `begin` to `end`; `f` is the number of the loss. */
export function elementLoss(
  f: i32,
  x: usize,
  labels: usize,
  y: usize,
  begin: i32,
  end: i32,
  p: f32,
  _scratch: usize,
): void {
  const skip = <usize> begin << 2, count = end - begin;
  x += skip;
  labels += skip;
  y += skip;
  switch (f) {
    case SIGMOID_CROSS_ENTROPY:
      losses<SigmoidCrossEntropy>(x, labels, y, count, p);
      break;
    case HUBER:
      losses<Huber>(x, labels, y, count, p);
      break;
    case LOG_LOSS:
      losses<LogLoss>(x, labels, y, count, p);
      break;
    case HINGE:
      losses<Hinge>(x, labels, y, count, p);
      break;
    case CROSS_TERM:
      losses<CrossTerm>(x, labels, y, count, p);
      break;
  }
}

/** The gradients of elements `begin` to `end` by the predictions, times `dy`. */
export function elementLossSlope(
  f: i32,
  dy: usize,
  x: usize,
  labels: usize,
  dx: usize,
  begin: i32,
  end: i32,
  p: f32,
  _scratch: usize,
): void {
  const skip = <usize> begin << 2, count = end - begin;
  dy += skip;
  x += skip;
  labels += skip;
  dx += skip;
  switch (f) {
    case SIGMOID_CROSS_ENTROPY:
      slopes<SigmoidCrossEntropy>(dy, x, labels, dx, count, p);
      break;
    case HUBER:
      slopes<Huber>(dy, x, labels, dx, count, p);
      break;
    case LOG_LOSS:
      slopes<LogLoss>(dy, x, labels, dx, count, p);
      break;
    case HINGE:
      slopes<Hinge>(dy, x, labels, dx, count, p);
      break;
    case CROSS_TERM:
      slopes<CrossTerm>(dy, x, labels, dx, count, p);
      break;
  }
}
