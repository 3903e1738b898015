/** Functions of one number, and their gradients. */
import {
  arcCosine,
  arcSine,
  arcTangent,
  hyperbolicCosine,
  hyperbolicSine,
  inverseHyperbolicCosine,
  inverseHyperbolicSine,
  inverseHyperbolicTangent,
} from "./arcs";
import { constant } from "./constants";
import {
  clamp,
  errorFunction,
  exponential,
  exponentialLessOne,
  exponentialLessOneOfNegative,
  gelu,
  geluSlope,
  geluTanh,
  geluTanhSlope,
  logarithm,
  logarithmOfMore,
  sigmoid,
  sign,
  softplus,
  tanh,
} from "./functions";
import {
  Abs,
  AbsIntegers,
  Acos,
  Acosh,
  Asin,
  Asinh,
  Atan,
  Atanh,
  Ceil,
  Clip,
  ClipIntegers,
  Cos,
  Cosh,
  Elu,
  Erf,
  Exp,
  Expm1,
  Floor,
  Gelu,
  GeluTanh,
  HardSigmoid,
  LeakyRelu,
  Log,
  Log1p,
  Mish,
  Neg,
  NegIntegers,
  Reciprocal,
  Relu,
  Round,
  Rsqrt,
  Sigmoid,
  Sign,
  SignIntegers,
  Sin,
  Sinh,
  Softplus,
  Softsign,
  Sqrt,
  Square,
  SquareIntegers,
  Step,
  Swish,
  Tan,
  Tanh,
  ABS,
  ABS_INTEGERS,
  ACOS,
  ACOSH,
  ASIN,
  ASINH,
  ATAN,
  ATANH,
  CEIL,
  CLIP,
  CLIP_INTEGERS,
  COS,
  COSH,
  ELU,
  ERF,
  EXP,
  EXPM1,
  FLOOR,
  GELU,
  GELU_TANH,
  HARD_SIGMOID,
  LEAKY_RELU,
  LOG,
  LOG1P,
  MISH,
  NEG,
  NEG_INTEGERS,
  RECIPROCAL,
  RELU,
  ROUND,
  RSQRT,
  SIGMOID,
  SIGN,
  SIGN_INTEGERS,
  SIN,
  SINH,
  SOFTPLUS,
  SOFTSIGN,
  SQRT,
  SQUARE,
  SQUARE_INTEGERS,
  STEP,
  SWISH,
  TAN,
  TANH,
} from "./unary_functions";
import { power } from "./softmax";
import { madd } from "./vector";
import { tangent, wave } from "./waves";

