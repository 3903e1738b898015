/** Long short-term memory (Hochreiter and Schmidhuber, 1997) with forget gates. */
import { copyRun } from "./boxes";
import { MC, RESULTS } from "./panel";
import { dropRow, multiplyStates, setRows } from "./recurrent";
import { activateRow, addRow, addRows, blendRow, multiplyRows, scaleBySlopes, scaleRow } from "./recurrent_rows";

/** `y = f c + i g`. */
function remember(gates: usize, c: usize, y: usize, units: i32): void {
  const gate = <usize> units << 2;
  let i = gates, f = i + gate, g = f + gate, n: i32 = 0;
  for (; n + 4 <= units; n += 4, i += 16, f += 16, g += 16, c += 16, y += 16) {
    const kept = f32x4.mul(v128.load(f), v128.load(c));
    v128.store(y, f32x4.add(kept, f32x4.mul(v128.load(i), v128.load(g))));
  }
  for (; n < units; n++, i += 4, f += 4, g += 4, c += 4, y += 4) {
    store<f32>(y, load<f32>(f) * load<f32>(c) + load<f32>(i) * load<f32>(g));
  }
}

/** Replaces the sums of one example's gates by the gates; its cell, activated cell, and state. */
@inline
function step(
  gates: usize,
  c: usize,
  newC: usize,
  activated: usize,
  newH: usize,
  units: i32,
  activation: i32,
  recurrentActivation: i32,
): void {
  const gate = <usize> units << 2;
  activateRow(gates, gates, 2 * units, recurrentActivation);
  activateRow(gates + 2 * gate, gates + 2 * gate, units, activation);
  activateRow(gates + 3 * gate, gates + 3 * gate, units, recurrentActivation);
  remember(gates, c, newC, units);
  activateRow(newC, activated, units, activation);
  multiplyRows(gates + 3 * gate, activated, newH, units);
}

/**
 * The states of examples `m0` to `m1`.
 *
 * @param gates `[batch, steps, 4 units]`: the products of the inputs with their weights, plus bias;
 *   replaced by the gates i, f, c and o.
 * @param weights The packed weights of the states, `[units, 4 units]`.
 * @param h0 First states, `[batch, units]`, or 0 for zeros.
 * @param c0 First cells, `[batch, units]`, or 0 for zeros.
 * @param h Last states.
 * @param c Last cells.
 * @param previous The states before each step, after dropout, `[batch, steps, units]`; if not `saves`
 *   memory for `[batch, units]`.
 * @param cells The cells before each step, if `saves`.
 * @param activated The activated cells after each step, if `saves`.
 * @param sequence The states after each step, or 0.
 * @param mask `[batch, steps]`: 0 for the steps that are left out; or 0.
 * @param dropout Factors of the states, `[batch, units]`, or 0.
 * @param product The products of the states with their weights, `[batch, 4 units]`, for the only
 *   step; or 0.
 * @param backwards Whether the last input comes first.
 * @param s0 The first step.
 * @param s1 The step before which it ends.
 */
export function lstm(
  gates: usize,
  weights: usize,
  h0: usize,
  c0: usize,
  h: usize,
  c: usize,
  previous: usize,
  cells: usize,
  activated: usize,
  sequence: usize,
  mask: usize,
  dropout: usize,
  product: usize,
  steps: i32,
  units: i32,
  backwards: bool,
  saves: bool,
  activation: i32,
  recurrentActivation: i32,
  s0: i32,
  s1: i32,
  m0: i32,
  m1: i32,
  scratch: usize,
): void {
  const unit = <usize> units << 2;
  const strideGates = <usize> steps * 4 * unit, stride = <usize> steps * unit;
  const strideP = saves ? stride : unit;
  const newC = scratch + RESULTS, newH = newC + unit;
  for (let m = m0; m < m1; m += MC) {
    const rows = min(MC, m1 - m);
    if (s0 == 0) {
      setRows(h0, h, m, rows, units);
      setRows(c0, c, m, rows, units);
    }
    for (let s = s0; s < s1; s++) {
      const t = backwards ? steps - 1 - s : s;
      const firstP = previous + <usize> m * strideP + (saves ? <usize> t * unit : 0);
      for (let i = 0; i < rows; i++) {
        const at = <usize> (m + i) * unit;
        dropRow(h + at, dropout ? dropout + at : 0, firstP + <usize> i * strideP, units);
      }
      const firstGates = gates + <usize> m * strideGates + <usize> t * 4 * unit;
      if (!product) {
        multiplyStates(
          firstP, strideP, rows, units, weights, 4 * units, firstGates, strideGates, true, scratch,
        );
      }
      for (let i = 0; i < rows; i++) {
        const row = firstGates + <usize> i * strideGates, at = <usize> (m + i) * unit;
        const example = <usize> (m + i) * stride, place = example + <usize> t * unit;
        if (product) addRow(product + 4 * at, row, 4 * units);
        const activatedC = saves ? activated + place : newH;
        if (saves) copyRun(c + at, cells + place, unit);
        const toC = mask ? newC : c + at, toH = mask ? newH : h + at;
        step(row, c + at, toC, activatedC, toH, units, activation, recurrentActivation);
        if (mask) {
          const share = load<f32>(mask + (<usize> ((m + i) * steps + t) << 2));
          blendRow(share, toC, c + at, units);
          blendRow(share, toH, h + at, units);
        }
        if (sequence) copyRun(h + at, sequence + example + <usize> s * unit, unit);
      }
    }
  }
}

