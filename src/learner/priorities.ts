/**
 * The bands in which callbacks run: hooks are called in ascending priority.
 *
 * A callback belongs to a band, so that, for example, a callback that monitors a metric runs after
 * the metric is measured, and one that saves weights after they are trained.
 *
 * | band          |      | callbacks in it                                                        |
 * |---------------|------|------------------------------------------------------------------------|
 * | `mode`        | -200 | set what is trained, and on how much data: limits, frozen layers        |
 * | `data`        | -100 | change batches, losses and gradients before other callbacks read them   |
 * | `user`        |    0 | all that set no priority                                                |
 * | `metrics`     |  100 | measure and record                                                      |
 * | `schedules`   |  200 | set rates, and track weights and metrics                                |
 * | `checkpoints` |  300 | save weights                                                            |
 * | `stopping`    |  400 | end the run early                                                       |
 * | `display`     |  500 | show                                                                    |
 * | `last`        | 1000 | look at the work of all others                                          |
 *
 * `Checkpoint` runs after all of them: the state of a run, with the memory of its callbacks, is
 * smallest and easiest to resume when no callback is left to run.
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
 *
 * @category Writing a callback
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
