import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { accuracy, Metrics, Recorder, selectBackend, tf } from "../../mod.ts";
import {
  ActivationStats,
  ConfusionMatrix,
  GradientStats,
  LearningRateFinder,
} from "../../callbacks.ts";
import { curvePlot, Picture, writeReport } from "../../plots.ts";
import { noBrowser, withBrowser } from "../deps/playwright.ts";
import { tinyLearner } from "../fixtures/tiny_learner.ts";
import { parallelPlot } from "../../src/plots/parallel_plot.ts";

const { state } = await Deno.permissions.query({ name: "read" });
const test = (name: string, run: () => Promise<void>) =>
  Deno.test(name, { ignore: state !== "granted" }, run);

/** The texts in a picture. */
function textsIn(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]+)<\/text>/g)].map(([, text]) => text);
}

function assertDrawn(svg: string): void {
  assert(svg.startsWith("<svg"));
  assertEquals(/NaN|undefined|Infinity/.exec(svg), null);
}

test("a run draws itself", async () => {
  await selectBackend({ prefer: "cpu", quiet: true });
  const recorder = new Recorder();
  const matrix = new ConfusionMatrix({ classes: ["ant", "bee", "cat"] });
  const activations = new ActivationStats({ every: 2 });
  const gradients = new GradientStats({ every: 2 });
  const { learner, dispose } = tinyLearner({
    kind: "classes",
    callbacks: [
      new Metrics({ accuracy }),
      recorder,
      matrix,
      activations,
      gradients,
      { name: "Decay", beforeEpoch: (learner) => void (learner.learningRate /= 2) },
    ],
  });
  await learner.train({ epochs: 3 });

  const history = await recorder.plot().svg();
  assertDrawn(history);
  for (const text of ["accuracy", "learning rate, per step", "training", "validation", "epoch"]) {
    assert(textsIn(history).includes(text), `"${text}" is missing`);
  }
  const confusion = await matrix.plot().svg();
  assertDrawn(confusion);
  for (const text of ["ant", "bee", "cat", "predicted", "actual"]) {
    assert(textsIn(confusion).includes(text), `"${text}" is missing`);
  }
  for (const stats of [activations, gradients]) {
    const svg = await stats.plot().svg();
    assertDrawn(svg);
    for (const layer of stats.layers) assert(textsIn(svg).includes(layer), `${layer} is missing`);
  }

  const path = await Deno.makeTempFile({ suffix: ".html" });
  await writeReport(path, {
    title: "Ants & <bees>",
    settings: { epochs: 3, sizes: [1, 2], seed: undefined },
    results: { "test.loss": 0.123456789 },
    pictures: { Training: recorder.plot(), Confusion: matrix.plot() },
    texts: { Model: learner.summary() },
  });
  const page = await Deno.readTextFile(path);
  assertMatch(page, /<title>Ants &amp; &lt;bees&gt;<\/title>/);
  assertMatch(page, /<td>0\.123457<\/td>/);
  assertMatch(page, /<td>\[1,2\]<\/td>/);
  assertEquals(page.match(/<img alt="/g)?.length, 2);
  assertMatch(page, /hidden +Dense +\[·, 4\]/);
  assertEquals(page.match(/(src|href)="(?!data:)/), null, "the page needs something else");
  await Deno.remove(path);
  dispose();
});

test("a Picture has a dark scheme, in which no light ground is left", async () => {
  const matrix = new ConfusionMatrix();
  matrix.counts = [[2, 1], [0, 3]];
  const pictures = [
    matrix.plot(),
    curvePlot([{ x: 1, y: 1 }, { x: 2, y: 3 }], { marks: [{ x: 1, label: "here" }] }),
  ];
  for (const picture of pictures) {
    const dark = await picture.svg({ scheme: "dark" });
    assertDrawn(dark);
    assertEquals(/white|#24292f|#57606a/.exec(dark), null);
    assertMatch(await picture.svg(), /white/);
  }
  const wrong = { scheme: "black" as "dark" };
  await assertRejects(() => pictures[0].svg(wrong), TypeError, '"light" or "dark"');
});

Deno.test("a report fits a telephone, light and dark", { ignore: noBrowser }, async () => {
  const path = await Deno.makeTempFile({ suffix: ".html" });
  await writeReport(path, {
    title: "A title that is much longer than a line on a telephone",
    settings: { note: "word".repeat(30) },
    pictures: { Curve: curvePlot([{ x: 1, y: 1 }, { x: 2, y: 3 }]) },
    texts: { Table: "wide ".repeat(40) },
  });
  await withBrowser(async (browser) => {
    const grounds: string[] = [];
    for (const colorScheme of ["light", "dark"] as const) {
      const page = await browser.newPage({ viewport: { width: 380, height: 800 }, colorScheme });
      await page.goto(`file://${path}`);
      assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 380);
      assert(await page.evaluate("document.images[0].getBoundingClientRect().width > 560"));
      grounds.push(await page.evaluate("getComputedStyle(document.body).backgroundColor"));
      const source = String(await page.evaluate("document.images[0].currentSrc"));
      const svg = atob(source.slice(source.indexOf(",") + 1));
      assertEquals(svg.includes('fill="white"'), colorScheme === "light");
    }
    assertEquals(grounds, ["rgb(255, 255, 255)", "rgb(13, 17, 23)"]);
  });
  await Deno.remove(path);
});

test("a search for a learning rate draws itself, and marks what it suggests", async () => {
  await selectBackend({ prefer: "cpu", quiet: true });
  const finder = new LearningRateFinder({ from: 1e-4, steps: 60 });
  assertThrows(() => finder.plot(), Error, "no search was made");
  const before = tf.memory().numTensors;
  const { learner, dispose } = tinyLearner({ kind: "classes" });
  const { steepest, valley } = await finder.find(learner);
  dispose();
  assertEquals(tf.memory().numTensors, before, "tensors are left");
  const svg = await finder.plot().svg();
  assertDrawn(svg);
  const marks = [`steepest ${steepest!.toPrecision(2)}`, `valley ${valley!.toPrecision(2)}`];
  for (const text of [...marks, "learning rate, per step", "loss, smoothed", "1e-3"]) {
    assert(textsIn(svg).includes(text), `"${text}" is missing`);
  }
  finder.curve = finder.curve.slice(0, 1); // nothing to suggest
  assertDrawn(await finder.plot().svg());
});

test("pictures are drawn of runs in which hardly anything happened", async () => {
  assertDrawn(await new Recorder().plot().svg());
  const recorder = new Recorder();
  recorder.history.epochs.push({
    epoch: 0,
    metrics: { "train.loss": NaN },
    learningRate: 1,
    seconds: 1,
  });
  assertDrawn(await recorder.plot().svg());
  assertThrows(() => new ConfusionMatrix().plot(), Error, "no pass has ended yet");
  assertThrows(() => new GradientStats().plot(), Error, "no batch was looked at");
});

test("a confusion matrix names every class, however long the names", async () => {
  const matrix = new ConfusionMatrix({ classes: ["T-shirt/top", "Trouser", "Pullover", "Dress"] });
  matrix.counts = [[9, 0, 0, 1], [0, 8, 0, 0], [1, 0, 7, 0], [0, 0, 2, 9]];
  const texts = textsIn(await matrix.plot().svg());
  for (const name of matrix.classes) {
    assertEquals(texts.filter((text) => text === name).length, 2, `${name} is missing`);
  }
  assert(texts.includes("33 of 37 right, 89.19%"));
});

test("curvePlot() marks what matters and leaves out what is not finite", async () => {
  const points = [{ x: 1e-6, y: 2 }, { x: 1e-3, y: 1 }, { x: 0.1, y: NaN }, { x: 1, y: 8 }];
  const marks = [{ x: 1e-3, label: "steepest" }];
  const svg = await curvePlot(points, { logX: true, logY: true, x: "rate", marks }).svg();
  assertDrawn(svg);
  for (const text of ["steepest", "rate"]) assert(textsIn(svg).includes(text));
});

test("parallelPlot() leaves room for long names", async () => {
  const widthOf = async (name: string) => {
    const axes = [name, "loss"].map((name) => ({ name, ticks: [] }));
    const svg = await parallelPlot(axes, [{ places: [0, 1], value: 1, faded: false }], "min").svg();
    assertDrawn(svg);
    return Number(svg.match(/width="(\d+)"/)![1]);
  };
  const [short, long] = [await widthOf("rate"), await widthOf("weightDecayOfTheEmbedding")];
  assert(long - short > 100, `${long} is hardly wider than ${short}`);
});

test("a Picture displays itself in a notebook", async () => {
  const picture = curvePlot([{ x: 0, y: 0 }, { x: 1, y: 1 }]);
  const display = (picture as unknown as Record<symbol, () => Promise<Record<string, string>>>)[
    Symbol.for("Jupyter.display")
  ];
  const { "image/svg+xml": svg } = await display.call(picture);
  assertDrawn(svg);
  assert(picture instanceof Picture);
});
