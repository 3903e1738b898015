// Work in progress: plays every model of the zoo back and compares it with eager steps, bit for bit.
// deno-lint-ignore-file no-explicit-any

import { crossEntropy, selectBackend, tf, withSeed } from "../../../mod.ts";
import { heapOf } from "../../../src/backend/kernel_heap.ts";
import { Recorder } from "../../../src/backend/recording/recorder.ts";
import { matchRecordings } from "../../../src/backend/recording/match_recordings.ts";
import { Playback } from "../../../src/backend/recording/playback.ts";
import { ZOO } from "../../bench/zoo/models.ts";
await selectBackend({ prefer: "wasm", quiet: true });
for (const name of Deno.args.length ? Deno.args : Object.keys(ZOO)) {
  const { batch, data, labels, build, loss } = ZOO[name];
  const model = build();
  const heap = heapOf(tf.backend())!;
  const make = () => [data(batch), labels(batch)] as [tf.Tensor | tf.Tensor[], tf.Tensor];
  const flat = (b: any) => [b[0], b[1]].flat() as tf.Tensor[];
  const trainable = () => model.trainableWeights.map((w) => w.read() as tf.Variable);
  let out: any;
  const step = ([x, y]: any) => {
    const { value, grads } = tf.variableGrads(() => {
      const p = model.apply(x, { training: true });
      out = { p: [p].flat().map((t: any) => tf.keep(t)) };
      return loss(p, y) as tf.Scalar;
    }, trainable());
    out.loss = value;
    out.grads = grads;
  };
  const outputs = () =>
    [
      ...out.p.map((t: any, i: number) => [`prediction ${i}`, t]),
      ["loss", out.loss],
      ...Object.entries(out.grads),
    ] as any;
  step(make());
  const rec = (b: any) =>
    Recorder.record(heap, {
      inputs: flat(b),
      normals: [],
      holds: true,
      work: () => step(b),
      outputs,
    });
  const t0 = performance.now();
  const a = rec(make());
  const b = rec(make());
  if (a.reason !== undefined || b.reason !== undefined) {
    console.log(name, "REFUSED", a.reason, b.reason);
    continue;
  }
  const m = matchRecordings(a.recording, b.recording);
  if (m.difference !== undefined) {
    console.log(name, "DIFFER", m.difference);
    continue;
  }
  const pb = new Playback(m.program, heap);
  const t1 = performance.now();
  let bad = "";
  for (let k = 0; k < 3; k++) {
    const batch_ = make();
    const draws: number[] = [];
    const { random } = Math;
    Math.random = () => {
      const u = random();
      draws.push(u);
      return u;
    };
    const played = pb.play(flat(batch_))!;
    Math.random = () => draws.shift()!;
    step(batch_);
    Math.random = random;
    const eager = outputs();
    played.outputs.forEach((t, i) => {
      const [n, e] = eager[i];
      const x = new Uint8Array(t.dataSync().buffer), y = new Uint8Array(e.dataSync().buffer);
      if (!x.every((v, j) => v === y[j])) bad ||= `${k} ${n}`;
    });
    for (const [v, t] of played.assigned) {
      const x = new Uint8Array(t.dataSync().buffer), y = new Uint8Array(v.dataSync().buffer);
      if (!x.every((q, j) => q === y[j])) bad ||= `${k} assigned ${v.name}`;
    }
  }
  const b0 = make();
  const time = (f: () => void) => {
    f();
    const t = performance.now();
    let n = 0;
    while (performance.now() - t < 400) {
      f();
      n++;
    }
    return (performance.now() - t) / n;
  };
  const e = time(() => {
    step(b0);
    tf.dispose(out);
  });
  const p = time(() => {
    const r = pb.play(flat(b0))!;
    tf.dispose(r.outputs as any);
    for (const [, t] of r.assigned) t.dispose();
  });
  console.log(
    name,
    bad || "equal",
    `eager ${e.toFixed(3)} played ${p.toFixed(3)} ratio ${(p / e).toFixed(2)}`,
    "calls",
    m.program.calls.length,
    JSON.stringify(
      Object.fromEntries(
        Object.entries(
          Object.groupBy(m.program.calls, (c) => c.type === "script" ? "js " + c.name : c.type),
        ).map(([k, v]) => [k, v!.length]),
      ),
    ),
    "arena MB",
    (pb.bytes / 2 ** 20).toFixed(1),
    "record ms",
    (t1 - t0).toFixed(0),
  );
}
