/** Products of matrices of integers, which wrap. */

/**
 * Rows `begin` to `end` of `a b`, `[rows, depth]` times `[depth, columns]`.
 *
 * Eight columns of `b` stay in the cache while all rows meet them, four at once.
 */
export function multiplyIntegers(
  a: usize,
  b: usize,
  y: usize,
  begin: i32,
  end: i32,
  columns: i32,
  depth: i32,
  _scratch: usize,
): void {
  const width = <usize> columns << 2, length = <usize> depth << 2;
  let j = 0;
  for (; j + 8 <= columns; j += 8, b += 32) {
    let row = begin;
    for (; row + 4 <= end; row += 4) {
      let left = a + <usize> row * length, right = b;
      let p = i32x4.splat(0), q = p, r = p, s = p, t = p, u = p, v = p, w = p;
      for (let k = 0; k < depth; k++, left += 4, right += width) {
        const c = v128.load(right), d = v128.load(right, 16);
        const e = v128.load32_splat(left), f = v128.load32_splat(left + length);
        const g = v128.load32_splat(left + 2 * length), h = v128.load32_splat(left + 3 * length);
        p = i32x4.add(p, i32x4.mul(c, e));
        q = i32x4.add(q, i32x4.mul(d, e));
        r = i32x4.add(r, i32x4.mul(c, f));
        s = i32x4.add(s, i32x4.mul(d, f));
        t = i32x4.add(t, i32x4.mul(c, g));
        u = i32x4.add(u, i32x4.mul(d, g));
        v = i32x4.add(v, i32x4.mul(c, h));
        w = i32x4.add(w, i32x4.mul(d, h));
      }
      const to = y + <usize> row * width + (<usize> j << 2);
      v128.store(to, p);
      v128.store(to, q, 16);
      v128.store(to + width, r);
      v128.store(to + width, s, 16);
      v128.store(to + 2 * width, t);
      v128.store(to + 2 * width, u, 16);
      v128.store(to + 3 * width, v);
      v128.store(to + 3 * width, w, 16);
    }
    for (; row < end; row++) {
      let left = a + <usize> row * length, right = b;
      let p = i32x4.splat(0), q = p;
      for (let k = 0; k < depth; k++, left += 4, right += width) {
        const e = v128.load32_splat(left);
        p = i32x4.add(p, i32x4.mul(v128.load(right), e));
        q = i32x4.add(q, i32x4.mul(v128.load(right, 16), e));
      }
      const to = y + <usize> row * width + (<usize> j << 2);
      v128.store(to, p);
      v128.store(to, q, 16);
    }
  }
  for (; j < columns; j++, b += 4) {
    for (let row = begin; row < end; row++) {
      let left = a + <usize> row * length, right = b, sum = 0;
      for (let k = 0; k < depth; k++, left += 4, right += width) sum += load<i32>(left) * load<i32>(right);
      store<i32>(y + <usize> row * width + (<usize> j << 2), sum);
    }
  }
}
