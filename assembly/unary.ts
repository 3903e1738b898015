/** Functions of one number, and their slopes. */
import {
  clamp,
  errorFunction,
  exponential,
  exponentialLessOne,
  logarithm,
  logarithmOfMore,
  sigmoid,
  sign,
  softplus,
  tangent,
} from "./functions";
import {
  Abs,
  Clip,
  Elu,
  Erf,
  Exp,
  Expm1,
  HardSigmoid,
  LeakyRelu,
  Log,
  Log1p,
  Mish,
  Neg,
  Reciprocal,
  Relu,
  Rsqrt,
  Selu,
  Sigmoid,
  Sign,
  Softplus,
  Sqrt,
  Square,
  Step,
  Swish,
  Tanh,
  ABS,
  CLIP,
  ELU,
  ERF,
  EXP,
  EXPM1,
  HARD_SIGMOID,
  LEAKY_RELU,
  LOG,
  LOG1P,
  MISH,
  NEG,
  RECIPROCAL,
  RELU,
  RSQRT,
  SELU,
  SIGMOID,
  SIGN,
  SOFTPLUS,
  SQRT,
  SQUARE,
  STEP,
  SWISH,
  TANH,
} from "./unary_functions";
import { madd } from "./vector";

/** The factors of selu, from Klambauer et al., Self-Normalizing Neural Networks, 2017. */
// deno-fmt-ignore
@inline const SELU_SCALE: f32 = 1.0507009873554805;
// deno-fmt-ignore
@inline const SELU_SCALE_ALPHA: f32 = 1.7580993408473769;

@inline
function one(): v128 {
  return f32x4.splat(1);
}

@inline
function zero(): v128 {
  return f32x4.splat(0);
}

/** `a` where `x` is positive, else `b`. */
@inline
function ifPositive(x: v128, a: v128, b: v128): v128 {
  return v128.bitselect(a, b, f32x4.gt(x, zero()));
}

/** `a` where `x` is negative, else `b`. */
@inline
function ifNegative(x: v128, a: v128, b: v128): v128 {
  return v128.bitselect(a, b, f32x4.lt(x, zero()));
}

/** A function of `x` with up to two parameters. */
@inline
function compute<F>(x: v128, p: v128, q: v128): v128 {
  if (idof<F>() == idof<Neg>()) return f32x4.neg(x);
  if (idof<F>() == idof<Abs>()) return f32x4.abs(x);
  if (idof<F>() == idof<Square>()) return f32x4.mul(x, x);
  if (idof<F>() == idof<Reciprocal>()) return f32x4.div(one(), x);
  if (idof<F>() == idof<Sqrt>()) return f32x4.sqrt(x);
  if (idof<F>() == idof<Rsqrt>()) return f32x4.div(one(), f32x4.sqrt(x));
  if (idof<F>() == idof<Exp>()) return exponential(x);
  if (idof<F>() == idof<Expm1>()) return exponentialLessOne(x);
  if (idof<F>() == idof<Log>()) return logarithm(x);
  if (idof<F>() == idof<Log1p>()) return logarithmOfMore(x);
  if (idof<F>() == idof<Sigmoid>()) return sigmoid(x);
  if (idof<F>() == idof<Tanh>()) return tangent(x);
  if (idof<F>() == idof<Softplus>()) return softplus(x);
  if (idof<F>() == idof<Erf>()) return errorFunction(x);
  if (idof<F>() == idof<Sign>()) return sign(x);
  if (idof<F>() == idof<Step>()) {
    // NaN stays NaN.
    return v128.bitselect(p, ifPositive(x, one(), x), f32x4.le(x, zero()));
  }
  if (idof<F>() == idof<Clip>()) return clamp(x, p, q);
  // The sum makes -0 zero.
  if (idof<F>() == idof<Relu>()) return f32x4.add(clamp(x, zero(), p), zero());
  if (idof<F>() == idof<LeakyRelu>()) return ifNegative(x, f32x4.mul(x, p), x);
  if (idof<F>() == idof<Elu>()) return ifNegative(x, exponentialLessOne(x), x);
  if (idof<F>() == idof<Selu>()) {
    const scale = f32x4.splat(SELU_SCALE), scaleAlpha = f32x4.splat(SELU_SCALE_ALPHA);
    return ifNegative(x, f32x4.mul(scaleAlpha, exponentialLessOne(x)), f32x4.mul(scale, x));
  }
  if (idof<F>() == idof<Swish>()) return f32x4.mul(x, sigmoid(f32x4.mul(p, x)));
  if (idof<F>() == idof<HardSigmoid>()) return clamp(madd(x, p, q), zero(), one());
  return f32x4.mul(x, tangent(softplus(x)));
}

