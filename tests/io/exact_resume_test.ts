import { assert, assertEquals } from "@std/assert";
import { Callback, type Learner, saveCheckpoint, selectBackend, tf } from "../../mod.ts";
import { exactRun, Log, OPTIMIZERS } from "./exact_learner.ts";

const { state } = await Deno.permissions.query({ name: "run" });

/** Takes a checkpoint in every after hook, between its listeners. */
class Cut extends Callback {
  readonly cuts: { path: string; line: number }[] = [];
  constructor(readonly folder: string, readonly log: Log, override priority: number) {
    super();
  }
}
for (
  const hook of [
    "afterBatch",
    "afterEpoch",
    "afterValidationBatch",
    "afterValidate",
    "afterTrain",
    "afterTestBatch",
    "afterTest",
  ] as const
) {
  Cut.prototype[hook] = async function (this: Cut, learner: Learner) {
    const path = `${this.folder}/${this.cuts.length}-${hook}.safetensors`;
    this.cuts.push({ path, line: this.log.lines.length });
    await saveCheckpoint(path, await learner.checkpoint());
  };
}

/** Before all other callbacks, between them, right before the log, and after all others. */
const PRIORITIES = [-1000, 5, Number.MAX_SAFE_INTEGER];

/** One process resumes all checkpoints of a run; in the kill drill each has its own process. */
const child = new URL("exact_learner.ts", import.meta.url).pathname;

for (const backend of ["cpu", "wasm"] as const) {
  const names = Object.keys(OPTIMIZERS);
  for (const optimizer of backend === "cpu" ? names : ["sgd", "adamW", "stockAdam"]) {
    Deno.test(
      `Learner.train({ from }) continues bit for bit in a new process [${backend}, ${optimizer}]`,
      { ignore: state !== "granted" },
      async () => {
        await selectBackend({ prefer: backend, quiet: true });
        const folder = await Deno.makeTempDir();
        const { numTensors } = tf.memory();
        try {
          const whole = await exactRun({ optimizer });
          const held = tf.memory().numTensors - numTensors; // tensors that the optimizer does not dispose
          const log = new Log();
          const cut = new Cut(folder, log, PRIORITIES[names.indexOf(optimizer) % 3]);
          const watched = await exactRun({ optimizer, callbacks: [cut], log });
          assertEquals(watched, whole, "a checkpoint changes nothing");
          assertEquals(tf.memory().numTensors, numTensors + 2 * held);
          assert(cut.cuts.length > 18);
          const { stdout, success, stderr } = await new Deno.Command(Deno.execPath(), {
            args: [
              "run",
              "-A",
              "--quiet",
              child,
              backend,
              optimizer,
              ...cut.cuts.map((c) => c.path),
            ],
          }).output();
          assert(success, new TextDecoder().decode(stderr));
          const resumed: typeof whole[] = JSON.parse(new TextDecoder().decode(stdout));
          for (const [index, { path, line }] of cut.cuts.entries()) {
            const { lines, weights, result } = resumed[index];
            assertEquals(lines, whole.lines.slice(line), path);
            assertEquals(weights, whole.weights, path);
            assertEquals(result, whole.result, path);
          }
        } finally {
          await Deno.remove(folder, { recursive: true });
        }
      },
    );
  }
}
