/** Elements and rows that go to places which indices name, bands of matrices, and places in sorted rows. */
import { copyRun } from "./boxes";

/** Sets the element at each index of its row of `depth` elements to the same bits; others stay. */
export function markIndices(
  indices: usize,
  to: usize,
  begin: i32,
  end: i32,
  depth: i32,
  unit: i32,
  bits: i32,
  _scratch: usize,
): void {
  indices += <usize> begin << 2;
  const width = <usize> depth * <usize> unit;
  to += <usize> begin * width;
  for (let i = begin; i < end; i++, indices += 4, to += width) {
    const index = load<i32>(indices);
    if (<u32> index >= <u32> depth) continue;
    if (unit == 1) store<u8>(to + <usize> index, <u8> bits);
    else store<i32>(to + (<usize> index << 2), bits);
  }
}

/** Copies row `i` of `x`, of `bytes` bytes, to row `places[i]`; the last one for a place stays. */
export function placeRows(x: usize, places: usize, rows: i32, bytes: i32, to: usize): void {
  const size = <usize> bytes;
  if (bytes == 4) {
    for (let i = 0; i < rows; i++, x += 4, places += 4) {
      store<u32>(to + (<usize> load<u32>(places) << 2), load<u32>(x));
    }
    return;
  }
  for (let i = 0; i < rows; i++, x += size, places += 4) {
    copyRun(x, to + <usize> load<u32>(places) * size, size);
  }
}

/**
 * Copies the diagonals from `lower` below to `upper` above the main one of rows `begin` to `end` of
 * matrices, `[…, rows, columns]`, among zeros; a negative number stands for all.
 */
export function copyBand(
  x: usize,
  y: usize,
  begin: i32,
  end: i32,
  rows: i32,
  columns: i32,
  lower: i32,
  upper: i32,
  unit: i32,
  _scratch: usize,
): void {
  const size = <usize> unit, width = <usize> columns * size;
  x += <usize> begin * width;
  y += <usize> begin * width;
  for (let i = begin, row = begin % rows; i < end; i++, x += width, y += width) {
    const first = lower < 0 ? 0 : min(columns, max(0, row - lower));
    const last = upper < 0 ? columns : min(columns, row + upper + 1);
    const start = <usize> first * size, stop = <usize> max(first, last) * size;
    memory.fill(y, 0, start);
    copyRun(x + start, y + start, stop - start);
    memory.fill(y + stop, 0, width - stop);
    if (++row == rows) row = 0;
  }
}

/**
 * The first place in the sorted row, `[rows, size]`, of each value, `[rows, columns]`, at which it keeps
 * the order, or the last one.
 */
export function findPlaces(
  sorted: usize,
  values: usize,
  places: usize,
  begin: i32,
  end: i32,
  size: i32,
  columns: i32,
  isLast: i32,
  areFloats: i32,
  _scratch: usize,
): void {
  for (let i = begin; i < end; i++) {
    const row = sorted + (<usize> (i / columns) * <usize> size << 2);
    const at = values + (<usize> i << 2);
    let first = 0, count = size;
    // Without branches, which a processor cannot foresee here.
    if (areFloats) {
      const value = load<f32>(at);
      while (count > 0) {
        const half = count >> 1, other = load<f32>(row + (<usize> (first + half) << 2));
        const isBehind = select<bool>(value >= other, other < value, isLast != 0);
        first = select<i32>(first + half + 1, first, isBehind);
        count = select<i32>(count - half - 1, half, isBehind);
      }
    } else {
      const value = load<i32>(at);
      while (count > 0) {
        const half = count >> 1, other = load<i32>(row + (<usize> (first + half) << 2));
        const isBehind = select<bool>(value >= other, other < value, isLast != 0);
        first = select<i32>(first + half + 1, first, isBehind);
        count = select<i32>(count - half - 1, half, isBehind);
      }
    }
    store<i32>(places + (<usize> i << 2), first);
  }
}

/**
 * Adds 1, or the weight of each number, to the double of its bin in its row; traps at a negative number.
 *
 * @param weights `[rows, columns]` floats, or 0.
 * @param y The sums as floats, `[rows, bins]`.
 * @param sums Memory for `rows * bins` doubles.
 */
export function countNumbers(
  x: usize,
  weights: usize,
  rows: i32,
  columns: i32,
  bins: i32,
  isBinary: i32,
  y: usize,
  sums: usize,
): void {
  const all = <usize> rows * <usize> bins;
  memory.fill(sums, 0, all << 3);
  let to = sums;
  for (let row = 0; row < rows; row++, to += <usize> bins << 3) {
    for (let i = 0; i < columns; i++, x += 4) {
      const number = load<i32>(x);
      if (number < 0) unreachable();
      if (number < bins) {
        const at = to + (<usize> number << 3);
        if (isBinary) store<f64>(at, 1);
        else store<f64>(at, load<f64>(at) + (weights ? <f64> load<f32>(weights) : 1));
      }
      if (weights) weights += 4;
    }
  }
  for (let i: usize = 0; i < all; i++) store<f32>(y + (i << 2), <f32> load<f64>(sums + (i << 3)));
}
