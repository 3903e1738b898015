import { assert, assertEquals, assertRejects } from "@std/assert";
import { StorageError, tf, withSeed } from "../../mod.ts";
import {
  exportModel,
  type HostTensor,
  loadWeights,
  saveWeights,
  writeSafetensors,
} from "../../io.ts";
import { noBrowser, withBrowser } from "../deps/playwright.ts";
import { testInFolder } from "../fixtures/in_folder.ts";

/** Made by PyTorch and safetensors for Python: `scripts/torch_weights.py`. */
import torch from "./torch.generated.json" with { type: "json" };

function classifier(seed: number, classes = 3): tf.Sequential {
  const { layers } = tf;
  return withSeed(seed, () =>
    tf.sequential({
      layers: [
        layers.conv2d({ name: "conv", filters: 4, kernelSize: 3, inputShape: [6, 6, 2] }),
        layers.batchNormalization({ name: "norm" }),
        layers.globalAveragePooling2d({}),
        layers.dense({ name: "head", units: classes }),
      ],
    }));
}

function outputs(model: tf.LayersModel): number[] {
  return tf.tidy(() => {
    const x = tf.linspace(-1, 1, 72).reshape([1, 6, 6, 2]);
    return [...(model.predict(x) as tf.Tensor).dataSync()];
  });
}

testInFolder("model.save() and tf.loadLayersModel() take file URLs", async (folder) => {
  const model = classifier(1);
  await model.save(`file://${folder}/deep/model`);
  const loaded = await tf.loadLayersModel(`file://${folder}/deep/model/model.json`);
  assertEquals(outputs(loaded), outputs(model));
  const path = `${folder}/deep/model/model.json`;
  const text = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, text.replace("weights.bin", "../weights.bin"));
  await assertRejects(() => tf.loadLayersModel(`file://${path}`), RangeError, "in its folder");
  await Deno.writeTextFile(path, text);
  await Deno.rename(`${folder}/deep/model/weights.bin`, `${folder}/elsewhere.bin`);
  await Deno.symlink(`${folder}/elsewhere.bin`, `${folder}/deep/model/weights.bin`);
  await assertRejects(() => tf.loadLayersModel(`file://${path}`), RangeError, "in its folder");
  model.dispose();
  loaded.dispose();
});

testInFolder(
  "saveWeights() and loadWeights() take models that are not made of layers",
  async (folder) => {
    const variable = (shape: number[], value: number, name?: string) =>
      tf.tidy(() => tf.variable(tf.fill(shape, value), true, name));
    const make = (value: number) => {
      const named = variable([2, 2], value, `scale of ${value}`);
      const variables = [named, variable([3], value), variable([], value)];
      return { apply: (data: tf.Tensor) => data, trainableVariables: [named], variables };
    };
    const [model, other] = [make(1), make(2)];
    const path = `${folder}/w.safetensors`;
    await saveWeights(model, path);
    const rename = [["scale of 1", "scale of 2"]] as const;
    assertEquals(await loadWeights(other, path, { rename }), ["scale of 2", "1", "2"]);
    assertEquals(other.variables.map((weight) => [...weight.dataSync()]), [
      [1, 1, 1, 1],
      [1, 1, 1],
      [1],
    ]);
    const error = await assertRejects(() => loadWeights(other, path), StorageError);
    assertEquals(error.differences.length, 2);
    for (const act of [saveWeights, loadWeights]) {
      await assertRejects(
        () => act({} as never, path),
        TypeError,
        "model must be a tf.LayersModel",
      );
    }
    tf.dispose([...model.variables, ...other.variables]);
  },
);

testInFolder("loadWeights() reads what saveWeights() wrote", async (folder) => {
  const [model, other] = [classifier(1), classifier(2)];
  await saveWeights(model, `${folder}/w.safetensors`);
  assertEquals((await loadWeights(other, `${folder}/w.safetensors`)).length, 8);
  assertEquals(outputs(other), outputs(model));
  model.dispose();
  other.dispose();
});

testInFolder("loadWeights() lists every mismatch, and changes nothing", async (folder) => {
  const [model, other] = [classifier(1, 3), classifier(2, 5)];
  const before = outputs(other);
  const path = `${folder}/w.safetensors`;
  await saveWeights(model, path);
  const error = await assertRejects(() => loadWeights(other, path), StorageError);
  assertEquals(error.differences, [
    "head/kernel must be [4,5], head/kernel is [4,3]",
    "head/bias must be [5], head/bias is [3]",
  ]);
  assertEquals(outputs(other), before);
  for (const only of [/^(conv|norm)/, /^(conv|norm)/g, /^(conv|norm)/y]) {
    assertEquals((await loadWeights(other, path, { only })).length, 6);
  }
  const renamed = await assertRejects(
    () => loadWeights(other, path, { rename: [[/^head/, "tail"]] }),
    StorageError,
  );
  assertEquals(renamed.differences.length, 4);
  model.dispose();
  other.dispose();
});

testInFolder(
  "loadWeights() with strict: false skips weights and tensors without a counterpart, but not all",
  async (folder) => {
    const path = `${folder}/w.safetensors`;
    const dense = (name: string, units: number) =>
      tf.layers.dense({ units, inputShape: [2], name });
    const saved = tf.sequential({ layers: [dense("body", 2), dense("old", 5)] });
    await saveWeights(saved, path);
    const model = tf.sequential({ layers: [dense("body", 2), dense("new", 3)] });
    const loaded = await loadWeights(model, path, { strict: false });
    assertEquals(loaded, ["body/kernel", "body/bias"]);
    const other = tf.sequential({ layers: [dense("trunk", 2)] });
    const error = await assertRejects(
      () => loadWeights(other, path, { strict: false }),
      StorageError,
    );
    assertEquals(error.differences, [
      "no tensor for any weight: there are body/kernel, body/bias, old/kernel, old/bias",
    ]);
    await assertRejects(
      () => loadWeights(model, path, { partial: true } as never),
      TypeError,
      'one of rename, only, strict, layout: there is no "partial"',
    );
    await assertRejects(
      () => loadWeights(model, path, { layout: "torch" as never }),
      TypeError,
      'layout must be "tfjs" or "pytorch": current value is "torch"',
    );
    await assertRejects(
      () => loadWeights(model, path, { only: "body" as never }),
      TypeError,
      'only must be a RegExp: current value is "body"',
    );
    for (const used of [saved, model, other]) used.dispose();
  },
);