@inline
function one(): v128 {
  return constant(1);
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
  // The parameter is -0: a mask in a register, which the instruction makes each time.
  if (idof<F>() == idof<Neg>()) return v128.xor(x, p);
  if (idof<F>() == idof<Abs>()) return v128.andnot(x, p);
  if (idof<F>() == idof<Square>()) return f32x4.mul(x, x);
  if (idof<F>() == idof<Reciprocal>()) return f32x4.div(one(), x);
  if (idof<F>() == idof<Sqrt>()) return f32x4.sqrt(x);
  if (idof<F>() == idof<Rsqrt>()) return f32x4.div(one(), f32x4.sqrt(x));
  if (idof<F>() == idof<Exp>()) return exponential(x);
  if (idof<F>() == idof<Expm1>()) return exponentialLessOne(x);
  if (idof<F>() == idof<Log>()) return logarithm(x);
  if (idof<F>() == idof<Log1p>()) return logarithmOfMore(x);
  if (idof<F>() == idof<Sigmoid>()) return sigmoid(x);
  if (idof<F>() == idof<Tanh>()) return tanh(x);
  if (idof<F>() == idof<Softplus>()) return softplus(x);
  if (idof<F>() == idof<Erf>()) return errorFunction(x);
  if (idof<F>() == idof<Sin>()) return wave(x, 0);
  if (idof<F>() == idof<Cos>()) return wave(x, 1);
  if (idof<F>() == idof<Tan>()) return tangent(x);
  if (idof<F>() == idof<Asin>()) return arcSine(x);
  if (idof<F>() == idof<Acos>()) return arcCosine(x);
  if (idof<F>() == idof<Atan>()) return arcTangent(x);
  if (idof<F>() == idof<Sinh>()) return hyperbolicSine(x);
  if (idof<F>() == idof<Cosh>()) return hyperbolicCosine(x);
  if (idof<F>() == idof<Asinh>()) return inverseHyperbolicSine(x);
  if (idof<F>() == idof<Acosh>()) return inverseHyperbolicCosine(x);
  if (idof<F>() == idof<Atanh>()) return inverseHyperbolicTangent(x);
  if (idof<F>() == idof<Ceil>()) return f32x4.ceil(x);
  if (idof<F>() == idof<Floor>()) return f32x4.floor(x);
  if (idof<F>() == idof<Round>()) return f32x4.nearest(x);
  if (idof<F>() == idof<NegIntegers>()) return i32x4.neg(x);
  if (idof<F>() == idof<AbsIntegers>()) return i32x4.abs(x);
  if (idof<F>() == idof<SquareIntegers>()) return i32x4.mul(x, x);
  if (idof<F>() == idof<SignIntegers>()) {
    return i32x4.sub(i32x4.shr_s(x, 31), i32x4.gt_s(x, i32x4.splat(0)));
  }
  if (idof<F>() == idof<ClipIntegers>()) {
    return i32x4.min_s(i32x4.max_s(x, i32x4.trunc_sat_f32x4_s(p)), i32x4.trunc_sat_f32x4_s(q));
  }
  if (idof<F>() == idof<Sign>()) return sign(x);
  if (idof<F>() == idof<Step>()) {
    // NaN stays NaN.
    return v128.bitselect(p, ifPositive(x, one(), x), f32x4.le(x, zero()));
  }
  if (idof<F>() == idof<Clip>()) return clamp(x, p, q);
  // The second parameter is 0; the sum makes -0 zero.
  if (idof<F>() == idof<Relu>()) return f32x4.pmin(f32x4.add(f32x4.pmax(x, q), q), p);
  if (idof<F>() == idof<LeakyRelu>()) return ifNegative(x, f32x4.mul(x, p), x);
  if (idof<F>() == idof<Elu>()) {
    return ifNegative(x, f32x4.mul(q, exponentialLessOneOfNegative(x)), f32x4.mul(p, x));
  }
  if (idof<F>() == idof<Swish>()) return f32x4.mul(x, sigmoid(f32x4.mul(p, x)));
  if (idof<F>() == idof<HardSigmoid>()) return clamp(f32x4.add(f32x4.mul(x, p), q), zero(), one());
  if (idof<F>() == idof<Softsign>()) return f32x4.div(x, f32x4.add(f32x4.abs(x), one()));
  if (idof<F>() == idof<Gelu>()) return gelu(x);
  if (idof<F>() == idof<GeluTanh>()) return geluTanh(x);
  return f32x4.mul(x, tanh(softplus(x)));
}

/**
 * The gradient of a function times `dy`, from `s`: its result or, for some functions, its input.
 */
