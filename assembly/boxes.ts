/**
 * Copies of boxes of elements between two layouts in memory: slices, paddings, transposes, tiles.
 *
 * The box is a table of 32-bit integers, which `src/backend/kernels/kernel.ts` writes: its rank, then
 * for each axis its size and the distances between neighbours in the source and in the target, in
 * units.
 */

const AXIS: usize = 12;

@inline
function sizeAt(axis: usize): i32 {
  return load<i32>(axis);
}

@inline
function sourceStep(axis: usize, unit: i32): usize {
  return <usize> (load<i32>(axis, 4) * unit);
}

@inline
function targetStep(axis: usize, unit: i32): usize {
  return <usize> (load<i32>(axis, 8) * unit);
}

/** Length of a run, in bytes, beyond which a call of the engine's copy pays. */
const LONG: usize = 256;

/** Copies adjacent bytes; the lengths are multiples of four, or the unit is a byte. */
@inline
export function copyRun(from: usize, to: usize, bytes: usize): void {
  if (bytes >= LONG) {
    memory.copy(to, from, bytes);
    return;
  }
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) v128.store(to + i, v128.load(from + i));
  for (; i + 4 <= bytes; i += 4) store<u32>(to + i, load<u32>(from + i));
  for (; i < bytes; i++) store<u8>(to + i, load<u8>(from + i));
}

/** Most bytes that are copied from what is written already: they stay in the cache. */
const REPEATED: usize = 8192;

/** Fills `all` bytes with copies of a run. */
function repeatRun(from: usize, to: usize, bytes: usize, all: usize): void {
  if (all == 0) return;
  copyRun(from, to, bytes);
  for (let done = bytes; done < all;) {
    // A whole number of runs.
    const some = min(done > REPEATED ? REPEATED / bytes * bytes : done, all - done);
    copyRun(to, to + done, some);
    done += some;
  }
}

/** Copies a line of `n` units, which may be apart on either side. */
function copyLine(from: usize, step: usize, to: usize, stride: usize, n: i32, unit: i32): void {
  if (unit == 4) {
    if (step == 0 && stride == 4) {
      const value = load<u32>(from), four = i32x4.splat(value);
      for (; n >= 4; n -= 4, to += 16) v128.store(to, four);
      for (; n > 0; n--, to += 4) store<u32>(to, value);
    } else {
      if (step == <usize> -4 && stride == 4) {
        for (; n >= 4; n -= 4, from -= 16, to += 16) {
          const four = v128.load(from - 12);
          v128.store(to, v128.shuffle<i32>(four, four, 3, 2, 1, 0));
        }
      }
      for (; n > 0; n--, from += step, to += stride) store<u32>(to, load<u32>(from));
    }
  } else if (unit == 8) {
    for (; n > 0; n--, from += step, to += stride) store<u64>(to, load<u64>(from));
  } else if (step == 0 && stride == 1) {
    memory.fill(to, load<u8>(from), <usize> n);
  } else {
    for (; n > 0; n--, from += step, to += stride) store<u8>(to, load<u8>(from));
  }
}

/** Side of a square of a transpose: as many units as a line of the cache holds. */
const SQUARE: i32 = 16;

/**
 * Transposes `rows` x `columns` units of four bytes: rows are adjacent in the source and `across`
 * bytes apart in the target, columns are adjacent in the target and `step` bytes apart in the source.
 */
function transpose(from: usize, step: usize, columns: i32, to: usize, across: usize, rows: i32): void {
  for (let c = 0; c < columns; c += SQUARE) {
    const lastColumn = min(c + SQUARE, columns);
    for (let r = 0; r < rows; r += SQUARE) {
      const lastRow = min(r + SQUARE, rows);
      let j = c;
      for (; j + 4 <= lastColumn; j += 4) {
        let p = from + <usize> j * step + (<usize> r << 2);
        let q = to + <usize> r * across + (<usize> j << 2);
        let i = r;
        for (; i + 4 <= lastRow; i += 4, p += 16, q += across << 2) {
          const p1 = p + step, p2 = p1 + step, q1 = q + across, q2 = q1 + across;
          const r0 = v128.load(p), r1 = v128.load(p1), r2 = v128.load(p2), r3 = v128.load(p2 + step);
          const a = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5), b = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
          const d = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5), e = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
          v128.store(q, v128.shuffle<i64>(a, d, 0, 2));
          v128.store(q1, v128.shuffle<i64>(a, d, 1, 3));
          v128.store(q2, v128.shuffle<i64>(b, e, 0, 2));
          v128.store(q2 + across, v128.shuffle<i64>(b, e, 1, 3));
        }
        for (; i < lastRow; i++, p += 4, q += across) copyLine(p, step, q, 4, 4, 4);
      }
      if (j < lastColumn) {
        let p = from + <usize> j * step + (<usize> r << 2);
        let q = to + <usize> r * across + (<usize> j << 2);
        for (let i = r; i < lastRow; i++, p += 4, q += across) {
          copyLine(p, step, q, 4, lastColumn - j, 4);
        }
      }
    }
  }
}