testInFolder("loadWeights() converts PyTorch's layout", async (folder) => {
  const model = classifier(1);
  const path = `${folder}/torch.safetensors`;
  const tensor = (shape: number[]): HostTensor => {
    const size = shape.reduce((product, axis) => product * axis, 1);
    return { dtype: "F32", shape, values: Float32Array.from({ length: size }, (_, i) => i) };
  };
  const tensors = new Map([
    ["net.conv.weight", tensor([4, 2, 3, 3])],
    ["net.conv.bias", tensor([4])],
    ["net.norm.weight", tensor([4])],
    ["net.norm.bias", tensor([4])],
    ["net.norm.running_mean", tensor([4])],
    ["net.norm.running_var", tensor([4])],
    ["net.head.weight", tensor([3, 4])],
    ["net.head.bias", tensor([3])],
  ]);
  const tracked: HostTensor = { dtype: "I64", shape: [], values: BigInt64Array.of(5n) };
  tensors.set("net.norm.num_batches_tracked", tracked);
  await writeSafetensors(path, tensors);
  await loadWeights(model, path, { layout: "pytorch", rename: [[/^net\./, ""]] });
  const [conv, , , , head] = model.trainableWeights.map((weight) =>
    weight.read().arraySync() as number[][][][]
  );
  for (let y = 0; y < 3; y++) {
    for (let x = 0; x < 3; x++) {
      for (let i = 0; i < 2; i++) {
        for (let o = 0; o < 4; o++) assertEquals(conv[y][x][i][o], ((o * 2 + i) * 3 + y) * 3 + x);
      }
    }
  }
  assertEquals(head as unknown, [[0, 4, 8], [1, 5, 9], [2, 6, 10], [3, 7, 11]]);
  model.dispose();
});

testInFolder(
  "loadWeights() makes of a network of PyTorch one with the same predictions",
  async (folder) => {
    const path = `${folder}/torch.safetensors`;
    await Deno.writeFile(path, Uint8Array.from(atob(torch.weights), (char) => char.charCodeAt(0)));
    const { layers } = tf;
    const model = tf.sequential({
      layers: [
        layers.conv2d({ name: "conv", filters: 4, kernelSize: [3, 2], inputShape: [8, 8, 2] }),
        layers.batchNormalization({ name: "norm", epsilon: 1e-5 }),
        layers.reLU(),
        layers.depthwiseConv2d({ name: "depthwise", kernelSize: 3, activation: "relu" }),
        layers.averagePooling2d({ poolSize: [4, 1], strides: [1, 1] }),
        layers.reshape({ targetShape: [5, 4] }),
        layers.conv1d({ name: "line", filters: 5, kernelSize: 2, activation: "relu" }),
        layers.globalAveragePooling1d({}),
        layers.dense({ name: "head", units: 3 }),
      ],
    });
    assertEquals((await loadWeights(model, path, { layout: "pytorch" })).length, 12);
    const actual = tf.tidy(() => {
      const data = tf.tensor4d(torch.input, [2, 8, 8, 2]);
      return (model.predict(data) as tf.Tensor).arraySync() as number[][];
    });
    for (const [row, values] of torch.output.entries()) {
      for (const [column, value] of values.entries()) {
        assert(
          Math.abs(actual[row][column] - value) < 1e-5,
          `${actual} instead of ${torch.output}`,
        );
      }
    }
    model.dispose();
  },
);

const page = `<script src="tf.min.js"></script><script>
async function predict() {
  await tf.setBackend("cpu");
  const model = await tf.loadLayersModel("model/model.json");
  const x = tf.linspace(-1, 1, 72).reshape([1, 6, 6, 2]);
  return Array.from(await model.predict(x).data());
}
</script>`;

testInFolder(
  "exportModel() writes what a web page loads, with the same predictions",
  async (folder) => {
    const model = classifier(1);
    const expected = outputs(model);
    await exportModel(model, `${folder}/model`);
    model.dispose();
    const { createRequire } = await import("node:module");
    const bundle = createRequire(import.meta.url).resolve("@tensorflow/tfjs/dist/tf.min.js");
    const script = await Deno.readTextFile(bundle);
    const server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      async (request) => {
        const { pathname } = new URL(request.url);
        if (pathname === "/") {
          return new Response(page, { headers: { "content-type": "text/html" } });
        }
        if (pathname === "/tf.min.js") return new Response(script);
        if (!pathname.startsWith("/model/")) return new Response(null, { status: 404 });
        return new Response(await Deno.readFile(folder + pathname));
      },
    );
    try {
      await withBrowser(async (browser) => {
        const tab = await browser.newPage();
        await tab.goto(`http://127.0.0.1:${server.addr.port}/`);
        const actual: number[] = await tab.evaluate("predict()");
        assertEquals(actual.length, expected.length);
        for (const [index, value] of expected.entries()) {
          assert(Math.abs(actual[index] - value) < 1e-5, `${actual} instead of ${expected}`);
        }
      });
    } finally {
      await server.shutdown();
    }
  },
  noBrowser,
);
