/** The Gaussian error linear unit (Hendrycks and Gimpel, 2016), in both forms, and its gradient. */
import { sigmoid } from "./sigmoids";
import { power } from "./softmax";
import { madd } from "./vector";

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
 * The normal distribution up to `x`: half of one plus the error function, by the rational function of
 * Eigen, https://eigen.tuxfamily.org. It is 0 or 1 where floats do not tell it from that.
 */
@inline
function normal(x: v128): v128 {
  const z = f32x4.mul(x, lanes(0.70710678118));
  const s = f32x4.mul(z, z);
  let p = lanes(-2.72614225801306e-10);
  p = linear(p, s, 2.77068142495902e-8);
  p = linear(p, s, -2.10102402082508e-6);
  p = linear(p, s, -5.69250639462346e-5);
  p = linear(p, s, -7.34990630326855e-4);
  p = linear(p, s, -2.95459980854025e-3);
  p = linear(p, s, -1.60960333262415e-2);
  let q = lanes(-1.45660718464996e-5);
  q = linear(q, s, -2.13374055278905e-4);
  q = linear(q, s, -1.68282697438203e-3);
  q = linear(q, s, -7.37332916720468e-3);
  q = linear(q, s, -1.42647390514189e-2);
  const y = linear(f32x4.div(f32x4.mul(z, p), q), lanes(0.5), 0.5);
  const limit = v128.and(f32x4.gt(x, lanes(0)), lanes(1));
  return v128.bitselect(limit, y, f32x4.gt(f32x4.abs(z), lanes(3.9)));
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
