/**
 * Updates of one variable by the rules of `tf.train`, in one pass: they round as the operations of
 * which TensorFlow.js composes them.
 *
 * The functions are like those of `optimizers.ts`. A variable has up to three slots; the addresses of
 * those that a rule lacks are 0.
 */
import {
  ADADELTA,
  ADAGRAD,
  ADAMAX,
  CENTERED_RMSPROP,
  DESCENT,
  MOMENTUM,
  NESTEROV,
  RMSPROP,
  Adadelta,
  Adagrad,
  Adamax,
  CenteredRmsprop,
  Descent,
  Momentum,
  Nesterov,
  Rmsprop,
} from "./stock_updates";

@inline
function word(row: usize, at: usize): u32 {
  return load<u32>(row + (at << 2));
}

@inline
function square(x: v128): v128 {
  return f32x4.mul(x, x);
}

/** `x a + y` */
@inline
function mulAdd(x: v128, a: v128, y: v128): v128 {
  return f32x4.add(f32x4.mul(x, a), y);
}

/** `x a + y b` */
@inline
function mix(x: v128, a: v128, y: v128, b: v128): v128 {
  return f32x4.add(f32x4.mul(x, a), f32x4.mul(y, b));
}

/** The larger number of each lane; NaN of either stays. */
@inline
function larger(x: v128, y: v128): v128 {
  return v128.bitselect(x, f32x4.pmax(y, x), f32x4.ne(x, x));
}

/** Updates whole vectors. */
@inline
function vectors<Rule>(
  value: usize,
  gradient: usize,
  slot0: usize,
  slot1: usize,
  slot2: usize,
  newValue: usize,
  new0: usize,
  new1: usize,
  new2: usize,
  begin: usize,
  end: usize,
  a: v128,
  b: v128,
  c: v128,
  d: v128,
  e: v128,
): void {
  for (let o = begin; o < end; o += 16) {
    const x = v128.load(value + o), g = v128.load(gradient + o);
    let y: v128;
    if (idof<Rule>() == idof<Descent>()) y = mulAdd(g, a, x);
    else if (idof<Rule>() == idof<Momentum>() || idof<Rule>() == idof<Nesterov>()) {
      const moved = mulAdd(v128.load(slot0 + o), b, g);
      v128.store(new0 + o, moved);
      y = idof<Rule>() == idof<Nesterov>()
        ? mulAdd(f32x4.add(g, f32x4.mul(moved, b)), a, x)
        : mulAdd(moved, a, x);
    } else if (idof<Rule>() == idof<Adagrad>()) {
      const sum = f32x4.add(v128.load(slot0 + o), square(g));
      v128.store(new0 + o, sum);
      y = mulAdd(f32x4.div(g, f32x4.sqrt(f32x4.add(sum, e))), a, x);
    } else if (idof<Rule>() == idof<Adadelta>()) {
      const gradients = v128.load(slot0 + o), changes = v128.load(slot1 + o);
      const roots = f32x4.div(
        f32x4.sqrt(f32x4.add(changes, e)),
        f32x4.sqrt(f32x4.add(gradients, e)),
      );
      const change = f32x4.mul(roots, g);
      v128.store(new0 + o, mix(gradients, b, square(g), c));
      v128.store(new1 + o, mix(changes, b, square(change), c));
      y = mulAdd(change, a, x);
    } else if (idof<Rule>() == idof<Adamax>()) {
      const mean = mix(v128.load(slot0 + o), b, g, c);
      const norm = larger(f32x4.mul(v128.load(slot1 + o), d), f32x4.abs(g));
      v128.store(new0 + o, mean);
      v128.store(new1 + o, norm);
      y = mulAdd(f32x4.div(mean, f32x4.add(norm, e)), a, x);
    } else {
      const squares = mix(v128.load(slot0 + o), b, square(g), c);
      let variance = squares;
      if (idof<Rule>() == idof<CenteredRmsprop>()) {
        const mean = mix(v128.load(slot2 + o), b, g, c);
        v128.store(new2 + o, mean);
        variance = f32x4.sub(squares, square(mean));
        // Rounding can make the variance of a constant gradient negative; NaN stays.
        variance = v128.bitselect(f32x4.splat(0), variance, f32x4.lt(variance, f32x4.splat(0)));
      }
      const step = f32x4.div(f32x4.mul(g, a), f32x4.sqrt(f32x4.add(variance, e)));
      const moved = mulAdd(v128.load(slot1 + o), d, step);
      v128.store(new0 + o, squares);
      v128.store(new1 + o, moved);
      y = f32x4.sub(x, moved);
    }
    v128.store(newValue + o, y);
  }
}

