/**
 * Convolutions as products of matrices whose one operand, the patches of an image, is never written
 * out: it is gathered while it is packed (Chetlur et al., "cuDNN: Efficient Primitives for Deep
 * Learning", 2014).
 *
 * A row of patches belongs to a point `[b, z, y, x]` of a grid, and is made of the pixels that the
 * *taps* of the filter meet there, `[taps, channels]`. The description of both is a table of 32-bit
 * integers which the caller writes, see `src/backend/geometry.ts`.
 */
import { PIXELS, ZEROS } from "./panel";

const SOURCE: usize = 0;
const DEPTH: usize = 4;
const HEIGHT: usize = 8;
const WIDTH: usize = 12;
const CHANNELS: usize = 16;
const GRID_Z: usize = 20;
const GRID_Y: usize = 24;
const GRID_X: usize = 28;
const STEP_Z: usize = 32;
const STEP_Y: usize = 36;
const STEP_X: usize = 40;
const TARGET: usize = 44;
const TARGET_B: usize = 48;
const TARGET_Z: usize = 52;
const TARGET_Y: usize = 56;
const TARGET_X: usize = 60;
const TAPS: usize = 64;
/** Each tap: its place `z, y, x` from the first, its distance in bytes, its filter's offset. */
const FIRST_TAP: usize = 68;
const TAP_BYTES: usize = 20;

@inline
export function channelsOf(image: usize): i32 {
  return load<i32>(image, CHANNELS);
}

@inline
export function tapsOf(image: usize): i32 {
  return load<i32>(image, TAPS);
}

@inline
function tapAt(image: usize, tap: i32): usize {
  return image + FIRST_TAP + <usize> tap * TAP_BYTES;
}

/** The offset in bytes of a tap's part of the filter. */
@inline
export function filterOffset(image: usize, tap: i32): usize {
  return <usize> load<u32>(tapAt(image, tap), 16);
}

/** Lists points of the grid: where their pixels start, and (if `rows` is given) their results. */
export function listPoints(image: usize, first: i32, count: i32, rows: usize, pixels: usize): void {
  const gridX = load<i32>(image, GRID_X), gridY = load<i32>(image, GRID_Y);
  const gridZ = load<i32>(image, GRID_Z);
  const depth = load<i32>(image, DEPTH), height = load<i32>(image, HEIGHT);
  const width = load<i32>(image, WIDTH), channels = load<i32>(image, CHANNELS);
  let x = first % gridX, rest = first / gridX;
  let y = rest % gridY;
  rest /= gridY;
  let z = rest % gridZ, b = rest / gridZ;
  for (let i = 0; i < count; i++) {
    const fromZ = z * load<i32>(image, STEP_Z), fromY = y * load<i32>(image, STEP_Y);
    const fromX = x * load<i32>(image, STEP_X);
    const at = ((b * depth + fromZ) * height + fromY) * width + fromX;
    store<u32>(pixels, load<u32>(image, SOURCE) + <u32> (at * channels << 2));
    store<i32>(pixels, fromZ, 4);
    store<i32>(pixels, fromY, 8);
    store<i32>(pixels, fromX, 12);
    pixels += 16;
    if (rows) {
      store<u32>(
        rows,
        load<u32>(image, TARGET) + b * load<u32>(image, TARGET_B) + z * load<u32>(image, TARGET_Z) +
          y * load<u32>(image, TARGET_Y) + x * load<u32>(image, TARGET_X),
      );
      rows += 4;
    }
    if (++x == gridX) {
      x = 0;
      if (++y == gridY) {
        y = 0;
        if (++z == gridZ) {
          z = 0;
          b++;
        }
      }
    }
  }
}

/** Where the pixel of a tap is that a listed point meets; zeros if it lies outside. */
@inline
export function pixelAt(image: usize, tap: i32, point: usize, zeros: usize): usize {
  const t = tapAt(image, tap);
  const inside = <i32> (<u32> (load<i32>(point, 4) + load<i32>(t)) < load<u32>(image, DEPTH)) &
    <i32> (<u32> (load<i32>(point, 8) + load<i32>(t, 4)) < load<u32>(image, HEIGHT)) &
    <i32> (<u32> (load<i32>(point, 12) + load<i32>(t, 8)) < load<u32>(image, WIDTH));
  return inside ? <usize> (load<u32>(point) + load<u32>(t, 12)) : zeros;
}
