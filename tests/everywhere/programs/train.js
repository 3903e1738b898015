/**
 * Trains on the fastest backend, with callbacks of many kinds; writes logs and checkpoints.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { Checkpoint, loadCheckpoint, ProgressBar, selectBackend } from "@trainchart/trainchart";
import { CsvLogger, EarlyStopping, JsonLinesLogger } from "@trainchart/trainchart/callbacks";
import { train } from "./training.js";

const folder = process.argv[2];
const { name } = await selectBackend();
const text = (file) => readFileSync(`${folder}/${file}`, "utf8").trim().split("\n");

const hooks = [];
const hook = (name) => () => void hooks.push(name);
const { status, metrics, weights, left } = await train([
  {
    beforeTrain: hook("beforeTrain"),
    afterEpoch: hook("afterEpoch"),
    afterTrain: hook("afterTrain"),
  },
  new ProgressBar(),
  new EarlyStopping({ patience: 3, restoreBest: true }),
  new CsvLogger(`${folder}/run.csv`),
  new JsonLinesLogger(`${folder}/run.jsonl`),
  new Checkpoint(`${folder}/checkpoints`, { last: 1 }),
]);
const files = readdirSync(`${folder}/checkpoints`);
const saved = await loadCheckpoint(`${folder}/checkpoints/${files[0]}`);
console.log(JSON.stringify({
  backend: name,
  status,
  hooks,
  accuracy: metrics["validation.accuracy"] > 0.9,
  rows: text("run.csv").length,
  records: text("run.jsonl").length,
  files,
  epoch: saved.epoch,
  left,
  weights,
}));