/** The gradients of the gates before their activations, and of the cells before the step. */
function forget(
  gates: usize,
  cells: usize,
  dActivated: usize,
  dc: usize,
  dz: usize,
  units: i32,
): void {
  const gate = <usize> units << 2;
  let i = gates, f = i + gate, g = f + gate, di = dz, df = di + gate, dg = df + gate, n: i32 = 0;
  for (; n + 4 <= units; n += 4, i += 16, f += 16, g += 16, di += 16, df += 16, dg += 16) {
    const d = f32x4.add(v128.load(dc), v128.load(dActivated));
    v128.store(di, f32x4.mul(d, v128.load(g)));
    v128.store(df, f32x4.mul(d, v128.load(cells)));
    v128.store(dg, f32x4.mul(d, v128.load(i)));
    v128.store(dc, f32x4.mul(d, v128.load(f)));
    cells += 16;
    dActivated += 16;
    dc += 16;
  }
  for (; n < units; n++, i += 4, f += 4, g += 4, di += 4, df += 4, dg += 4) {
    const d = load<f32>(dc) + load<f32>(dActivated);
    store<f32>(di, d * load<f32>(g));
    store<f32>(df, d * load<f32>(cells));
    store<f32>(dg, d * load<f32>(i));
    store<f32>(dc, d * load<f32>(f));
    cells += 4;
    dActivated += 4;
    dc += 4;
  }
}

/**
 * The gradient of {@linkcode step}: the gradients of the sums, and in place of those of the new
 * cell those of the old one.
 */
@inline
function stepGradient(
  gates: usize,
  cells: usize,
  activated: usize,
  dh: usize,
  dc: usize,
  dActivated: usize,
  dz: usize,
  units: i32,
  activation: i32,
  recurrentActivation: i32,
): void {
  const gate = <usize> units << 2;
  multiplyRows(dh, activated, dz + 3 * gate, units);
  multiplyRows(dh, gates + 3 * gate, dActivated, units);
  scaleBySlopes(dActivated, activated, units, activation);
  forget(gates, cells, dActivated, dc, dz, units);
  scaleBySlopes(dz, gates, 2 * units, recurrentActivation);
  scaleBySlopes(dz + 2 * gate, gates + 2 * gate, units, activation);
  scaleBySlopes(dz + 3 * gate, gates + 3 * gate, units, recurrentActivation);
}

/**
 * The gradient of {@linkcode lstm}, for examples `m0` to `m1`.
 *
 * @param dSequence The gradients of the sequence of states, or 0.
 * @param dLastH The gradients of the last states.
 * @param dLastC The gradients of the last cells.
 * @param weights The packed weights of the states, transposed: `[4 units, units]`; or 0 if the
 *   gradients of the states before the only step are computed elsewhere.
 * @param rest Memory for `[batch, units]`.
 * @param dz The gradients of the gates before their activations, `[batch, steps, 4 units]`.
 * @param dh The gradients of the first states.
 * @param dc The gradients of the first cells.
 */
