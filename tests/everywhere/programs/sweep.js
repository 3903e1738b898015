/**
 * A sweep in two processes.
 *
 * @module
 */
import { selectBackend } from "@trainchart/trainchart";
import { choice, sweep } from "@trainchart/trainchart/sweep";
import { train } from "./training.js";

const { trials } = await sweep({
  folder: process.argv[2],
  space: { rate: choice([0.01, 0.02]) },
  algorithm: "grid",
  workers: 2,
  monitor: "validation.loss",
  seed: 1,
  args: [],
  write: () => {},
  async objective(trial) {
    await selectBackend({ prefer: "cpu", quiet: true });
    const { metrics } = await train([trial], 1);
    return metrics["validation.loss"];
  },
});
console.log(JSON.stringify({ trials: trials.map(({ status }) => status) }));
