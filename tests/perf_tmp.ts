import process from "node:process";
import { adam, crossEntropy, Learner, selectBackend, tf } from "/work/wt/compiled/mod.ts";
import { ZOO } from "/work/wt/compiled/tests/bench/zoo/models.ts";
await selectBackend({ prefer: "wasm", quiet: true });
for (const name of Deno.args) {
  const { batch, data, labels, build, loss } = (ZOO as any)[name];
  for (const compile of Deno.env.get("ONLY") ? [true] : [false, true]) {
    const model = build();
    const batches = Array.from({ length: 8 }, () => [data(batch), labels(batch)]);
    const clones = function* () {
      for (let i = 0; i < Number(Deno.env.get("N") ?? 2000); i++) {
        const [x, y] = batches[i % 8];
        yield [[x].flat().length > 1 ? x.map((t: any) => t.clone()) : x.clone(), y.clone()] as any;
      }
    };
    const cpu = () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    };
    const work: Record<string, number> = {};
    let began = 0, c0 = 0, n = 0;
    const learner = new Learner({
      model,
      optimizer: adam(1e-3),
      lossFunction: loss,
      compile,
      dataloaders: { train: clones },
      callbacks: [
        {
          afterBatch(l: any) {
            n++;
            if (n === 200) {
              began = performance.now();
              c0 = cpu();
            }
            if (n === 2000) {
              console.log(
                name,
                compile,
                l.stepState.way,
                "ms/batch wall",
                ((performance.now() - began) / 1800).toFixed(4),
                "cpu",
                ((cpu() - c0) / 1800).toFixed(4),
              );
            }
          },
        },
        ...Deno.env.get("WATCH")
          ? [{
            watch(w: any, c: any) {
              const t = performance.now();
              return () => {
                const k = c ? "hook" : w;
                work[k] = (work[k] ?? 0) + performance.now() - t;
              };
            },
          }]
          : [],
      ],
    });
    await learner.train({ epochs: 1 });
    for (const k in work) work[k] = +(work[k] / 2000 * 1000).toFixed(1);
    if (Deno.env.get("WATCH")) console.log(work);
  }
}
