import { Learner, meanSquaredError, sgd, tf } from "../mod.ts";

const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
const [x, y] = [tf.tensor2d([[-1], [0], [1], [2]]), tf.tensor2d([[-1], [1], [3], [5]])];
const optimizer = sgd(0.3);
const dataloaders = { train: [[x, y]] as const };
const learner = new Learner({ model, optimizer, lossFunction: meanSquaredError, dataloaders });
await learner.train({ epochs: 50 });
const [slope, offset] = model.getWeights().map((weight) => weight.dataSync()[0].toFixed(2));
console.log(`learned y = ${slope}x + ${offset}`);
