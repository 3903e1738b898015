import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";

const needed = ["read", "run", "env", "sys", "ffi"] as const;
const ignore = needed.some((name) => Deno.permissions.querySync({ name }).state !== "granted");
const example = new URL("../../examples/mnist.ts", import.meta.url).pathname;

function command(...options: string[]): Deno.Command {
  const args = ["run", "--quiet", "-A", example, ...options];
  return new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "piped" });
}

async function run(...options: string[]) {
  const { code, stdout, stderr } = await command(...options).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, lines: text(stdout).trimEnd().split("\n"), errors: text(stderr) };
}

Deno.test({
  name: "mnist.ts trains on a subset, in plain lines, and ends with the test accuracy",
  ignore,
  async fn() {
    const { code, lines } = await run("--model", "mlp", "--limit", "1200", "--epochs", "1");
    assertEquals(code, 0);
    assertMatch(lines.at(-1)!, /^test accuracy: 0\.\d{4}$/);
    assertMatch(lines[0], /^epoch +train loss +validation loss +validation accuracy +time$/);
    assertEquals(lines.join("").includes("\x1b"), false);
  },
});

Deno.test({
  name: "mnist.ts refuses bad options with one clear line and code 2, and explains itself",
  ignore,
  async fn() {
    for (const options of [["--epochs", "0"], ["--learning-rate", "fast"], ["--nonsense"]]) {
      const { code, errors } = await run(...options);
      assertEquals(code, 2);
      assertEquals(errors.trimEnd().split("\n").length, 1, errors);
    }
    const { code, lines } = await run("--help");
    assertEquals(code, 0);
    assertStringIncludes(lines.join("\n"), "--batch-size");
  },
});

Deno.test({
  name: "mnist.ts ends on Ctrl-C with after hooks, the test and code 130",
  ignore: ignore || Deno.build.os === "windows",
  async fn() {
    const child = command("--model", "mlp", "--limit", "1200", "--epochs", "500").spawn();
    const errors = child.stderr.cancel();
    let text = "";
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      const first = !text.includes("\n    1 ");
      text += part;
      if (first && text.includes("\n    1 ")) child.kill("SIGINT");
    }
    await errors;
    assertEquals((await child.status).code, 130);
    assertMatch(text.trimEnd().split("\n").at(-1)!, /^test accuracy: 0\.\d{4}$/);
  },
});
