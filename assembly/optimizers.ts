/**
 * Updates of one variable in one pass, which reads the weight, its gradient and its slots, and writes
 * the new weight and the new slots, in place or elsewhere.
 *
 * Each function updates elements `first` to `end`. A rest that does not fill a vector is copied to
 * scratch memory, updated there and copied back, so that there is one formula.
 *
 * The functions of many variables take a table. A row of it has the addresses of one variable, in the
 * order of the function of one variable, and its size.
 */

/** Address number `at` in a row of a table. */
@inline
function word(row: usize, at: usize): u32 {
  return load<u32>(row + (at << 2));
}

@inline
function lanes(x: f32): v128 {
  return f32x4.splat(x);
}

/** The end of the elements, from `first` on, that fill whole vectors. */
@inline
function whole(first: i32, end: i32): i32 {
  return first + ((end - first) & ~3);
}

/** Adam; with `decoupled`, AdamW. */
export function adam(
  value: usize,
  gradient: usize,
  m: usize,
  v: usize,
  newValue: usize,
  newM: usize,
  newV: usize,
  first: i32,
  end: i32,
  learningRate: f32,
  beta1: f32,
  beta2: f32,
  epsilon: f32,
  correction1: f32,
  correction2: f32,
  weightDecay: f32,
  decoupled: bool,
  scratch: usize,
): void {
  const keep1 = lanes(beta1), add1 = lanes(1 - beta1);
  const keep2 = lanes(beta2), add2 = lanes(1 - beta2);
  const part1 = lanes(learningRate / correction1), part2 = lanes(1 / correction2);
  const l2 = lanes(decoupled ? 0 : weightDecay);
  const shrink = lanes(decoupled ? 1 - learningRate * weightDecay : 1);
  const last = <usize> whole(first, end) << 2;
  for (let o = <usize> first << 2; o < last; o += 16) {
    const x = v128.load(value + o);
    const g = f32x4.add(v128.load(gradient + o), f32x4.mul(l2, x));
    const a = f32x4.add(f32x4.mul(v128.load(m + o), keep1), f32x4.mul(g, add1));
    const b = f32x4.add(
      f32x4.mul(v128.load(v + o), keep2),
      f32x4.mul(f32x4.mul(g, g), add2),
    );
    const root = f32x4.add(f32x4.sqrt(f32x4.mul(b, part2)), lanes(epsilon));
    const change = f32x4.div(f32x4.mul(a, part1), root);
    v128.store(newValue + o, f32x4.sub(f32x4.mul(x, shrink), change));
    v128.store(newM + o, a);
    v128.store(newV + o, b);
  }
  const rest = (<usize> end << 2) - last;
  if (rest == 0) return;
  const g = scratch + 16, a = scratch + 32, b = scratch + 48;
  memory.copy(scratch, value + last, rest);
  memory.copy(g, gradient + last, rest);
  memory.copy(a, m + last, rest);
  memory.copy(b, v + last, rest);
  // deno-fmt-ignore
  adam(scratch, g, a, b, scratch, a, b, 0, 4, learningRate, beta1, beta2, epsilon, correction1,
    correction2, weightDecay, decoupled, scratch);
  memory.copy(newValue + last, scratch, rest);
  memory.copy(newM + last, a, rest);
  memory.copy(newV + last, b, rest);
}

/** Adam of many variables. */
export function adamAll(
  table: usize,
  count: i32,
  learningRate: f32,
  beta1: f32,
  beta2: f32,
  epsilon: f32,
  correction1: f32,
  correction2: f32,
  weightDecay: f32,
  decoupled: bool,
  scratch: usize,
): void {
  for (let row = table, end = table + (<usize> count << 5); row < end; row += 32) {
    // deno-fmt-ignore
    adam(word(row, 0), word(row, 1), word(row, 2), word(row, 3), word(row, 4), word(row, 5),
      word(row, 6), 0, word(row, 7), learningRate, beta1, beta2, epsilon, correction1, correction2,
      weightDecay, decoupled, scratch);
  }
}

/** Gradient descent; `momentum` and `newMomentum` are 0 without momentum. */
export function sgd(
  value: usize,
  gradient: usize,
  momentum: usize,
  newValue: usize,
  newMomentum: usize,
  first: i32,
  end: i32,
  learningRate: f32,
  kept: f32,
  nesterov: bool,
  weightDecay: f32,
  scratch: usize,
): void {
  const rate = lanes(learningRate), keep = lanes(kept), l2 = lanes(weightDecay);
  const last = <usize> whole(first, end) << 2;
  for (let o = <usize> first << 2; o < last; o += 16) {
    const x = v128.load(value + o);
    const g = f32x4.add(v128.load(gradient + o), f32x4.mul(l2, x));
    let change = g;
    if (momentum) {
      const moved = f32x4.add(f32x4.mul(v128.load(momentum + o), keep), g);
      v128.store(newMomentum + o, moved);
      change = nesterov ? f32x4.add(f32x4.mul(moved, keep), g) : moved;
    }
    v128.store(newValue + o, f32x4.sub(x, f32x4.mul(change, rate)));
  }
  const rest = (<usize> end << 2) - last;
  if (rest == 0) return;
  const g = scratch + 16, moved = momentum ? scratch + 32 : 0;
  memory.copy(scratch, value + last, rest);
  memory.copy(g, gradient + last, rest);
  if (momentum) memory.copy(moved, momentum + last, rest);
  // deno-fmt-ignore
  sgd(scratch, g, moved, scratch, moved, 0, 4, learningRate, kept, nesterov, weightDecay, scratch);
  memory.copy(newValue + last, scratch, rest);
  if (momentum) memory.copy(newMomentum + last, moved, rest);
}

