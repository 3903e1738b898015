/**
 * Whole updates of one variable: one pass that reads the weight, its gradient and its slots, and
 * writes the new weight and, in place or elsewhere, the new slots.
 *
 * Each updates elements `first` to `end`. Lanes behind the end are not in memory: there is one
 * formula for whole vectors and for the rest.
 */

@inline
function lanes(x: f32): v128 {
  return f32x4.splat(x);
}

/** A vector of which only the first `count` lanes are in memory. */
@inline
function loadSome(at: usize, count: i32): v128 {
  if (count >= 4) return v128.load(at);
  let x = f32x4.splat(load<f32>(at));
  if (count > 1) x = f32x4.replace_lane(x, 1, load<f32>(at, 4));
  if (count > 2) x = f32x4.replace_lane(x, 2, load<f32>(at, 8));
  return x;
}

@inline
function storeSome(at: usize, x: v128, count: i32): void {
  if (count >= 4) {
    v128.store(at, x);
    return;
  }
  store<f32>(at, f32x4.extract_lane(x, 0));
  if (count > 1) store<f32>(at, f32x4.extract_lane(x, 1), 4);
  if (count > 2) store<f32>(at, f32x4.extract_lane(x, 2), 8);
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
  _: usize,
): void {
  const keep1 = lanes(beta1), add1 = lanes(1 - beta1);
  const keep2 = lanes(beta2), add2 = lanes(1 - beta2);
  const part1 = lanes(learningRate / correction1), part2 = lanes(1 / correction2);
  const l2 = lanes(decoupled ? 0 : weightDecay);
  const shrink = lanes(decoupled ? 1 - learningRate * weightDecay : 1);
  for (let i = first, o = <usize> first << 2; i < end; i += 4, o += 16) {
    const count = end - i;
    const x = loadSome(value + o, count);
    const g = f32x4.add(loadSome(gradient + o, count), f32x4.mul(l2, x));
    const a = f32x4.add(f32x4.mul(loadSome(m + o, count), keep1), f32x4.mul(g, add1));
    const b = f32x4.add(
      f32x4.mul(loadSome(v + o, count), keep2),
      f32x4.mul(f32x4.mul(g, g), add2),
    );
    const root = f32x4.add(f32x4.sqrt(f32x4.mul(b, part2)), lanes(epsilon));
    const change = f32x4.div(f32x4.mul(a, part1), root);
    storeSome(newValue + o, f32x4.sub(f32x4.mul(x, shrink), change), count);
    storeSome(newM + o, a, count);
    storeSome(newV + o, b, count);
  }
}

/** Gradient descent; `momentum` and `newMomentum` are 0 where there is none. */
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
  _: usize,
): void {
  const rate = lanes(learningRate), keep = lanes(kept), l2 = lanes(weightDecay);
  for (let i = first, o = <usize> first << 2; i < end; i += 4, o += 16) {
    const count = end - i;
    const x = loadSome(value + o, count);
    const g = f32x4.add(loadSome(gradient + o, count), f32x4.mul(l2, x));
    let change = g;
    if (momentum) {
      const moved = f32x4.add(f32x4.mul(loadSome(momentum + o, count), keep), g);
      storeSome(newMomentum + o, moved, count);
      change = nesterov ? f32x4.add(f32x4.mul(moved, keep), g) : moved;
    }
    storeSome(newValue + o, f32x4.sub(x, f32x4.mul(change, rate)), count);
  }
}

/** RMSProp; `momentum` and `newMomentum` are 0 where there is none. */
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
  _: usize,
): void {
  const l2 = lanes(weightDecay), keep = lanes(decay), add = lanes(1 - decay);
  for (let i = first, o = <usize> first << 2; i < end; i += 4, o += 16) {
    const count = end - i;
    const x = loadSome(value + o, count);
    const g = f32x4.add(loadSome(gradient + o, count), f32x4.mul(l2, x));
    const mean = f32x4.add(
      f32x4.mul(loadSome(square + o, count), keep),
      f32x4.mul(f32x4.mul(g, g), add),
    );
    storeSome(newSquare + o, mean, count);
    const root = f32x4.sqrt(f32x4.add(mean, lanes(epsilon)));
    let change = f32x4.div(f32x4.mul(g, lanes(learningRate)), root);
    if (momentum) {
      change = f32x4.add(f32x4.mul(loadSome(momentum + o, count), lanes(kept)), change);
      storeSome(newMomentum + o, change, count);
    }
    storeSome(newValue + o, f32x4.sub(x, change), count);
  }
}