@inline
function slope<F>(dy: v128, s: v128, p: v128, q: v128): v128 {
  if (idof<F>() == idof<Abs>()) return f32x4.mul(dy, sign(s));
  if (idof<F>() == idof<Square>()) return f32x4.mul(dy, f32x4.add(s, s));
  if (idof<F>() == idof<Reciprocal>()) return f32x4.neg(f32x4.mul(dy, f32x4.mul(s, s)));
  if (idof<F>() == idof<Sqrt>()) return f32x4.div(dy, f32x4.add(s, s));
  if (idof<F>() == idof<Rsqrt>()) {
    return f32x4.mul(f32x4.mul(dy, constant(-0.5)), f32x4.mul(s, f32x4.mul(s, s)));
  }
  if (idof<F>() == idof<Expm1>()) return f32x4.mul(dy, f32x4.add(s, one()));
  if (idof<F>() == idof<Log1p>()) return f32x4.div(dy, f32x4.add(s, one()));
  if (idof<F>() == idof<Sigmoid>()) return f32x4.mul(dy, f32x4.mul(s, f32x4.sub(one(), s)));
  if (idof<F>() == idof<Tanh>()) return f32x4.mul(dy, f32x4.sub(one(), f32x4.mul(s, s)));
  if (idof<F>() == idof<Softplus>()) return f32x4.mul(dy, sigmoid(s));
  if (idof<F>() == idof<Sin>()) return f32x4.mul(dy, wave(s, 1));
  if (idof<F>() == idof<Cos>()) return f32x4.neg(f32x4.mul(dy, wave(s, 0)));
  if (idof<F>() == idof<Erf>()) {
    const bell = power(f32x4.neg(f32x4.mul(s, s)));
    return f32x4.mul(f32x4.mul(dy, constant(1.1283791670955126)), bell);
  }
  if (idof<F>() == idof<Clip>()) return v128.and(dy, v128.and(f32x4.ge(s, p), f32x4.le(s, q)));
  if (idof<F>() == idof<LeakyRelu>()) return ifPositive(s, dy, f32x4.mul(dy, p));
  if (idof<F>() == idof<Elu>()) return f32x4.mul(dy, ifPositive(s, p, f32x4.add(s, q)));
  if (idof<F>() == idof<Swish>()) {
    const y = sigmoid(f32x4.mul(p, s));
    const rest = f32x4.mul(f32x4.mul(f32x4.mul(p, s), y), f32x4.sub(one(), y));
    return f32x4.mul(dy, f32x4.add(y, rest));
  }
  if (idof<F>() == idof<HardSigmoid>()) {
    const z = f32x4.add(f32x4.mul(s, p), q);
    const isOpen = v128.and(f32x4.ge(z, zero()), f32x4.le(z, one()));
    return v128.and(f32x4.mul(dy, p), isOpen);
  }
  if (idof<F>() == idof<Softsign>()) {
    const z = f32x4.add(f32x4.abs(s), one());
    return f32x4.div(dy, f32x4.mul(z, z));
  }
  if (idof<F>() == idof<Gelu>()) return f32x4.mul(dy, geluSlope(s));
  if (idof<F>() == idof<GeluTanh>()) return f32x4.mul(dy, geluTanhSlope(s));
  const t = tanh(softplus(s));
  const inner = f32x4.mul(f32x4.sub(one(), f32x4.mul(t, t)), sigmoid(s));
  return f32x4.mul(dy, madd(s, inner, t));
}

/** Copies fewer than four floats. */
function copyRest(from: usize, to: usize, count: i32): void {
  for (const end = from + (<usize> count << 2); from < end; from += 4, to += 4) {
    store<i32>(to, load<i32>(from));
  }
}

@inline
function each<F>(x: usize, y: usize, size: i32, p: f32, q: f32): void {
  const a = f32x4.splat(p), b = f32x4.splat(q);
  for (let i = 0; i < size; i += 4, x += 16, y += 16) {
    v128.store(y, compute<F>(v128.load(x), a, b));
  }
}

/** A function so short that counting would take as long: several vectors a round. */
@inline
function eachShort<F>(x: usize, y: usize, size: i32, p: f32, q: f32): void {
  const a = f32x4.splat(p), b = f32x4.splat(q);
  let i = 0;
  for (; i + 16 <= size; i += 16, x += 64, y += 64) {
    const u = compute<F>(v128.load(x), a, b), v = compute<F>(v128.load(x, 16), a, b);
    const w = compute<F>(v128.load(x, 32), a, b), z = compute<F>(v128.load(x, 48), a, b);
    v128.store(y, u);
    v128.store(y, v, 16);
    v128.store(y, w, 32);
    v128.store(y, z, 48);
  }
  each<F>(x, y, size - i, p, q);
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
  scratch: usize,
): void {
  const whole = (end - begin) & ~3, rest = end - begin - whole;
  const skip = <usize> begin << 2, more = skip + (<usize> whole << 2);
  computeAll(f, x + skip, y + skip, whole, p, q);
  if (rest == 0) return;
  // One loop for each function is half of the code.
  copyRest(x + more, scratch, rest);
  computeAll(f, scratch, scratch, 4, p, q);
  copyRest(scratch, y + more, rest);
}

