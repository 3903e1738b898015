/**
 * The bands in which callbacks run: hooks are called in ascending priority.
 *
 * A callback says where it belongs and keeps its distance from the others, so that, for example,
 * whatever monitors a metric finds it measured, and whatever saves weights finds them trained.
 *
 * | band          |      | who is in it                                                           |
 * |---------------|------|------------------------------------------------------------------------|
 * | `mode`        | -200 | who decides what is trained, and on how much: limits, frozen layers     |
 * | `data`        | -100 | who changes batches, losses and gradients before anybody looks at them  |
 * | `user`        |    0 | everybody who does not say                                              |
 * | `metrics`     |  100 | who measures and records                                                |
 * | `schedules`   |  200 | who sets rates, and tracks weights and metrics                          |
 * | `checkpoints` |  300 | who saves weights                                                       |
 * | `stopping`    |  400 | who ends the run early                                                  |
 * | `display`     |  500 | who shows                                                               |
 * | `last`        | 1000 | who looks at what all the others have done                              |
 *
 * `Checkpoint` comes after everybody: a whole run, the memory of its callbacks included, is smallest
 * and easiest to go on from when nobody is left to run.
 *
 * @example
 * ```ts
 * import { Callback, PRIORITIES } from "@trainchart/trainchart";
 * import { assertEquals } from "@std/assert";
 *
 * class AfterMetrics extends Callback {
 *   override priority = PRIORITIES.metrics + 1;
 * }
 * assertEquals(new AfterMetrics().priority, 101);
 * ```
 */
export const PRIORITIES: {
  readonly mode: -200;
  readonly data: -100;
  readonly user: 0;
  readonly metrics: 100;
  readonly schedules: 200;
  readonly checkpoints: 300;
  readonly stopping: 400;
  readonly display: 500;
  readonly last: 1000;
} = {
  mode: -200,
  data: -100,
  user: 0,
  metrics: 100,
  schedules: 200,
  checkpoints: 300,
  stopping: 400,
  display: 500,
  last: 1000,
};
