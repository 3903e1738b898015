import { assert, assertEquals, assertMatch } from "@std/assert";

const { state } = await Deno.permissions.query({ name: "run" });
const example = new URL("../../examples/gan.ts", import.meta.url).pathname;

for (const mode of [[], ["--penalty"]]) {
  Deno.test(
    `examples/gan.ts ${mode} trains two networks and draws`,
    { ignore: state !== "granted" },
    async () => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "--quiet", "-A", "--no-lock", example],
          ...["--epochs", "1", "--examples", "640", ...mode],
        ],
        env: { NO_COLOR: "1" },
      }).output();
      const [text, complaints] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      assertEquals(code, 0, complaints);
      assertMatch(text, /train critic loss/);
      assert(/[.:+#@]{3}/.test(text), "nothing is drawn");
    },
  );
}
