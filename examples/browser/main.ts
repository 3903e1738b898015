/**
 * Trains on a part of MNIST in the tab that shows the run. `?inspect` in the address opens Stately's
 * inspector, too; `?epochs=20` sets the number of epochs, `?examples=1000` that of examples, and
 * `?backend=wasm` the backend. By default, it is WebGPU where there is a graphics card for it.
 *
 * @module
 */
/// <reference lib="dom" />
import {
  accuracy,
  adam,
  type BackendName,
  crossEntropy,
  DataLoader,
  Learner,
  Metrics,
  selectBackend,
  split,
  TensorDataset,
  tf,
  withSeed,
} from "../../mod.ts";
import { inspector } from "../../inspect.ts";
import { LiveFeed } from "../../live.ts";
import { LiveView } from "../../src/live/page/live_view.ts";

const SIDE = 28;

/** Reads at most so many examples from the server: the bytes of all images, then all labels. */
async function digits(limit: number): Promise<TensorDataset> {
  const bytes = new Uint8Array(await (await fetch("digits")).arrayBuffer());
  const all = bytes.length / (SIDE * SIDE + 1);
  const count = Math.min(all, limit);
  const images = bytes.subarray(0, count * SIDE * SIDE);
  const labels = bytes.subarray(all * SIDE * SIDE).subarray(0, count);
  return new TensorDataset({
    data: { values: images, shape: [count, SIDE, SIDE, 1], scale: 1 / 255 },
    labels: { values: Int32Array.from(labels), shape: [count] },
  });
}

/** Two convolutions with pooling, then a dense layer. */
function network(): tf.LayersModel {
  const convolution = { kernelSize: 3, activation: "relu", padding: "same" } as const;
  return tf.sequential({
    layers: [
      tf.layers.conv2d({ ...convolution, filters: 8, inputShape: [SIDE, SIDE, 1] }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.conv2d({ ...convolution, filters: 16 }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 10 }),
    ],
  });
}

const feed = new LiveFeed({ title: "MNIST in this tab" });
const drawing = document.querySelector<HTMLTemplateElement>("#chart")!.innerHTML;
const view = new LiveView(
  document.body,
  drawing,
  (command) => seat.ask(JSON.stringify(command)),
);
const seat = feed.join({ send: (message) => view.show(JSON.parse(message)) });

const query = new URLSearchParams(location.search);
const prefer = query.get("backend") as BackendName | null ?? undefined;
const { name, reason } = await selectBackend({ prefer });
feed.log(`backend ${name}: ${reason}`);
const all = await digits(Number(query.get("examples") ?? Infinity));
const held = Math.round(all.length / 8);
const [train, validation, test] = split(all, [all.length - 2 * held, held, held], { seed: 1 });
const learner = new Learner({
  model: withSeed(1, network),
  optimizer: adam(4e-3),
  lossFunction: crossEntropy,
  dataloaders: {
    train: new DataLoader({ dataset: train, batchSize: 64, shuffle: true }),
    validation: new DataLoader({ dataset: validation, batchSize: 100 }),
    test: new DataLoader({ dataset: test, batchSize: 100 }),
  },
  callbacks: [new Metrics({ accuracy }), feed],
  seed: 1,
});
await learner.train({
  epochs: Number(query.get("epochs") ?? 10),
  ...query.has("inspect") ? { inspect: inspector() } : {},
});
