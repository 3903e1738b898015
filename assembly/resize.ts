/**
 * Images whose lines and columns are weighted sums of those of another image: resizing, and its
 * gradient.
 *
 * The weights are a table, which `src/backend/kernels/images.ts` writes: for each line of results, then
 * for each column, where its list ends; then the lists, an index and a weight for each entry.
 */
import { madd } from "./vector";
import { BYTES, CHANNELS, COLUMNS, HEIGHT, OUT_X, OUT_Y, WIDTH } from "./resize_table";

/** The channels of a result from byte `c` on: the sum of `lines` x `columns` pixels. */
@inline
function four(from: usize, lines: usize, endLines: usize, columns: usize, endColumns: usize, stride: usize, pixel: usize): v128 {
  let sum = f32x4.splat(0);
  for (let line = lines; line < endLines; line += 8) {
    const at = from + <usize> load<u32>(line) * stride;
    let part = f32x4.splat(0);
    for (let column = columns; column < endColumns; column += 8) {
      part = madd(v128.load(at + <usize> load<u32>(column) * pixel), v128.load32_splat(column, 4), part);
    }
    sum = madd(part, v128.load32_splat(line, 4), sum);
  }
  return sum;
}

@inline
function one(from: usize, lines: usize, endLines: usize, columns: usize, endColumns: usize, stride: usize, pixel: usize): f32 {
  let sum: f32 = 0;
  for (let line = lines; line < endLines; line += 8) {
    const at = from + <usize> load<u32>(line) * stride;
    let part: f32 = 0;
    for (let column = columns; column < endColumns; column += 8) {
      part += load<f32>(at + <usize> load<u32>(column) * pixel) * load<f32>(column, 4);
    }
    sum += part * load<f32>(line, 4);
  }
  return sum;
}

/** Whether a list has one entry, of weight one. */
@inline
function isCopy(from: usize, end: usize): bool {
  return end - from == 8 && load<f32>(from, 4) == 1;
}

/** Lines `first` to `last` of the results of all images. */
export function resize(table: usize, x: usize, y: usize, first: i32, last: i32, scratch: usize): void {
  const lines = load<i32>(table, OUT_Y), columns = load<i32>(table, OUT_X);
  const pixel = <usize> load<i32>(table, CHANNELS) << 2;
  const stride = <usize> load<i32>(table, WIDTH) * pixel, image = <usize> load<i32>(table, HEIGHT) * stride;
  const length = <usize> columns * pixel;
  const ends = table + BYTES, columnEnds = ends + (<usize> lines << 2);
  const lists = columnEnds + (<usize> columns << 2), columnLists = lists + <usize> load<i32>(table, COLUMNS);
  y += <usize> first * length;
  for (let l = first; l < last; l++) {
    const b = l / lines, line = l - b * lines;
    const entry = ends + (<usize> line << 2);
    const begin = lists + (line ? <usize> load<u32>(entry - 4) : 0), end = lists + <usize> load<u32>(entry);
    const from = x + <usize> b * image;
    const copies = isCopy(begin, end);
    if (copies && line && l > first && load<u32>(begin) == load<u32>(begin - 8) && isCopy(begin - 8, begin) &&
      load<u32>(entry) - (line > 1 ? load<u32>(entry - 8) : 0) == 16) {
      // The same line as the one before.
      memory.copy(y, y - length, length);
      y += length;
      continue;
    }
    let list = columnLists;
    for (let column: usize = 0; column < <usize> columns; column++, y += pixel) {
      const next = columnLists + <usize> load<u32>(columnEnds + (column << 2));
      let c: usize = 0;
      if (copies && isCopy(list, next)) {
        const at = from + <usize> load<u32>(begin) * stride + <usize> load<u32>(list) * pixel;
        for (; c + 16 <= pixel; c += 16) v128.store(y + c, v128.load(at + c));
        for (; c < pixel; c += 4) store<u32>(y + c, load<u32>(at + c));
      } else {
        for (; c + 16 <= pixel; c += 16) v128.store(y + c, four(from + c, begin, end, list, next, stride, pixel));
        for (; c < pixel; c += 4) store<f32>(y + c, one(from + c, begin, end, list, next, stride, pixel));
      }
      list = next;
    }
  }
}
