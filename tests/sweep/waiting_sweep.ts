/**
 * A sweep whose trials wait instead of computing, and leave a trace of their events.
 *
 * @module
 */
import { choice, sweep, type SweepOptions, uniform } from "../../sweep.ts";
import type { ScriptOptions } from "./sweep_script.ts";

const { wait, suicide, stubborn, deaf = 0, error = 0, reports = 0, ...options } = JSON.parse(
  Deno.env.get("TEST_SWEEP")!,
) as ScriptOptions;
const path = `${Deno.env.get("TEST_TRACE")}/trace.txt`;

function traces(): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

await sweep({
  ...options as Partial<SweepOptions>,
  space: { x: uniform(-1, 1), kind: choice(["plain", "odd"]) },
  monitor: "train.loss",
  async objective(trial) {
    const trace = (what: string) => {
      const line = `${what} ${trial.number} ${Deno.pid} ${Date.now()}\n`;
      Deno.writeTextFileSync(path, line, { append: true });
    };
    const again = traces().includes(`begin ${trial.number} `);
    trace("begin");
    if (Deno.args.includes("--loud")) console.log("loud");
    if (trial.number === suicide && (stubborn || !again)) Deno.kill(Deno.pid, "SIGKILL");
    if (trial.number === 1) throw new Error("x".repeat(error) || "these parameters cannot work");
    if (trial.number === 0) {
      for (let epoch = 0; epoch < reports; epoch++) await trial.report(Math.sin(epoch));
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, deaf);
    let on = true;
    for (let epoch = 0; epoch < trial.epochs && on; epoch++) {
      await new Promise((resolve) => setTimeout(resolve, wait / trial.epochs));
      on = await trial.report(Math.abs(trial.parameters.x) + 1 / (epoch + 1));
    }
    trace("end");
  },
});