/** A function of whole vectors. */
function computeAll(f: i32, x: usize, y: usize, size: i32, p: f32, q: f32): void {
  switch (f) {
    case NEG:
      eachShort<Neg>(x, y, size, p, q);
      break;
    case ABS:
      eachShort<Abs>(x, y, size, p, q);
      break;
    case SQUARE:
      eachShort<Square>(x, y, size, p, q);
      break;
    case RECIPROCAL:
      each<Reciprocal>(x, y, size, p, q);
      break;
    case SQRT:
      eachShort<Sqrt>(x, y, size, p, q);
      break;
    case RSQRT:
      each<Rsqrt>(x, y, size, p, q);
      break;
    case EXP:
      each<Exp>(x, y, size, p, q);
      break;
    case EXPM1:
      each<Expm1>(x, y, size, p, q);
      break;
    case LOG:
      each<Log>(x, y, size, p, q);
      break;
    case LOG1P:
      each<Log1p>(x, y, size, p, q);
      break;
    case SIGMOID:
      each<Sigmoid>(x, y, size, p, q);
      break;
    case TANH:
      each<Tanh>(x, y, size, p, q);
      break;
    case SOFTPLUS:
      each<Softplus>(x, y, size, p, q);
      break;
    case ERF:
      each<Erf>(x, y, size, p, q);
      break;
    case SIGN:
      each<Sign>(x, y, size, p, q);
      break;
    case STEP:
      each<Step>(x, y, size, p, q);
      break;
    case CLIP:
      eachShort<Clip>(x, y, size, p, q);
      break;
    case RELU:
      eachShort<Relu>(x, y, size, p, q);
      break;
    case LEAKY_RELU:
      eachShort<LeakyRelu>(x, y, size, p, q);
      break;
    case ELU:
      each<Elu>(x, y, size, p, q);
      break;
    case SWISH:
      each<Swish>(x, y, size, p, q);
      break;
    case HARD_SIGMOID:
      each<HardSigmoid>(x, y, size, p, q);
      break;
    case MISH:
      each<Mish>(x, y, size, p, q);
      break;
    case SIN:
      each<Sin>(x, y, size, p, q);
      break;
    case COS:
      each<Cos>(x, y, size, p, q);
      break;
    case SOFTSIGN:
      each<Softsign>(x, y, size, p, q);
      break;
    case GELU:
      each<Gelu>(x, y, size, p, q);
      break;
    case GELU_TANH:
      each<GeluTanh>(x, y, size, p, q);
      break;
    case TAN:
      each<Tan>(x, y, size, p, q);
      break;
    case ASIN:
      each<Asin>(x, y, size, p, q);
      break;
    case ACOS:
      each<Acos>(x, y, size, p, q);
      break;
    case ATAN:
      each<Atan>(x, y, size, p, q);
      break;
    case SINH:
      each<Sinh>(x, y, size, p, q);
      break;
    case COSH:
      each<Cosh>(x, y, size, p, q);
      break;
    case ASINH:
      each<Asinh>(x, y, size, p, q);
      break;
    case ACOSH:
      each<Acosh>(x, y, size, p, q);
      break;
    case ATANH:
      each<Atanh>(x, y, size, p, q);
      break;
    case CEIL:
      eachShort<Ceil>(x, y, size, p, q);
      break;
    case FLOOR:
      eachShort<Floor>(x, y, size, p, q);
      break;
    case ROUND:
      eachShort<Round>(x, y, size, p, q);
      break;
    case NEG_INTEGERS:
      eachShort<NegIntegers>(x, y, size, p, q);
      break;
    case ABS_INTEGERS:
      eachShort<AbsIntegers>(x, y, size, p, q);
      break;
    case SQUARE_INTEGERS:
      eachShort<SquareIntegers>(x, y, size, p, q);
      break;
    case SIGN_INTEGERS:
      each<SignIntegers>(x, y, size, p, q);
      break;
    case CLIP_INTEGERS:
      each<ClipIntegers>(x, y, size, p, q);
      break;
  }
}

