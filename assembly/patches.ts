/**
 * The patches of an image: one row for each point `[b, z, y, x]` of a grid. A row holds the pixels
 * that the *taps* of a filter meet there, `[taps, channels]`.
 *
 * The geometry is a table of 32-bit integers, which `src/backend/geometry.ts` writes.
 */
import { POINTS } from "./panel";
import {
  BYTES,
  CHANNELS,
  DEPTH,
  GRID_X,
  GRID_Y,
  GRID_Z,
  HEIGHT,
  SOURCE,
  STEP_X,
  STEP_Y,
  STEP_Z,
  TAPS,
  WIDTH,
} from "./patch_table";

/** Each tap: its offset `z, y, x` from the point's first pixel, and the same offset in bytes. */
const FIRST_TAP: usize = BYTES;

@inline
export function channelsOf(image: usize): i32 {
  return load<i32>(image, CHANNELS);
}

@inline
export function tapsOf(image: usize): i32 {
  return load<i32>(image, TAPS);
}

/** Number of points of the grid in one example. */
@inline
export function pointsOfOne(image: usize): i32 {
  return load<i32>(image, GRID_Z) * load<i32>(image, GRID_Y) * load<i32>(image, GRID_X);
}

/** Size of one example of the image, in bytes. */
@inline
export function bytesOfOne(image: usize): usize {
  const pixels = load<i32>(image, DEPTH) * load<i32>(image, HEIGHT) * load<i32>(image, WIDTH);
  return <usize> (pixels * channelsOf(image)) << 2;
}

/** The address of the image. */
@inline
export function sourceOf(image: usize): usize {
  return <usize> load<u32>(image, SOURCE);
}

/** Whether neighbours along a line of the grid meet neighbouring floats. */
@inline
export function isLine(image: usize): bool {
  return load<i32>(image, CHANNELS) == 1 && load<i32>(image, STEP_X) == 1;
}

/** Number of points from this one to the end of its line, at most `most`. */
@inline
export function restOfLine(image: usize, point: usize, most: i32): i32 {
  return min(load<i32>(image, GRID_X) - load<i32>(point, 12), most);
}

/** Pixels between two neighbours along a line of the grid. */
@inline
export function stepOf(image: usize): i32 {
  return load<i32>(image, STEP_X);
}

/** Number of pixels of a line of the image. */
@inline
export function widthOf(image: usize): i32 {
  return load<i32>(image, WIDTH);
}

/** Number of points of a line of the grid. */
@inline
export function lengthOf(image: usize): i32 {
  return load<i32>(image, GRID_X);
}

/** The place in its line of the pixel that a tap meets at a listed point, inside the image or not. */
@inline
export function firstAt(image: usize, tap: i32, point: usize): i32 {
  return load<i32>(point, 12) + load<i32>(image + FIRST_TAP + (<usize> tap << 4), 8);
}

/** Whether the line that a tap meets at a listed point is inside the image. */
@inline
export function isLineInside(image: usize, tap: i32, point: usize): bool {
  const t = image + FIRST_TAP + (<usize> tap << 4);
  return <u32> (load<i32>(point, 4) + load<i32>(t)) < load<u32>(image, DEPTH) &&
    <u32> (load<i32>(point, 8) + load<i32>(t, 4)) < load<u32>(image, HEIGHT);
}

/** The address of the pixel that a tap meets at a listed point, inside the image or not. */
@inline
export function lineAt(image: usize, tap: i32, point: usize): usize {
  return <usize> (load<u32>(point) + load<u32>(image + FIRST_TAP + (<usize> tap << 4), 12));
}

/** The address of a listed point. */
@inline
export function pointAt(scratch: usize, i: i32): usize {
  return scratch + POINTS + (<usize> i << 4);
}

/** Lists points of the grid: the address of the first pixel, and its place `z, y, x`. */
export function listPoints(image: usize, first: i32, count: i32, points: usize): void {
  const gridX = load<i32>(image, GRID_X), gridY = load<i32>(image, GRID_Y);
  const gridZ = load<i32>(image, GRID_Z);
  const stepX = load<i32>(image, STEP_X), stepY = load<i32>(image, STEP_Y);
  const depth = load<i32>(image, DEPTH), height = load<i32>(image, HEIGHT);
  const width = load<i32>(image, WIDTH), bytes = channelsOf(image) << 2;
  let x = first % gridX, rest = first / gridX;
  let y = rest % gridY;
  rest /= gridY;
  let z = rest % gridZ, b = rest / gridZ;
  for (let i = 0; i < count; i++, points += 16) {
    const fromZ = z * load<i32>(image, STEP_Z), fromY = y * stepY, fromX = x * stepX;
    const at = ((b * depth + fromZ) * height + fromY) * width + fromX;
    store<u32>(points, load<u32>(image, SOURCE) + <u32> (at * bytes));
    store<i32>(points, fromZ, 4);
    store<i32>(points, fromY, 8);
    store<i32>(points, fromX, 12);
    if (++x < gridX) continue;
    x = 0;
    if (++y < gridY) continue;
    y = 0;
    if (++z < gridZ) continue;
    z = 0;
    b++;
  }
}

/** The address of the pixel that a tap meets at a listed point; `outside` in the padding. */
@inline
export function pixelAt(image: usize, tap: i32, point: usize, outside: usize): usize {
  const t = image + FIRST_TAP + (<usize> tap << 4);
  const inside = <i32> (<u32> (load<i32>(point, 4) + load<i32>(t)) < load<u32>(image, DEPTH)) &
    <i32> (<u32> (load<i32>(point, 8) + load<i32>(t, 4)) < load<u32>(image, HEIGHT)) &
    <i32> (<u32> (load<i32>(point, 12) + load<i32>(t, 8)) < load<u32>(image, WIDTH));
  return inside ? <usize> (load<u32>(point) + load<u32>(t, 12)) : outside;
}

/** Whether the windows of some points contain pixels outside of the image. */
export function isPadded(image: usize): bool {
  const first = image + FIRST_TAP, last = first + (<usize> (tapsOf(image) - 1) << 4);
  for (let axis: usize = 0; axis < 12; axis += 4) {
    const end = (load<i32>(image + axis, GRID_Z) - 1) * load<i32>(image + axis, STEP_Z) + load<i32>(last + axis);
    if (load<i32>(first + axis) < 0 || end >= load<i32>(image + axis, DEPTH)) return true;
  }
  return false;
}

/** Whether the window of a listed point lies inside of the image. */
@inline
export function isInside(image: usize, point: usize): bool {
  return pixelAt(image, 0, point, 0) != 0 && pixelAt(image, tapsOf(image) - 1, point, 0) != 0;
}
