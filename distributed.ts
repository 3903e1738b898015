/**
 * Synchronous data-parallel training: one model, several processes, on one machine or on many.
 *
 * {@linkcode mpi} joins the world that `mpirun` started, or a world of one without it.
 * {@linkcode DataParallel} is one more callback: every rank takes its share of each epoch, gradients
 * are averaged before each step, and all ranks have the same weights, to the bit. What one rank
 * cancels, all cancel at the same batch; when one fails, the job ends as one.
 *
 * ```sh
 * mpirun -n 4 deno run -A train.ts
 * ```
 *
 * @example The only line that changes is the callback
 * ```ts
 * import { adam, Learner, meanSquaredError, tf } from "@trainchart/trainchart";
 * import { DataParallel, mpi } from "@trainchart/trainchart/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const world = await mpi();
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
 *   optimizer: adam(0.1),
 *   lossFunction: meanSquaredError,
 *   dataloaders: { train: [[tf.tensor2d([[0], [1]]), tf.tensor2d([[1], [3]])]] },
 *   callbacks: [new DataParallel(world)],
 * });
 * const { status } = await learner.train({ epochs: 3 });
 * assertEquals([status, world.size], ["completed", 1]); // here, without mpirun
 * ```
 *
 * @module
 */
export { DataParallel } from "./src/distributed/data_parallel.ts";
export { mpi, type MpiOptions } from "./src/distributed/mpi.ts";
export type { Numbers, Reduction, World } from "./src/distributed/world.ts";
