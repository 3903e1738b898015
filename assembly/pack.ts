/** Packs tensors into panels. */

/** Interleaves four rows of `length` floats, as four columns of `[length][width]`. */
@inline
function interleave(
  p0: usize,
  p1: usize,
  p2: usize,
  p3: usize,
  length: i32,
  to: usize,
  step: usize,
): void {
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const r0 = v128.load(p0), r1 = v128.load(p1), r2 = v128.load(p2), r3 = v128.load(p3);
    const a = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5), b = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
    const c = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5), d = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<i64>(a, c, 0, 2));
    v128.store(to + step, v128.shuffle<i64>(a, c, 1, 3));
    v128.store(to + 2 * step, v128.shuffle<i64>(b, d, 0, 2));
    v128.store(to + 3 * step, v128.shuffle<i64>(b, d, 1, 3));
    p0 += 16;
    p1 += 16;
    p2 += 16;
    p3 += 16;
    to += step << 2;
  }
  for (; i < length; i++) {
    store<f32>(to, load<f32>(p0));
    store<f32>(to, load<f32>(p1), 4);
    store<f32>(to, load<f32>(p2), 8);
    store<f32>(to, load<f32>(p3), 12);
    p0 += 4;
    p1 += 4;
    p2 += 4;
    p3 += 4;
    to += step;
  }
}

/** Packs four rows into a panel of A. */
export function packFour(
  p0: usize,
  p1: usize,
  p2: usize,
  p3: usize,
  length: i32,
  to: usize,
): void {
  interleave(p0, p1, p2, p3, length, to, 16);
}

/**
 * Packs panels whose elements are `stride` bytes apart along the width and adjacent along the depth:
 * the rows of A, or the columns of a transposed B.
 *
 * Elements beyond `count` repeat the last one: their results are not stored.
 */
export function packAcross(
  from: usize,
  stride: usize,
  count: i32,
  depth: i32,
  width: i32,
  to: usize,
  panel: usize,
): void {
  const last = from + <usize> max(count - 1, 0) * stride;
  const step = <usize> width << 2;
  for (let i = 0; i < count; i += width, to += panel) {
    for (let j = 0; j < width; j += 4) {
      const p = from + <usize> (i + j) * stride;
      interleave(
        min(p, last),
        min(p + stride, last),
        min(p + 2 * stride, last),
        min(p + 3 * stride, last),
        depth,
        to + (<usize> j << 2),
        step,
      );
    }
  }
}

/**
 * Packs panels whose elements are adjacent along the width and `stride` bytes apart along the depth:
 * the rows of B, or the columns of a transposed A.
 */
export function packAlong(
  from: usize,
  stride: usize,
  count: i32,
  depth: i32,
  width: i32,
  to: usize,
  panel: usize,
): void {
  for (let i = 0; i < count; i += width, to += panel, from += <usize> width << 2) {
    let p = from, q = to;
    if (i + width > count) {
      const rest = count - i;
      for (let k = 0; k < depth; k++, p += stride, q += <usize> width << 2) {
        for (let j = 0; j < width; j++) {
          store<f32>(q + (<usize> j << 2), j < rest ? load<f32>(p + (<usize> j << 2)) : 0);
        }
      }
    } else if (width == 8) {
      for (let k = 0; k < depth; k++, p += stride, q += 32) {
        v128.store(q, v128.load(p));
        v128.store(q, v128.load(p, 16), 16);
      }
    } else {
      for (let k = 0; k < depth; k++, p += stride, q += 16) v128.store(q, v128.load(p));
    }
  }
}