/**
 * Updates one variable. `a` is the factor of the change, `b` and `c` are the parts of a mean that are
 * kept and added, `d` is that of another mean, and `e` is added to a root or before it.
 */
export function stockUpdate(
  value: usize,
  gradient: usize,
  slot0: usize,
  slot1: usize,
  slot2: usize,
  newValue: usize,
  new0: usize,
  new1: usize,
  new2: usize,
  first: i32,
  end: i32,
  rule: i32,
  a: f32,
  b: f32,
  c: f32,
  d: f32,
  e: f32,
  scratch: usize,
): void {
  const begin = <usize> first << 2, last = <usize> (first + ((end - first) & ~3)) << 2;
  const p = f32x4.splat(a), q = f32x4.splat(b), r = f32x4.splat(c), s = f32x4.splat(d);
  const t = f32x4.splat(e);
  switch (rule) {
    case DESCENT:
      // deno-fmt-ignore
      vectors<Descent>(value, gradient, slot0, slot1, slot2, newValue, new0, new1, new2, begin, last, p, q, r, s, t);
      break;
    case MOMENTUM:
      // deno-fmt-ignore
      vectors<Momentum>(value, gradient, slot0, slot1, slot2, newValue, new0, new1, new2, begin, last, p, q, r, s, t);
      break;
    case NESTEROV:
      // deno-fmt-ignore
      vectors<Nesterov>(value, gradient, slot0, slot1, slot2, newValue, new0, new1, new2, begin, last, p, q, r, s, t);
      break;
    case ADAGRAD:
      // deno-fmt-ignore
      vectors<Adagrad>(value, gradient, slot0, slot1, slot2, newValue, new0, new1, new2, begin, last, p, q, r, s, t);
      break;
    case ADADELTA:
      // deno-fmt-ignore
      vectors<Adadelta>(value, gradient, slot0, slot1, slot2, newValue, new0, new1, new2, begin, last, p, q, r, s, t);
      break;
    case ADAMAX:
      // deno-fmt-ignore
      vectors<Adamax>(value, gradient, slot0, slot1, slot2, newValue, new0, new1, new2, begin, last, p, q, r, s, t);
      break;
    case RMSPROP:
      // deno-fmt-ignore
      vectors<Rmsprop>(value, gradient, slot0, slot1, slot2, newValue, new0, new1, new2, begin, last, p, q, r, s, t);
      break;
    case CENTERED_RMSPROP:
      // deno-fmt-ignore
      vectors<CenteredRmsprop>(value, gradient, slot0, slot1, slot2, newValue, new0, new1, new2, begin, last, p, q, r, s, t);
      break;
  }
  const rest = (<usize> end << 2) - last;
  if (rest == 0) return;
  const g = scratch + 16, s0 = scratch + 32, s1 = scratch + 48, s2 = scratch + 64;
  memory.copy(scratch, value + last, rest);
  memory.copy(g, gradient + last, rest);
  if (slot0) memory.copy(s0, slot0 + last, rest);
  if (slot1) memory.copy(s1, slot1 + last, rest);
  if (slot2) memory.copy(s2, slot2 + last, rest);
  // deno-fmt-ignore
  stockUpdate(scratch, g, s0, s1, s2, scratch, s0, s1, s2, 0, 4, rule, a, b, c, d, e, scratch);
  memory.copy(newValue + last, scratch, rest);
  if (slot0) memory.copy(new0 + last, s0, rest);
  if (slot1) memory.copy(new1 + last, s1, rest);
  if (slot2) memory.copy(new2 + last, s2, rest);
}

/** Updates many variables. */
export function stockUpdateAll(
  table: usize,
  count: i32,
  rule: i32,
  a: f32,
  b: f32,
  c: f32,
  d: f32,
  e: f32,
  scratch: usize,
): void {
  for (let row = table, end = table + <usize> count * 40; row < end; row += 40) {
    // deno-fmt-ignore
    stockUpdate(word(row, 0), word(row, 1), word(row, 2), word(row, 3), word(row, 4), word(row, 5),
      word(row, 6), word(row, 7), word(row, 8), 0, word(row, 9), rule, a, b, c, d, e, scratch);
  }
}
