import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { predictStrike, readStrikes, trainOnStrikes } from "../../examples/tabular.ts";
import { selectBackend, tf } from "../../mod.ts";
import { testInFolder } from "../fixtures/in_folder.ts";

await selectBackend({ prefer: "cpu", quiet: true });

testInFolder(
  "the tabular example foresees damage, and predicts one row in another process",
  async (folder) => {
    const table = readStrikes();
    const metrics = await trainOnStrikes(table, folder, 4);
    assertGreater(metrics["test.rocAuc"], 0.75);
    const row = Object.fromEntries(
      table.columns.map((name, index) => [name, table.rows[0][index]]),
    );
    const large = await predictStrike(folder, { ...row, "Wildlife Size": "Large" });
    const small = await predictStrike(folder, { ...row, "Wildlife Size": "Small" });
    assert(large > small + 0.1, `${large}, ${small}`);
    if ((await Deno.permissions.query({ name: "run" })).state !== "granted") return;
    const path = new URL("../../examples/tabular.ts", import.meta.url).pathname;
    const { stdout, code } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-lock",
        path,
        folder,
        JSON.stringify({ ...row, "Wildlife Size": "Large" }),
      ],
      stderr: "null",
    }).output();
    assertEquals(code, 0);
    assertMatch(
      new TextDecoder().decode(stdout),
      new RegExp(`damage: ${Math.round(100 * large)} %`),
    );
    assertEquals(tf.getBackend(), "cpu");
  },
);