/** Gradient descent of many variables. */
export function sgdAll(
  table: usize,
  count: i32,
  learningRate: f32,
  kept: f32,
  nesterov: bool,
  weightDecay: f32,
  scratch: usize,
): void {
  for (let row = table, end = table + <usize> count * 24; row < end; row += 24) {
    // deno-fmt-ignore
    sgd(word(row, 0), word(row, 1), word(row, 2), word(row, 3), word(row, 4), 0, word(row, 5),
      learningRate, kept, nesterov, weightDecay, scratch);
  }
}

/** RMSProp; `momentum` and `newMomentum` are 0 without momentum. */
export function rmsprop(
  value: usize,
  gradient: usize,
  square: usize,
  momentum: usize,
  newValue: usize,
  newSquare: usize,
  newMomentum: usize,
  first: i32,
  end: i32,
  learningRate: f32,
  decay: f32,
  kept: f32,
  epsilon: f32,
  weightDecay: f32,
  scratch: usize,
): void {
  const l2 = lanes(weightDecay), keep = lanes(decay), add = lanes(1 - decay);
  const last = <usize> whole(first, end) << 2;
  for (let o = <usize> first << 2; o < last; o += 16) {
    const x = v128.load(value + o);
    const g = f32x4.add(v128.load(gradient + o), f32x4.mul(l2, x));
    const mean = f32x4.add(
      f32x4.mul(v128.load(square + o), keep),
      f32x4.mul(f32x4.mul(g, g), add),
    );
    v128.store(newSquare + o, mean);
    const root = f32x4.sqrt(f32x4.add(mean, lanes(epsilon)));
    let change = f32x4.div(f32x4.mul(g, lanes(learningRate)), root);
    if (momentum) {
      change = f32x4.add(f32x4.mul(v128.load(momentum + o), lanes(kept)), change);
      v128.store(newMomentum + o, change);
    }
    v128.store(newValue + o, f32x4.sub(x, change));
  }
  const rest = (<usize> end << 2) - last;
  if (rest == 0) return;
  const g = scratch + 16, mean = scratch + 32, moved = momentum ? scratch + 48 : 0;
  memory.copy(scratch, value + last, rest);
  memory.copy(g, gradient + last, rest);
  memory.copy(mean, square + last, rest);
  if (momentum) memory.copy(moved, momentum + last, rest);
  // deno-fmt-ignore
  rmsprop(scratch, g, mean, moved, scratch, mean, moved, 0, 4, learningRate, decay, kept, epsilon,
    weightDecay, scratch);
  memory.copy(newValue + last, scratch, rest);
  memory.copy(newSquare + last, mean, rest);
  if (momentum) memory.copy(newMomentum + last, moved, rest);
}

/** RMSProp of many variables. */
export function rmspropAll(
  table: usize,
  count: i32,
  learningRate: f32,
  decay: f32,
  kept: f32,
  epsilon: f32,
  weightDecay: f32,
  scratch: usize,
): void {
  for (let row = table, end = table + (<usize> count << 5); row < end; row += 32) {
    // deno-fmt-ignore
    rmsprop(word(row, 0), word(row, 1), word(row, 2), word(row, 3), word(row, 4), word(row, 5),
      word(row, 6), 0, word(row, 7), learningRate, decay, kept, epsilon, weightDecay, scratch);
  }
}

/**
 * Clips gradients: each element to [-limit, limit], then all of them together to a norm of at most
 * `norm`, whose squares are summed in doubles. A row of the table has the addresses of a gradient and
 * of its result, and the size.
 */
export function clip(table: usize, count: i32, limit: f32, norm: f64): void {
  const end = table + <usize> count * 12;
  const upper = lanes(limit), lower = lanes(-limit);
  let low = f64x2.splat(0), high = f64x2.splat(0), rest: f64 = 0;
  for (let row = table; row < end; row += 12) {
    const from: usize = word(row, 0), to: usize = word(row, 1);
    const size = word(row, 2), vectors: usize = <usize> (size & ~3) << 2;
    for (let o: usize = 0; o < vectors; o += 16) {
      const x = f32x4.max(f32x4.min(v128.load(from + o), upper), lower);
      v128.store(to + o, x);
      const a = f64x2.promote_low_f32x4(x);
      const b = f64x2.promote_low_f32x4(v128.shuffle<i64>(x, x, 1, 0));
      low = f64x2.add(low, f64x2.mul(a, a));
      high = f64x2.add(high, f64x2.mul(b, b));
    }
    for (let o = vectors; o < <usize> size << 2; o += 4) {
      const x: f32 = max(min(load<f32>(from + o), limit), -limit);
      store<f32>(to + o, x);
      rest += <f64> x * <f64> x;
    }
  }
  if (norm == Infinity) return;
  const sums = f64x2.add(low, high);
  const sum = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1) + rest;
  const scale = <f32> (norm / (sqrt(sum) + 1e-12));
  // NaN makes all gradients NaN.
  if (scale >= 1) return;
  const scales = lanes(scale);
  for (let row = table; row < end; row += 12) {
    const to: usize = word(row, 1), size = word(row, 2), vectors: usize = <usize> (size & ~3) << 2;
    for (let o: usize = 0; o < vectors; o += 16) {
      v128.store(to + o, f32x4.mul(v128.load(to + o), scales));
    }
    for (let o = vectors; o < <usize> size << 2; o += 4) store<f32>(to + o, load<f32>(to + o) * scale);
  }
}
