/** The Gaussian error linear unit (Hendrycks and Gimpel, 2016), in both forms, and its gradient. */
import { power } from "./softmax";
import { exp, madd } from "./vector";

@inline
function lanes(x: f32): v128 {
  return f32x4.splat(x);
}

/** `a * x + b`. */
@inline
function linear(a: v128, x: v128, b: f32): v128 {
  return madd(a, x, lanes(b));
}

/**
 * The normal distribution up to `x`, to about two units in the last place, also where it is small
 * (Press et al., "Numerical Recipes in C", 1992, section 6.2).
 */
function normal(x: v128): v128 {
  const z = f32x4.mul(f32x4.abs(x), lanes(0.70710678118));
  const t = f32x4.div(lanes(1), linear(z, lanes(0.5), 1));
  let p = linear(t, lanes(0.17087277), -0.82215223);
  p = linear(p, t, 1.48851587);
  p = linear(p, t, -1.13520398);
  p = linear(p, t, 0.27886807);
  p = linear(p, t, -0.18628806);
  p = linear(p, t, 0.09678418);
  p = linear(p, t, 0.37409196);
  p = linear(p, t, 1.00002368);
  p = linear(p, t, -1.26551223);
  const tail = f32x4.mul(f32x4.mul(t, lanes(0.5)), power(f32x4.sub(p, f32x4.mul(z, z))));
  return v128.bitselect(tail, f32x4.sub(lanes(1), tail), f32x4.lt(x, lanes(0)));
}

/** `1 / (1 + e ** -x)`, and 0 for the most negative numbers. */
@inline
function sigmoid(x: v128): v128 {
  const y = f32x4.div(lanes(1), f32x4.add(lanes(1), exp(f32x4.neg(x))));
  return v128.andnot(y, f32x4.lt(x, lanes(-87.3)));
}

const ROOT: f32 = 1.5957691216; // 2 * sqrt(2 / pi)
const CUBE: f32 = 0.044715;

/** `(1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3))) / 2`. */
@inline
function approximate(x: v128): v128 {
  const inner = linear(f32x4.mul(x, x), lanes(CUBE), 1);
  return sigmoid(f32x4.mul(f32x4.mul(x, lanes(ROOT)), inner));
}

@inline
function value(x: v128, tanh: bool): v128 {
  return f32x4.mul(x, tanh ? approximate(x) : normal(x));
}

@inline
function slope(x: v128, tanh: bool): v128 {
  const square = f32x4.mul(x, x);
  if (tanh) {
    const y = approximate(x);
    const inner = f32x4.mul(linear(square, lanes(3 * CUBE), 1), lanes(ROOT));
    return madd(f32x4.mul(x, inner), f32x4.mul(y, f32x4.sub(lanes(1), y)), y);
  }
  const density = f32x4.mul(power(f32x4.mul(square, lanes(-0.5))), lanes(0.3989422804));
  return madd(x, density, normal(x));
}

/** Elements `first` to `end` of `x` times the normal distribution up to `x`. */
export function gelu(x: usize, y: usize, first: i32, end: i32, tanh: bool, _scratch: usize): void {
  x += <usize> first << 2;
  y += <usize> first << 2;
  let i = first;
  for (; i + 4 <= end; i += 4, x += 16, y += 16) v128.store(y, value(v128.load(x), tanh));
  for (; i < end; i++, x += 4, y += 4) {
    store<f32>(y, f32x4.extract_lane(value(v128.load32_splat(x), tanh), 0));
  }
}

/** Elements `first` to `end` of the gradient of `x`. */
export function geluGradient(
  dy: usize,
  x: usize,
  dx: usize,
  first: i32,
  end: i32,
  tanh: bool,
  _scratch: usize,
): void {
  const start = <usize> first << 2;
  dy += start;
  x += start;
  dx += start;
  let i = first;
  for (; i + 4 <= end; i += 4, dy += 16, x += 16, dx += 16) {
    v128.store(dx, f32x4.mul(v128.load(dy), slope(v128.load(x), tanh)));
  }
  for (; i < end; i++, dy += 4, x += 4, dx += 4) {
    store<f32>(dx, load<f32>(dy) * f32x4.extract_lane(slope(v128.load32_splat(x), tanh), 0));
  }
}
