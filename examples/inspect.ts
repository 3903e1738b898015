/**
 * Shows a training in Stately's inspector, slowly enough to follow: `deno task inspect`.
 *
 * The relay serves a page that contains the inspector, https://stately.ai/inspect, and opens it.
 *
 *     deno run -A examples/inspect.ts [--port 8080] [--no-open]
 */
import { parseArgs } from "node:util";
import { createInspectorServer } from "npm:@statelyai/inspect@0.7.2/server";
import { adam, CancelEpoch, Learner, meanSquaredError, tf } from "../mod.ts";
import { inspector } from "../inspect.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "8080" },
    "no-open": { type: "boolean", default: false },
  },
});
const port = Number(values.port);
const relay = createInspectorServer({ port, autoOpen: !values["no-open"] });
console.log(`Open http://localhost:${port} to see the machine.`);
if (Deno.stdin.isTerminal()) prompt("Press Enter once the page shows the inspector:");

/** Yields batches of points of y = 2x + 1. */
function* points(batches: number) {
  for (let batch = 0; batch < batches; batch++) {
    const data = tf.randomUniform([32, 1], -1, 1);
    yield { data, labels: tf.tidy(() => data.mul(2).add(1)) };
  }
}

const learner = new Learner({
  model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
  optimizer: adam(0.05),
  lossFunction: meanSquaredError,
  dataloaders: { train: () => points(20), validation: () => points(5), test: () => points(5) },
  callbacks: [{
    async beforeStep({ epoch, batchIndex }) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (epoch === 1 && batchIndex === 10) throw new CancelEpoch("to show a cancelled epoch");
    },
    afterEpoch({ epoch, trainLoss }) {
      console.log(`epoch ${epoch}: loss ${trainLoss.toFixed(4)}`);
    },
  }],
});
const { status } = await learner.train({
  epochs: 4,
  inspect: inspector({ url: `ws://localhost:${port}` }),
});
console.log(status);
relay.stop();
Deno.exit(); // the relay would wait for its viewers