@inline
function eachSlope<F>(dy: usize, s: usize, dx: usize, size: i32, p: f32, q: f32): void {
  const a = f32x4.splat(p), b = f32x4.splat(q);
  for (let i = 0; i < size; i += 4, dy += 16, s += 16, dx += 16) {
    v128.store(dx, slope<F>(v128.load(dy), v128.load(s), a, b));
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
  scratch: usize,
): void {
  const whole = (end - begin) & ~3, rest = end - begin - whole;
  const skip = <usize> begin << 2, more = skip + (<usize> whole << 2);
  computeSlopes(f, dy + skip, s + skip, dx + skip, whole, p, q);
  if (rest == 0) return;
  copyRest(dy + more, scratch, rest);
  copyRest(s + more, scratch + 16, rest);
  computeSlopes(f, scratch, scratch + 16, scratch, 4, p, q);
  copyRest(scratch, dx + more, rest);
}

/** The gradients of whole vectors. */
function computeSlopes(f: i32, dy: usize, s: usize, dx: usize, size: i32, p: f32, q: f32): void {
  switch (f) {
    case ABS:
      eachSlope<Abs>(dy, s, dx, size, p, q);
      break;
    case SQUARE:
      eachSlope<Square>(dy, s, dx, size, p, q);
      break;
    case RECIPROCAL:
      eachSlope<Reciprocal>(dy, s, dx, size, p, q);
      break;
    case SQRT:
      eachSlope<Sqrt>(dy, s, dx, size, p, q);
      break;
    case RSQRT:
      eachSlope<Rsqrt>(dy, s, dx, size, p, q);
      break;
    case EXPM1:
      eachSlope<Expm1>(dy, s, dx, size, p, q);
      break;
    case LOG1P:
      eachSlope<Log1p>(dy, s, dx, size, p, q);
      break;
    case SIGMOID:
      eachSlope<Sigmoid>(dy, s, dx, size, p, q);
      break;
    case TANH:
      eachSlope<Tanh>(dy, s, dx, size, p, q);
      break;
    case SOFTPLUS:
      eachSlope<Softplus>(dy, s, dx, size, p, q);
      break;
    case ERF:
      eachSlope<Erf>(dy, s, dx, size, p, q);
      break;
    case CLIP:
      eachSlope<Clip>(dy, s, dx, size, p, q);
      break;
    case LEAKY_RELU:
      eachSlope<LeakyRelu>(dy, s, dx, size, p, q);
      break;
    case ELU:
      eachSlope<Elu>(dy, s, dx, size, p, q);
      break;
    case SWISH:
      eachSlope<Swish>(dy, s, dx, size, p, q);
      break;
    case HARD_SIGMOID:
      eachSlope<HardSigmoid>(dy, s, dx, size, p, q);
      break;
    case MISH:
      eachSlope<Mish>(dy, s, dx, size, p, q);
      break;
    case SIN:
      eachSlope<Sin>(dy, s, dx, size, p, q);
      break;
    case COS:
      eachSlope<Cos>(dy, s, dx, size, p, q);
      break;
    case SOFTSIGN:
      eachSlope<Softsign>(dy, s, dx, size, p, q);
      break;
    case GELU:
      eachSlope<Gelu>(dy, s, dx, size, p, q);
      break;
    case GELU_TANH:
      eachSlope<GeluTanh>(dy, s, dx, size, p, q);
      break;
  }
}