export function lstmGradient(
  dSequence: usize,
  dLastH: usize,
  dLastC: usize,
  gates: usize,
  cells: usize,
  activated: usize,
  weights: usize,
  mask: usize,
  dropout: usize,
  rest: usize,
  dz: usize,
  dh: usize,
  dc: usize,
  steps: i32,
  units: i32,
  backwards: bool,
  activation: i32,
  recurrentActivation: i32,
  s0: i32,
  s1: i32,
  m0: i32,
  m1: i32,
  scratch: usize,
): void {
  const unit = <usize> units << 2;
  const strideGates = <usize> steps * 4 * unit, stride = <usize> steps * unit;
  const dActivated = scratch + RESULTS, restC = dActivated + unit;
  for (let m = m0; m < m1; m += MC) {
    const rows = min(MC, m1 - m);
    if (s1 == steps) {
      setRows(dLastH, dh, m, rows, units);
      setRows(dLastC, dc, m, rows, units);
    }
    for (let s = s1 - 1; s >= s0; s--) {
      const t = backwards ? steps - 1 - s : s;
      const first = <usize> m * strideGates + <usize> t * 4 * unit;
      for (let i = 0; i < rows; i++) {
        const at = <usize> (m + i) * unit, example = <usize> (m + i) * stride;
        const place = example + <usize> t * unit;
        const row = gates + first + <usize> i * strideGates;
        const to = dz + first + <usize> i * strideGates;
        if (dSequence) addRow(dSequence + example + <usize> s * unit, dh + at, units);
        if (mask) {
          const share = load<f32>(mask + (<usize> ((m + i) * steps + t) << 2));
          scaleRow(1 - share, dh + at, rest + at, units);
          scaleRow(1 - share, dc + at, restC, units);
          scaleRow(share, dh + at, dh + at, units);
          scaleRow(share, dc + at, dc + at, units);
        }
        stepGradient(
          row, cells + place, activated + place, dh + at, dc + at, dActivated, to, units, activation,
          recurrentActivation,
        );
        if (mask) addRow(restC, dc + at, units);
      }
      if (!weights) continue;
      const firstH = dh + <usize> m * unit;
      multiplyStates(
        dz + first, strideGates, rows, 4 * units, weights, units, firstH, unit, false, scratch,
      );
      for (let i = 0; i < rows && (mask || dropout); i++) {
        const at = <usize> (m + i) * unit;
        if (dropout) multiplyRows(dh + at, dropout + at, dh + at, units);
        if (mask) addRow(rest + at, dh + at, units);
      }
    }
  }
}

/**
 * One step, for rows `r0` to `r1`: of a convolutional layer, whose rows are points of images.
 *
 * @param x Sums of the gates, `[rows, 4 units]`, by the inputs.
 * @param product Sums of the gates by the states.
 * @param c The cells before the step, `[rows, units]`.
 * @param gates The gates i, f, c and o.
 * @param h The states after the step.
 * @param newC The cells after the step.
 * @param activated The activated cells after the step.
 */
export function lstmCell(
  x: usize,
  product: usize,
  c: usize,
  gates: usize,
  h: usize,
  newC: usize,
  activated: usize,
  units: i32,
  activation: i32,
  recurrentActivation: i32,
  r0: i32,
  r1: i32,
  _scratch: usize,
): void {
  const unit = <usize> units << 2;
  for (let r = r0; r < r1; r++) {
    const at = <usize> r * unit, row = gates + 4 * at;
    addRows(x + 4 * at, product + 4 * at, row, 4 * units);
    step(row, c + at, newC + at, activated + at, h + at, units, activation, recurrentActivation);
  }
}

/**
 * The gradient of {@linkcode lstmCell}, for rows `r0` to `r1`.
 *
 * @param dh The gradients of the states after the step.
 * @param dNewC The gradients of the cells after the step.
 * @param dz The gradients of the sums of the gates.
 * @param dc The gradients of the cells before the step.
 */
export function lstmCellGradient(
  dh: usize,
  dNewC: usize,
  gates: usize,
  c: usize,
  activated: usize,
  dz: usize,
  dc: usize,
  units: i32,
  activation: i32,
  recurrentActivation: i32,
  r0: i32,
  r1: i32,
  scratch: usize,
): void {
  const unit = <usize> units << 2;
  for (let r = r0; r < r1; r++) {
    const at = <usize> r * unit;
    copyRun(dNewC + at, dc + at, unit);
    stepGradient(
      gates + 4 * at, c + at, activated + at, dh + at, dc + at, scratch + RESULTS, dz + 4 * at, units,
      activation, recurrentActivation,
    );
  }
}
