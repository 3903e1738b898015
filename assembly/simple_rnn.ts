/** The simple recurrent layer (Elman, 1990). */
import { copyRun } from "./boxes";
import { MC } from "./panel";
import { dropRow, multiplyStates, setRows } from "./recurrent";
import { activateRow, addRow, blendRow, multiplyRows, scaleBySlopes, scaleRow } from "./recurrent_rows";

/**
 * The states of examples `m0` to `m1`.
 *
 * @param gates `[batch, steps, units]`: the products of the inputs with their weights, plus bias;
 *   replaced by the new states.
 * @param weights The packed weights of the states, `[units, units]`.
 * @param h0 First states, `[batch, units]`, or 0 for zeros.
 * @param h Last states.
 * @param previous The states before each step, after dropout, `[batch, steps, units]`; if not `saves`
 *   memory for `[batch, units]`.
 * @param sequence The states after each step, or 0.
 * @param mask `[batch, steps]`: 0 for the steps that are left out; or 0.
 * @param dropout Factors of the states, `[batch, units]`, or 0.
 * @param product The products of the states with their weights, `[batch, units]`, for the only step;
 *   or 0.
 * @param backwards Whether the last input comes first.
 * @param s0 The first step.
 * @param s1 The step before which it ends.
 */
export function simpleRnn(
  gates: usize,
  weights: usize,
  h0: usize,
  h: usize,
  previous: usize,
  sequence: usize,
  mask: usize,
  dropout: usize,
  product: usize,
  steps: i32,
  units: i32,
  backwards: bool,
  saves: bool,
  activation: i32,
  s0: i32,
  s1: i32,
  m0: i32,
  m1: i32,
  scratch: usize,
): void {
  const unit = <usize> units << 2, stride = <usize> steps * unit;
  const strideP = saves ? stride : unit;
  for (let m = m0; m < m1; m += MC) {
    const rows = min(MC, m1 - m);
    if (s0 == 0) setRows(h0, h, m, rows, units);
    for (let s = s0; s < s1; s++) {
      const t = backwards ? steps - 1 - s : s;
      const firstP = previous + <usize> m * strideP + (saves ? <usize> t * unit : 0);
      for (let i = 0; i < rows; i++) {
        const at = <usize> (m + i) * unit;
        dropRow(h + at, dropout ? dropout + at : 0, firstP + <usize> i * strideP, units);
      }
      const first = gates + <usize> m * stride + <usize> t * unit;
      if (!product) {
        multiplyStates(firstP, strideP, rows, units, weights, units, first, stride, true, scratch);
      }
      for (let i = 0; i < rows; i++) {
        const row = first + <usize> i * stride, at = <usize> (m + i) * unit;
        if (product) addRow(product + at, row, units);
        activateRow(row, row, units, activation);
        if (mask) blendRow(load<f32>(mask + (<usize> ((m + i) * steps + t) << 2)), row, h + at, units);
        else copyRun(row, h + at, unit);
        if (sequence) {
          copyRun(h + at, sequence + <usize> (m + i) * stride + <usize> s * unit, unit);
        }
      }
    }
  }
}

/**
 * The gradient of {@linkcode simpleRnn}, for examples `m0` to `m1`.
 *
 * @param dSequence The gradients of the sequence of states, or 0.
 * @param dLastH The gradients of the last states.
 * @param weights The packed weights of the states, transposed; or 0 if the gradients of the states
 *   before the only step are computed elsewhere.
 * @param rest Memory for `[batch, units]`.
 * @param dz The gradients of the new states before their activation, `[batch, steps, units]`.
 * @param dh The gradients of the first states.
 */
export function simpleRnnGradient(
  dSequence: usize,
  dLastH: usize,
  gates: usize,
  weights: usize,
  mask: usize,
  dropout: usize,
  rest: usize,
  dz: usize,
  dh: usize,
  steps: i32,
  units: i32,
  backwards: bool,
  activation: i32,
  s0: i32,
  s1: i32,
  m0: i32,
  m1: i32,
  scratch: usize,
): void {
  const unit = <usize> units << 2, stride = <usize> steps * unit;
  for (let m = m0; m < m1; m += MC) {
    const rows = min(MC, m1 - m);
    if (s1 == steps) setRows(dLastH, dh, m, rows, units);
    for (let s = s1 - 1; s >= s0; s--) {
      const t = backwards ? steps - 1 - s : s;
      const first = <usize> m * stride + <usize> t * unit;
      for (let i = 0; i < rows; i++) {
        const at = <usize> (m + i) * unit, place = first + <usize> i * stride;
        if (dSequence) {
          addRow(dSequence + <usize> (m + i) * stride + <usize> s * unit, dh + at, units);
        }
        if (mask) {
          const share = load<f32>(mask + (<usize> ((m + i) * steps + t) << 2));
          scaleRow(1 - share, dh + at, rest + at, units);
          scaleRow(share, dh + at, dh + at, units);
        }
        copyRun(dh + at, dz + place, unit);
        scaleBySlopes(dz + place, gates + place, units, activation);
      }
      if (!weights) continue;
      const firstH = dh + <usize> m * unit;
      multiplyStates(dz + first, stride, rows, units, weights, units, firstH, unit, false, scratch);
      for (let i = 0; i < rows && (mask || dropout); i++) {
        const at = <usize> (m + i) * unit;
        if (dropout) multiplyRows(dh + at, dropout + at, dh + at, units);
        if (mask) addRow(rest + at, dh + at, units);
      }
    }
  }
}
