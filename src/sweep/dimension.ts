/** What a parameter of a trial may be: anything that JSON keeps as it is. */
export type ParameterValue = number | string | boolean | null;

/** One axis of a space that is searched: what a parameter may be, and how it is drawn. */
export interface Dimension<T extends ParameterValue = ParameterValue> {
  /** What it is, as plain data: its kind, and its bounds or its values. */
  readonly description: Readonly<Record<string, unknown>>;
  /** The value at a place on the axis, in [0, 1): uniform places give the distribution. */
  at(place: number): T;
  /** Where a value is on the axis, in [0, 1]. */
  placeOf(value: T): number;
  /** The values for a grid: all of them, or as many as `points`, spread evenly, ends included. */
  grid(points: number): T[];
}

/** What is searched: a dimension for the name of each parameter. */
// deno-lint-ignore no-explicit-any -- a dimension takes and gives values of its own kind
export type Space = Readonly<Record<string, Dimension<any>>>;

/** The parameters that are drawn from a space. */
export type ParametersOf<S extends Space> = {
  readonly [name in keyof S]: S[name] extends Dimension<infer T> ? T : never;
};

/** The parameters of any space. */
export type AnyParameters = Readonly<Record<string, ParameterValue>>;
