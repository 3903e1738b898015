/**
 * Functions of two numbers, with broadcasting.
 *
 * After neighbouring axes are merged, a result has rows, in one or two axes, and each operand goes
 * along with the rows and their elements, or stays where it is.
 */
import { arcOf, modulo, quotient, quotientOfIntegers } from "./quotients";
import {
  Add,
  AddIntegers,
  AndIntegers,
  Atan2,
  Div,
  FloorDiv,
  FloorDivIntegers,
  Maximum,
  MaximumIntegers,
  Minimum,
  MinimumIntegers,
  Mod,
  ModIntegers,
  Mul,
  MulIntegers,
  Prelu,
  SquaredDifference,
  SquaredDifferenceIntegers,
  Sub,
  SubIntegers,
  ADD,
  ADD_INTEGERS,
  AND_INTEGERS,
  ATAN2,
  DIV,
  FLOOR_DIV,
  FLOOR_DIV_INTEGERS,
  MAXIMUM,
  MAXIMUM_INTEGERS,
  MINIMUM,
  MINIMUM_INTEGERS,
  MOD,
  MOD_INTEGERS,
  MUL,
  MUL_INTEGERS,
  PRELU,
  SQUARED_DIFFERENCE,
  SQUARED_DIFFERENCE_INTEGERS,
  SUB,
  SUB_INTEGERS,
} from "./binary_functions";

@inline
function isNaN4(x: v128): v128 {
  return f32x4.ne(x, x);
}

@inline
function compute<F>(a: v128, b: v128): v128 {
  if (idof<F>() == idof<Add>()) return f32x4.add(a, b);
  if (idof<F>() == idof<Sub>()) return f32x4.sub(a, b);
  if (idof<F>() == idof<Mul>()) return f32x4.mul(a, b);
  if (idof<F>() == idof<Div>()) return f32x4.div(a, b);
  // Cheaper than `max`, which knows that 0 is more than -0. NaN of either operand stays.
  if (idof<F>() == idof<Maximum>()) return v128.bitselect(a, f32x4.pmax(b, a), isNaN4(a));
  if (idof<F>() == idof<Minimum>()) return v128.bitselect(a, f32x4.pmin(b, a), isNaN4(a));
  if (idof<F>() == idof<FloorDiv>()) return quotient(a, b);
  if (idof<F>() == idof<Mod>()) return modulo(a, b);
  if (idof<F>() == idof<Atan2>()) return arcOf(a, b);
  if (idof<F>() == idof<AddIntegers>()) return i32x4.add(a, b);
  if (idof<F>() == idof<SubIntegers>()) return i32x4.sub(a, b);
  if (idof<F>() == idof<MulIntegers>()) return i32x4.mul(a, b);
  if (idof<F>() == idof<MaximumIntegers>()) return i32x4.max_s(a, b);
  if (idof<F>() == idof<MinimumIntegers>()) return i32x4.min_s(a, b);
  if (idof<F>() == idof<FloorDivIntegers>()) return quotientOfIntegers(a, b);
  if (idof<F>() == idof<ModIntegers>()) {
    const rest = i32x4.sub(a, i32x4.mul(quotientOfIntegers(a, b), b));
    return v128.and(rest, i32x4.ne(b, i32x4.splat(0)));
  }
  if (idof<F>() == idof<AndIntegers>()) return v128.and(a, b);
  if (idof<F>() == idof<SquaredDifferenceIntegers>()) {
    const d = i32x4.sub(a, b);
    return i32x4.mul(d, d);
  }
  if (idof<F>() == idof<Prelu>()) return v128.bitselect(f32x4.mul(a, b), a, f32x4.lt(a, f32x4.splat(0)));
  const d = f32x4.sub(a, b);
  return f32x4.mul(d, d);
}

