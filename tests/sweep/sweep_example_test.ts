import { assertEquals, assertMatch } from "@std/assert";
import { canRun } from "./nats_server.ts";

const example = new URL("../../examples/sweep.ts", import.meta.url).pathname;

Deno.test({
  name: "examples/sweep.ts finds a network, and prints it",
  ignore: !canRun || Deno.permissions.querySync({ name: "ffi" }).state !== "granted",
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "sweep-" });
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", example, "--quick", "--folder", folder, "--workers", "1"],
      env: { NO_COLOR: "1" },
    }).output();
    const [printed, complaints] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assertEquals(code, 0, complaints);
    const [, accuracy] = /^best: trial \d+, validation accuracy (0\.\d{4})$/m.exec(printed)!;
    assertEquals(Number(accuracy) > 0.7, true, accuracy);
    assertMatch(printed, /^trial +status +validation\.accuracy +epochs/m);
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).toSorted();
    assertEquals(names, ["history.svg", "parallel.svg", "trials.jsonl", "worker-1.log"]);
    await Deno.remove(folder, { recursive: true });
  },
});
