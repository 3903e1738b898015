/** Sums over rows that the gradients of normalisations share. */
import { addToDoubles, roundDoubles } from "./reductions";
import { madd } from "./vector";

/** Rows whose sums are made in floats. */
const ROWS: i32 = 64;

/**
 * For columns `c0` to `c1`, the sums of `dy`, and of `dy` times the distance of `x` from its mean.
 *
 * @param byRow Whether `statistics` holds mean and inverse deviation of each row, `[rows, 2]`, and
 *   distances are in deviations; else it holds the mean of each column.
 * @param scratch Memory for two doubles and two floats for each of these columns.
 */
@inline
export function slopeSums(
  dy: usize,
  x: usize,
  statistics: usize,
  byRow: bool,
  rows: i32,
  columns: i32,
  c0: i32,
  c1: i32,
  plain: usize,
  moment: usize,
  scratch: usize,
): void {
  const width = c1 - c0;
  const stride = <usize> columns << 2, bytes = <usize> width << 2;
  const totals = scratch, parts = scratch + 4 * bytes;
  memory.fill(totals, 0, 4 * bytes);
  for (let row = 0; row < rows; row += ROWS) {
    const some = min(ROWS, rows - row);
    const start = <usize> row * stride + (<usize> c0 << 2);
    let c: i32 = 0;
    for (; c + 8 <= width; c += 8) {
      const means = statistics + (<usize> (c0 + c) << 2);
      let m0 = f32x4.splat(0), m1 = m0, inverses = m0;
      if (!byRow) {
        m0 = v128.load(means);
        m1 = v128.load(means, 16);
      }
      let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0;
      let o = start + (<usize> c << 2), s = statistics + (<usize> row << 3);
      for (let i = 0; i < some; i++, o += stride, s += 8) {
        const d0 = v128.load(dy + o), d1 = v128.load(dy + o, 16);
        if (byRow) {
          m0 = m1 = v128.load32_splat(s);
          inverses = v128.load32_splat(s, 4);
        }
        let u0 = f32x4.sub(v128.load(x + o), m0), u1 = f32x4.sub(v128.load(x + o, 16), m1);
        if (byRow) {
          u0 = f32x4.mul(u0, inverses);
          u1 = f32x4.mul(u1, inverses);
        }
        a0 = f32x4.add(a0, d0);
        a1 = f32x4.add(a1, d1);
        b0 = madd(d0, u0, b0);
        b1 = madd(d1, u1, b1);
      }
      const to = parts + (<usize> c << 2);
      v128.store(to, a0);
      v128.store(to, a1, 16);
      v128.store(to + bytes, b0);
      v128.store(to + bytes, b1, 16);
    }
    for (; c < width; c++) {
      let m: f32 = byRow ? 0 : load<f32>(statistics + (<usize> (c0 + c) << 2));
      let inverse: f32 = 1;
      let a: f32 = 0, b: f32 = 0;
      let o = start + (<usize> c << 2), s = statistics + (<usize> row << 3);
      for (let i = 0; i < some; i++, o += stride, s += 8) {
        if (byRow) {
          m = load<f32>(s);
          inverse = load<f32>(s, 4);
        }
        const d = load<f32>(dy + o);
        a += d;
        b += d * ((load<f32>(x + o) - m) * inverse);
      }
      const to = parts + (<usize> c << 2);
      store<f32>(to, a);
      store<f32>(to + bytes, b);
    }
    addToDoubles(parts, 0, 1, 2 * width, totals);
  }
  roundDoubles(totals, width, 1, plain + (<usize> c0 << 2));
  roundDoubles(totals + 2 * bytes, width, 1, moment + (<usize> c0 << 2));
}
