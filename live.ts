/**
 * A page on which a run is watched and steered.
 *
 * {@linkcode LivePage} is one more callback: it serves a page that shows where the run is, curves,
 * speed, memory and the time of each callback, with buttons to pause, step and cancel. It listens on
 * this machine only, unless told otherwise. {@linkcode LiveFeed} is the same without a server, for a
 * page that trains in its own tab.
 *
 * @example Watch a run
 * ```ts
 * import { adam, Learner, meanSquaredError, tf } from "@trainchart/trainchart";
 * import { LivePage } from "@trainchart/trainchart/live";
 * import { assertEquals } from "@std/assert";
 *
 * const page = new LivePage({ port: 0, onOpen: () => {} }); // any free port; prints its address by default
 * const learner = new Learner({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
 *   optimizer: adam(0.1),
 *   lossFunction: meanSquaredError,
 *   dataloaders: { train: [[tf.tensor2d([[0], [1]]), tf.tensor2d([[1], [3]])]] },
 *   callbacks: [page],
 * });
 * const { status } = await learner.train({ epochs: 3 });
 * assertEquals(status, "completed");
 * ```
 *
 * @module
 */
export { LiveFeed, type LiveFeedOptions, type LiveSeat } from "./src/live/live_feed.ts";
export type { LiveViewer } from "./src/live/live_seats.ts";
export { LivePage, type LivePageOptions } from "./src/live/live_page.ts";
