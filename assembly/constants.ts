/**
 * Vectors of one number, for loops over elements.
 *
 * An engine makes a constant vector in three instructions, at each use in a loop. So the build of the
 * kernels makes a global of each of these calls, which is read in one: functions of elements take two
 * thirds of the time.
 */

/** Four floats. */
export function constant(x: f32): v128 {
  return f32x4.splat(x);
}

/** Two doubles. */
export function constantDouble(x: f64): v128 {
  return f64x2.splat(x);
}

/** Four integers. */
export function constantInteger(x: i32): v128 {
  return i32x4.splat(x);
}