/** Copies the last `rank` axes of the box, from index `first` to `last` of the first of them. */
function visit(axis: usize, rank: i32, from: usize, to: usize, first: i32, last: i32, unit: i32): void {
  const step = sourceStep(axis, unit), stride = targetStep(axis, unit);
  from += <usize> first * step;
  to += <usize> first * stride;
  const n = last - first;
  if (rank == 1) {
    if (step == <usize> unit && stride == <usize> unit) copyRun(from, to, <usize> (n * unit));
    else copyLine(from, step, to, stride, n, unit);
    return;
  }
  const inner = axis + AXIS, size = sizeAt(inner);
  if (rank == 2) {
    const innerStep = sourceStep(inner, unit), innerStride = targetStep(inner, unit);
    if (unit == 4 && step == 4 && innerStride == 4 && innerStep != 0) {
      transpose(from, innerStep, size, to, stride, n);
    } else if (innerStep == <usize> unit && innerStride == <usize> unit) {
      const bytes = <usize> (size * unit);
      if (step == 0 && stride == bytes && bytes < LONG) {
        repeatRun(from, to, bytes, <usize> n * bytes);
        return;
      }
      for (let i = 0; i < n; i++, from += step, to += stride) copyRun(from, to, bytes);
    } else {
      for (let i = 0; i < n; i++, from += step, to += stride) {
        copyLine(from, innerStep, to, innerStride, size, unit);
      }
    }
    return;
  }
  for (let i = 0; i < n; i++, from += step, to += stride) {
    visit(inner, rank - 1, from, to, 0, size, unit);
  }
}

/**
 * Copies a box, from index `first` to `last` of its first axis.
 *
 * @param box The table.
 * @param source The box's first element.
 * @param target Where it goes.
 * @param unit Size of an element, in bytes: 1, 4 or 8.
 */
export function copyBox(
  box: usize,
  source: usize,
  target: usize,
  unit: i32,
  first: i32,
  last: i32,
  scratch: usize,
): void {
  visit(box + 4, load<i32>(box), source, target, first, last, unit);
}

/** Sets `n` adjacent bytes, floats or integers to the same bits. */
export function fill(target: usize, n: i32, unit: i32, bits: i32): void {
  if (unit == 1) {
    memory.fill(target, <u8> bits, <usize> n);
    return;
  }
  const four = i32x4.splat(bits);
  let i = 0;
  for (; i + 4 <= n; i += 4, target += 16) v128.store(target, four);
  for (; i < n; i++, target += 4) store<u32>(target, bits);
}

/** Traps if one of `count` indices is not one of `rows`: a caller then finds out which. */
export function checkIndices(indices: usize, count: i32, rows: i32): void {
  const end = indices + (<usize> count << 2), limit = i32x4.splat(rows);
  let outside = i32x4.splat(0);
  let at = indices;
  // Unsigned, a negative index is a large one.
  for (; at + 16 <= end; at += 16) outside = v128.or(outside, i32x4.ge_u(v128.load(at), limit));
  for (; at < end; at += 4) if (load<u32>(at) >= <u32> rows) unreachable();
  if (v128.any_true(outside)) unreachable();
}

/**
 * Writes the place of each of `count` slices, of which `depth` indices say the place along each axis;
 * traps if one is outside.
 *
 * @param axes The sizes of the axes, then the number of slices from one index to the next.
 */
export function flattenIndices(indices: usize, count: i32, depth: i32, axes: usize, places: usize): void {
  const steps = axes + (<usize> depth << 2);
  for (let i = 0; i < count; i++, places += 4) {
    let place = 0;
    for (let axis: usize = 0; axis < <usize> depth << 2; axis += 4, indices += 4) {
      const index = load<i32>(indices);
      if (<u32> index >= load<u32>(axes + axis)) unreachable();
      place += index * load<i32>(steps + axis);
    }
    store<i32>(places, place);
  }
}

/**
 * Copies the rows that `indices` name, those at `i0` to `i1`, out of each block of rows.
 *
 * @param indices `[blocks / outer, count] int32`, each within a block.
 * @param outer Number of blocks that share a line of indices.
 * @param rows Number of rows in a block.
 * @param count Number of rows to copy out of a block.
 * @param bytes Size of a row, in bytes.
 */
export function gatherRows(
  source: usize,
  indices: usize,
  target: usize,
  blocks: i32,
  outer: i32,
  rows: i32,
  count: i32,
  bytes: i32,
  i0: i32,
  i1: i32,
  _scratch: usize,
): void {
  const size = <usize> bytes;
  for (let block: i32 = 0; block < blocks; block++) {
    const from = source + <usize> block * <usize> rows * size;
    const line = indices + (<usize> (block / outer) * <usize> count << 2);
    const to = target + <usize> block * <usize> count * size;
    if (bytes == 4) {
      for (let i = i0; i < i1; i++) {
        const index = <usize> load<u32>(line + (<usize> i << 2));
        store<u32>(to + (<usize> i << 2), load<u32>(from + (index << 2)));
      }
      continue;
    }
    for (let i = i0; i < i1; i++) {
      const index = <usize> load<u32>(line + (<usize> i << 2));
      copyRun(from + index * size, to + <usize> i * size, size);
    }
  }
}
