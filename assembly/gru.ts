/** Gated recurrent units (Cho et al., 2014): the reset gate comes before the product. */
import { copyRun } from "./boxes";
import { MC } from "./panel";
import { dropRow, multiplyStates, setRows } from "./recurrent";
import {
  activateRow,
  addProducts,
  addRow,
  blendRow,
  multiplyRows,
  scaleBySlopes,
  scaleRow,
} from "./recurrent_rows";

/** The parts of a step: all; before the second product, and behind it, where others compute them. */
const ALL: i32 = 0;
const BEFORE: i32 = 1;
const BEHIND: i32 = 2;

/** `y = z h + (1 - z) n`. */
function mix(z: usize, h: usize, n: usize, y: usize, units: i32): void {
  const one = f32x4.splat(1);
  let i: i32 = 0;
  for (; i + 4 <= units; i += 4, z += 16, h += 16, n += 16, y += 16) {
    const gate = v128.load(z);
    const fresh = f32x4.mul(f32x4.sub(one, gate), v128.load(n));
    v128.store(y, f32x4.add(f32x4.mul(gate, v128.load(h)), fresh));
  }
  for (; i < units; i++, z += 4, h += 4, n += 4, y += 4) {
    const gate = load<f32>(z);
    store<f32>(y, gate * load<f32>(h) + (1 - gate) * load<f32>(n));
  }
}

/**
 * The states of examples `m0` to `m1`.
 *
 * @param gates `[batch, steps, 3 units]`: the products of the inputs with their weights, plus bias;
 *   replaced by the gates z and r and the new state.
 * @param weights The packed weights of the states for z and r, `[units, 2 units]`.
 * @param newWeights The packed weights of the states for the new state, `[units, units]`.
 * @param h0 First states, `[batch, units]`, or 0 for zeros.
 * @param h Last states.
 * @param previous The states before each step, after dropout, `[batch, steps, units]`; if not `saves`
 *   memory for `[batch, units]`.
 * @param reset The same times r.
 * @param sequence The states after each step, or 0.
 * @param mask `[batch, steps]`: 0 for the steps that are left out; or 0.
 * @param dropout Factors of the states, `[batch, units]`, or 0.
 * @param rest Memory for `[batch, units]`.
 * @param product The products of the only step with their weights: `[batch, 2 units]` of `previous`
 *   before the second product, `[batch, units]` of `reset` behind it.
 * @param backwards Whether the last input comes first.
 * @param part The part of each step.
 * @param s0 The first step.
 * @param s1 The step before which it ends.
 */
export function gru(
  gates: usize,
  weights: usize,
  newWeights: usize,
  h0: usize,
  h: usize,
  previous: usize,
  reset: usize,
  sequence: usize,
  mask: usize,
  dropout: usize,
  rest: usize,
  product: usize,
  steps: i32,
  units: i32,
  backwards: bool,
  saves: bool,
  activation: i32,
  recurrentActivation: i32,
  part: i32,
  s0: i32,
  s1: i32,
  m0: i32,
  m1: i32,
  scratch: usize,
): void {
  const unit = <usize> units << 2;
  const strideGates = <usize> steps * 3 * unit, stride = <usize> steps * unit;
  const strideP = saves ? stride : unit;
  for (let m = m0; m < m1; m += MC) {
    const rows = min(MC, m1 - m);
    if (s0 == 0 && part != BEHIND) setRows(h0, h, m, rows, units);
    for (let s = s0; s < s1; s++) {
      const t = backwards ? steps - 1 - s : s;
      const first = <usize> m * strideP + (saves ? <usize> t * unit : 0);
      const firstGates = gates + <usize> m * strideGates + <usize> t * 3 * unit;
      if (part != BEHIND) {
        for (let i = 0; i < rows; i++) {
          const at = <usize> (m + i) * unit;
          const to = previous + first + <usize> i * strideP;
          dropRow(h + at, dropout ? dropout + at : 0, to, units);
        }
        if (part == ALL) {
          multiplyStates(
            previous + first, strideP, rows, units, weights, 2 * units, firstGates, strideGates, true,
            scratch,
          );
        }
        for (let i = 0; i < rows; i++) {
          const row = firstGates + <usize> i * strideGates, place = first + <usize> i * strideP;
          if (part == BEFORE) addRow(product + 2 * <usize> (m + i) * unit, row, 2 * units);
          activateRow(row, row, 2 * units, recurrentActivation);
          multiplyRows(row + unit, previous + place, reset + place, units);
        }
        if (part == BEFORE) continue;
        multiplyStates(
          reset + first, strideP, rows, units, newWeights, units, firstGates + 2 * unit, strideGates,
          true, scratch,
        );
      }
      for (let i = 0; i < rows; i++) {
        const row = firstGates + <usize> i * strideGates, at = <usize> (m + i) * unit;
        const newState = row + 2 * unit, to = mask ? rest + at : h + at;
        if (part == BEHIND) addRow(product + at, newState, units);
        activateRow(newState, newState, units, activation);
        mix(row, previous + first + <usize> i * strideP, newState, to, units);
        if (mask) blendRow(load<f32>(mask + (<usize> ((m + i) * steps + t) << 2)), to, h + at, units);
        if (sequence) {
          copyRun(h + at, sequence + <usize> (m + i) * stride + <usize> s * unit, unit);
        }
      }
    }
  }
}