/** The slope of a function times `dy`, from `s`: its result or, for some functions, its input. */
@inline
function slope<F>(dy: v128, s: v128, p: v128, q: v128): v128 {
  if (idof<F>() == idof<Abs>()) return f32x4.mul(dy, sign(s));
  if (idof<F>() == idof<Square>()) return f32x4.mul(dy, f32x4.add(s, s));
  if (idof<F>() == idof<Reciprocal>()) return f32x4.neg(f32x4.mul(dy, f32x4.mul(s, s)));
  if (idof<F>() == idof<Sqrt>()) return f32x4.div(dy, f32x4.add(s, s));
  if (idof<F>() == idof<Rsqrt>()) {
    return f32x4.mul(f32x4.mul(dy, f32x4.splat(-0.5)), f32x4.mul(s, f32x4.mul(s, s)));
  }
  if (idof<F>() == idof<Expm1>()) return f32x4.mul(dy, f32x4.add(s, one()));
  if (idof<F>() == idof<Log1p>()) return f32x4.div(dy, f32x4.add(s, one()));
  if (idof<F>() == idof<Sigmoid>()) return f32x4.mul(dy, f32x4.mul(s, f32x4.sub(one(), s)));
  if (idof<F>() == idof<Tanh>()) return f32x4.mul(dy, f32x4.sub(one(), f32x4.mul(s, s)));
  if (idof<F>() == idof<Softplus>()) return f32x4.mul(dy, sigmoid(s));
  if (idof<F>() == idof<Erf>()) {
    const bell = exponential(f32x4.neg(f32x4.mul(s, s)));
    return f32x4.mul(f32x4.mul(dy, f32x4.splat(1.1283791670955126)), bell);
  }
  if (idof<F>() == idof<Clip>()) return v128.and(dy, v128.and(f32x4.ge(s, p), f32x4.le(s, q)));
  if (idof<F>() == idof<LeakyRelu>()) return ifPositive(s, dy, f32x4.mul(dy, p));
  if (idof<F>() == idof<Elu>()) return ifPositive(s, dy, f32x4.mul(dy, f32x4.add(s, one())));
  if (idof<F>() == idof<Selu>()) {
    const below = f32x4.add(s, f32x4.splat(SELU_SCALE_ALPHA));
    return f32x4.mul(dy, ifPositive(s, f32x4.splat(SELU_SCALE), below));
  }
  if (idof<F>() == idof<Swish>()) {
    const y = sigmoid(f32x4.mul(p, s));
    const rest = f32x4.mul(f32x4.mul(f32x4.mul(p, s), y), f32x4.sub(one(), y));
    return f32x4.mul(dy, f32x4.add(y, rest));
  }
  if (idof<F>() == idof<HardSigmoid>()) {
    const z = madd(s, p, q);
    const isOpen = v128.and(f32x4.ge(z, zero()), f32x4.le(z, one()));
    return v128.and(f32x4.mul(dy, p), isOpen);
  }
  const t = tangent(softplus(s));
  const inner = f32x4.mul(f32x4.sub(one(), f32x4.mul(t, t)), sigmoid(s));
  return f32x4.mul(dy, madd(s, inner, t));
}

@inline
function each<F>(x: usize, y: usize, begin: i32, end: i32, p: f32, q: f32): void {
  const a = f32x4.splat(p), b = f32x4.splat(q);
  x += <usize> begin << 2;
  y += <usize> begin << 2;
  let i = begin;
  for (; i + 4 <= end; i += 4, x += 16, y += 16) v128.store(y, compute<F>(v128.load(x), a, b));
  for (; i < end; i++, x += 4, y += 4) {
    store<f32>(y, f32x4.extract_lane(compute<F>(v128.load32_splat(x), a, b), 0));
  }
}

/**
 * A function of elements `begin` to `end`.
 *
 * @param f Its number.
 * @param p Its first parameter, if it has one.
 * @param q Its second parameter.
 */
