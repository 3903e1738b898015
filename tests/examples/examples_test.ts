import { assertEquals, assertMatch } from "@std/assert";

/** Whether the test may start processes at all. */
const { state } = await Deno.permissions.query({ name: "run" });

/** Each example, and a line that it must print. */
const examples: Record<string, RegExp> = {
  "fit_a_line.ts": /^learned y = 2\.00x \+ 1\.00$/m,
  "xor.ts": /^0\^0=0 0\^1=1 1\^0=1 1\^1=0$/m,
  "write_a_callback.ts": /^cancelled \(turning down no longer helps\), validation loss 0\.\d+$/m,
};

for (const [name, line] of Object.entries(examples)) {
  Deno.test(
    `examples/${name} runs with nothing but the environment allowed`,
    { ignore: state !== "granted" },
    async () => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--no-prompt", "--allow-env", name],
        cwd: new URL("../../examples/", import.meta.url),
        env: { NO_COLOR: "1" },
        stdin: "null",
      }).output();
      const [printed, complaints] = [stdout, stderr].map((bytes) =>
        new TextDecoder().decode(bytes)
      );
      assertEquals(code, 0, complaints);
      assertEquals(complaints, "");
      assertMatch(printed, line);
    },
  );
}
