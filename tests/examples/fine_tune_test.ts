import { assertEquals, assertMatch } from "@std/assert";

const { state } = await Deno.permissions.query({ name: "run" });
const example = new URL("../../examples/fine_tune.ts", import.meta.url).pathname;

Deno.test(
  "examples/fine_tune.ts trains a network with and without its weights, head first",
  { ignore: state !== "granted" },
  async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", "--no-lock", example, "--images", "50", "--tests", "50"],
      env: { NO_COLOR: "1" },
    }).output();
    const [text, complaints] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assertEquals(code, 0, complaints);
    assertEquals(text.match(/^ +8 /gm)?.length, 2, text);
    assertMatch(text, /^seed 1 {2}fine-tuned 0\.\d{3} {2}from scratch 0\.\d{3}$/m);
  },
);