export function unary(
  f: i32,
  x: usize,
  y: usize,
  begin: i32,
  end: i32,
  p: f32,
  q: f32,
  _scratch: usize,
): void {
  switch (f) {
    case NEG:
      each<Neg>(x, y, begin, end, p, q);
      break;
    case ABS:
      each<Abs>(x, y, begin, end, p, q);
      break;
    case SQUARE:
      each<Square>(x, y, begin, end, p, q);
      break;
    case RECIPROCAL:
      each<Reciprocal>(x, y, begin, end, p, q);
      break;
    case SQRT:
      each<Sqrt>(x, y, begin, end, p, q);
      break;
    case RSQRT:
      each<Rsqrt>(x, y, begin, end, p, q);
      break;
    case EXP:
      each<Exp>(x, y, begin, end, p, q);
      break;
    case EXPM1:
      each<Expm1>(x, y, begin, end, p, q);
      break;
    case LOG:
      each<Log>(x, y, begin, end, p, q);
      break;
    case LOG1P:
      each<Log1p>(x, y, begin, end, p, q);
      break;
    case SIGMOID:
      each<Sigmoid>(x, y, begin, end, p, q);
      break;
    case TANH:
      each<Tanh>(x, y, begin, end, p, q);
      break;
    case SOFTPLUS:
      each<Softplus>(x, y, begin, end, p, q);
      break;
    case ERF:
      each<Erf>(x, y, begin, end, p, q);
      break;
    case SIGN:
      each<Sign>(x, y, begin, end, p, q);
      break;
    case STEP:
      each<Step>(x, y, begin, end, p, q);
      break;
    case CLIP:
      each<Clip>(x, y, begin, end, p, q);
      break;
    case RELU:
      each<Relu>(x, y, begin, end, p, q);
      break;
    case LEAKY_RELU:
      each<LeakyRelu>(x, y, begin, end, p, q);
      break;
    case ELU:
      each<Elu>(x, y, begin, end, p, q);
      break;
    case SELU:
      each<Selu>(x, y, begin, end, p, q);
      break;
    case SWISH:
      each<Swish>(x, y, begin, end, p, q);
      break;
    case HARD_SIGMOID:
      each<HardSigmoid>(x, y, begin, end, p, q);
      break;
    case MISH:
      each<Mish>(x, y, begin, end, p, q);
      break;
  }
}

@inline
function eachSlope<F>(dy: usize, s: usize, dx: usize, begin: i32, end: i32, p: f32, q: f32): void {
  const a = f32x4.splat(p), b = f32x4.splat(q);
  const skip = <usize> begin << 2;
  dy += skip;
  s += skip;
  dx += skip;
  let i = begin;
  for (; i + 4 <= end; i += 4, dy += 16, s += 16, dx += 16) {
    v128.store(dx, slope<F>(v128.load(dy), v128.load(s), a, b));
  }
  for (; i < end; i++, dy += 4, s += 4, dx += 4) {
    const result = slope<F>(v128.load32_splat(dy), v128.load32_splat(s), a, b);
    store<f32>(dx, f32x4.extract_lane(result, 0));
  }
}

/**
 * The gradient of a function's input, elements `begin` to `end`, in one pass.
 *
 * @param f The number of the function.
 * @param dy The gradient of its result.
 * @param s Its result, or its input.
 */
export function unarySlope(
  f: i32,
  dy: usize,
  s: usize,
  dx: usize,
  begin: i32,
  end: i32,
  p: f32,
  q: f32,
  _scratch: usize,
): void {
  switch (f) {
    case ABS:
      eachSlope<Abs>(dy, s, dx, begin, end, p, q);
      break;
    case SQUARE:
      eachSlope<Square>(dy, s, dx, begin, end, p, q);
      break;
    case RECIPROCAL:
      eachSlope<Reciprocal>(dy, s, dx, begin, end, p, q);
      break;
    case SQRT:
      eachSlope<Sqrt>(dy, s, dx, begin, end, p, q);
      break;
    case RSQRT:
      eachSlope<Rsqrt>(dy, s, dx, begin, end, p, q);
      break;
    case EXPM1:
      eachSlope<Expm1>(dy, s, dx, begin, end, p, q);
      break;
    case LOG1P:
      eachSlope<Log1p>(dy, s, dx, begin, end, p, q);
      break;
    case SIGMOID:
      eachSlope<Sigmoid>(dy, s, dx, begin, end, p, q);
      break;
    case TANH:
      eachSlope<Tanh>(dy, s, dx, begin, end, p, q);
      break;
    case SOFTPLUS:
      eachSlope<Softplus>(dy, s, dx, begin, end, p, q);
      break;
    case ERF:
      eachSlope<Erf>(dy, s, dx, begin, end, p, q);
      break;
    case CLIP:
      eachSlope<Clip>(dy, s, dx, begin, end, p, q);
      break;
    case LEAKY_RELU:
      eachSlope<LeakyRelu>(dy, s, dx, begin, end, p, q);
      break;
    case ELU:
      eachSlope<Elu>(dy, s, dx, begin, end, p, q);
      break;
    case SELU:
      eachSlope<Selu>(dy, s, dx, begin, end, p, q);
      break;
    case SWISH:
      eachSlope<Swish>(dy, s, dx, begin, end, p, q);
      break;
    case HARD_SIGMOID:
      eachSlope<HardSigmoid>(dy, s, dx, begin, end, p, q);
      break;
    case MISH:
      eachSlope<Mish>(dy, s, dx, begin, end, p, q);
      break;
  }
}