/** One row of results. A step is 1, or 0 for an operand that stays. */
@inline
function row<F>(a: usize, b: usize, y: usize, size: i32, stepA: i32, stepB: i32): void {
  let i = 0;
  if (stepA && stepB) {
    for (; i + 16 <= size; i += 16, a += 64, b += 64, y += 64) {
      const u = compute<F>(v128.load(a), v128.load(b));
      const v = compute<F>(v128.load(a, 16), v128.load(b, 16));
      const w = compute<F>(v128.load(a, 32), v128.load(b, 32));
      const z = compute<F>(v128.load(a, 48), v128.load(b, 48));
      v128.store(y, u);
      v128.store(y, v, 16);
      v128.store(y, w, 32);
      v128.store(y, z, 48);
    }
    for (; i + 4 <= size; i += 4, a += 16, b += 16, y += 16) {
      v128.store(y, compute<F>(v128.load(a), v128.load(b)));
    }
  } else if (stepA) {
    const right = v128.load32_splat(b);
    for (; i + 8 <= size; i += 8, a += 32, y += 32) {
      const u = compute<F>(v128.load(a), right), v = compute<F>(v128.load(a, 16), right);
      v128.store(y, u);
      v128.store(y, v, 16);
    }
    for (; i + 4 <= size; i += 4, a += 16, y += 16) {
      v128.store(y, compute<F>(v128.load(a), right));
    }
  } else {
    const left = v128.load32_splat(a);
    for (; i + 8 <= size; i += 8, b += 32, y += 32) {
      const u = compute<F>(left, v128.load(b)), v = compute<F>(left, v128.load(b, 16));
      v128.store(y, u);
      v128.store(y, v, 16);
    }
    for (; i + 4 <= size; i += 4, b += 16, y += 16) {
      v128.store(y, compute<F>(left, v128.load(b)));
    }
  }
  for (; i < size; i++, a += stepA << 2, b += stepB << 2, y += 4) {
    const result = compute<F>(v128.load32_splat(a), v128.load32_splat(b));
    store<i32>(y, i32x4.extract_lane(result, 0));
  }
}

@inline
function rows<F>(a: usize,
  b: usize,
  y: usize,
  begin: i32,
  end: i32,
  middle: i32,
  size: i32,
  outerA: i32,
  middleA: i32,
  stepA: i32,
  outerB: i32,
  middleB: i32,
  stepB: i32,
): void {
  for (let i = begin; i < end; i++) {
    const outer = i / middle, inner = i - outer * middle;
    row<F>(a + (<usize> (outer * outerA + inner * middleA) << 2),
      b + (<usize> (outer * outerB + inner * middleB) << 2),
      y + (<usize> i * <usize> size << 2),
      size,
      stepA,
      stepB,
    );
  }
}

/**
 * A function of two numbers, for rows `begin` to `end` of `[outer, middle, size]`.
 *
 * @param f Its number.
 * @param outerA Elements of `a` from one outer index to the next; 0 if it is broadcast there.
 */
export function binary(
  f: i32,
  a: usize,
  b: usize,
  y: usize,
  begin: i32,
  end: i32,
  middle: i32,
  size: i32,
  outerA: i32,
  middleA: i32,
  stepA: i32,
  outerB: i32,
  middleB: i32,
  stepB: i32,
  _scratch: usize,
): void {
  switch (f) {
    case ADD:
      rows<Add>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case SUB:
      rows<Sub>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case MUL:
      rows<Mul>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case DIV:
      rows<Div>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case MAXIMUM:
      rows<Maximum>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case MINIMUM:
      rows<Minimum>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case SQUARED_DIFFERENCE:
      rows<SquaredDifference>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case PRELU:
      rows<Prelu>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case FLOOR_DIV:
      rows<FloorDiv>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case MOD:
      rows<Mod>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case ATAN2:
      rows<Atan2>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case ADD_INTEGERS:
      rows<AddIntegers>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case SUB_INTEGERS:
      rows<SubIntegers>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case MUL_INTEGERS:
      rows<MulIntegers>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case MAXIMUM_INTEGERS:
      rows<MaximumIntegers>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case MINIMUM_INTEGERS:
      rows<MinimumIntegers>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case SQUARED_DIFFERENCE_INTEGERS:
      rows<SquaredDifferenceIntegers>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case FLOOR_DIV_INTEGERS:
      rows<FloorDivIntegers>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case MOD_INTEGERS:
      rows<ModIntegers>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
    case AND_INTEGERS:
      rows<AndIntegers>(a, b, y, begin, end, middle, size, outerA, middleA, stepA, outerB, middleB, stepB);
      break;
  }
}