/**
 * The gradients of z and of the new state after their activations, and what z lets through of `dh`.
 */
function unmix(gates: usize, previous: usize, dh: usize, dz: usize, units: i32): void {
  const gate = <usize> units << 2, one = f32x4.splat(1);
  let z = gates, n = z + 2 * gate, to = dz, dn = dz + 2 * gate, i: i32 = 0;
  for (; i + 4 <= units; i += 4, z += 16, n += 16, to += 16, dn += 16, dh += 16, previous += 16) {
    const open = v128.load(z), d = v128.load(dh);
    v128.store(to, f32x4.mul(d, f32x4.sub(v128.load(previous), v128.load(n))));
    v128.store(dn, f32x4.mul(d, f32x4.sub(one, open)));
    v128.store(dh, f32x4.mul(d, open));
  }
  for (; i < units; i++, z += 4, n += 4, to += 4, dn += 4, dh += 4, previous += 4) {
    const open = load<f32>(z), d = load<f32>(dh);
    store<f32>(to, d * (load<f32>(previous) - load<f32>(n)));
    store<f32>(dn, d * (1 - open));
    store<f32>(dh, d * open);
  }
}

/**
 * The gradient of {@linkcode gru}, for examples `m0` to `m1`.
 *
 * @param dSequence The gradients of the sequence of states, or 0.
 * @param dLastH The gradients of the last states.
 * @param weights The packed weights of the states for z and r, transposed: `[2 units, units]`.
 * @param newWeights The packed weights of the states for the new state, transposed.
 * @param rest Memory for `[batch, units]`.
 * @param dReset Memory for `[batch, units]`.
 * @param product Before the second product: its result in the step behind, which is added to the
 *   gradients of the states first.
 * @param dz The gradients of the gates before their activations, `[batch, steps, 3 units]`.
 * @param dh The gradients of the first states.
 * @param part The part of each step: the first product is between them, of the gradients of the new
 *   state, and its results are in `dReset`.
 */
export function gruGradient(
  dSequence: usize,
  dLastH: usize,
  gates: usize,
  previous: usize,
  weights: usize,
  newWeights: usize,
  mask: usize,
  dropout: usize,
  rest: usize,
  dReset: usize,
  product: usize,
  dz: usize,
  dh: usize,
  steps: i32,
  units: i32,
  backwards: bool,
  activation: i32,
  recurrentActivation: i32,
  part: i32,
  s0: i32,
  s1: i32,
  m0: i32,
  m1: i32,
  scratch: usize,
): void {
  const unit = <usize> units << 2;
  const strideGates = <usize> steps * 3 * unit, stride = <usize> steps * unit;
  for (let m = m0; m < m1; m += MC) {
    const rows = min(MC, m1 - m);
    if (s1 == steps && part != BEHIND) setRows(dLastH, dh, m, rows, units);
    if (product) addRow(product + <usize> m * unit, dh + <usize> m * unit, rows * units);
    for (let s = s1 - 1; s >= s0; s--) {
      const t = backwards ? steps - 1 - s : s;
      const first = <usize> m * strideGates + <usize> t * 3 * unit;
      for (let i = 0; i < rows && part != BEHIND; i++) {
        const at = <usize> (m + i) * unit, example = <usize> (m + i) * stride;
        const row = gates + first + <usize> i * strideGates;
        const to = dz + first + <usize> i * strideGates;
        if (dSequence) addRow(dSequence + example + <usize> s * unit, dh + at, units);
        if (mask) {
          const share = load<f32>(mask + (<usize> ((m + i) * steps + t) << 2));
          scaleRow(1 - share, dh + at, rest + at, units);
          scaleRow(share, dh + at, dh + at, units);
        }
        unmix(row, previous + example + <usize> t * unit, dh + at, to, units);
        scaleBySlopes(to, row, units, recurrentActivation);
        scaleBySlopes(to + 2 * unit, row + 2 * unit, units, activation);
      }
      if (part == BEFORE) continue;
      if (part == ALL) {
        multiplyStates(
          dz + first + 2 * unit, strideGates, rows, units, newWeights, units,
          dReset + <usize> m * unit, unit, false, scratch,
        );
      }
      for (let i = 0; i < rows; i++) {
        const at = <usize> (m + i) * unit;
        const row = gates + first + <usize> i * strideGates;
        const to = dz + first + <usize> i * strideGates;
        const place = <usize> (m + i) * stride + <usize> t * unit;
        multiplyRows(dReset + at, previous + place, to + unit, units);
        scaleBySlopes(to + unit, row + unit, units, recurrentActivation);
        addProducts(dReset + at, row + unit, dh + at, units);
      }
      if (part == BEHIND) continue;
      multiplyStates(
        dz + first, strideGates, rows, 2 * units, weights, units, dh + <usize> m * unit, unit, true,
        scratch,
      );
      for (let i = 0; i < rows && (mask || dropout); i++) {
        const at = <usize> (m + i) * unit;
        if (dropout) multiplyRows(dh + at, dropout + at, dh + at, units);
        if (mask) addRow(rest + at, dh + at, units);
      }
    }
  }
}
