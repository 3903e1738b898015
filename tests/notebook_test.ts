import { assert, assertEquals, assertStringIncludes } from "@std/assert";

const python = "/usr/bin/python3";

/** Whether Debian's python3-jupyter-client is installed, and may be used. */
async function hasJupyter(): Promise<boolean> {
  if ((await Deno.permissions.query({ name: "run" })).state !== "granted") return false;
  try {
    const args = ["-c", "import jupyter_client"];
    return (await new Deno.Command(python, { args, stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}

Deno.test("a Picture displays itself in a Jupyter notebook of Deno", {
  ignore: !await hasJupyter(),
}, async () => {
  const cell = `
    import { Recorder } from ${JSON.stringify(import.meta.resolve("../mod.ts"))};
    const recorder = new Recorder();
    recorder.history.epochs.push(
      { epoch: 0, metrics: { "train.loss": 2 }, learningRate: 1, seconds: 1 },
      { epoch: 1, metrics: { "train.loss": 1 }, learningRate: 1, seconds: 1 },
    );
    recorder.plot()`;
  const { success, stdout, stderr } = await new Deno.Command(python, {
    args: [new URL("notebook.py", import.meta.url).pathname, Deno.execPath(), cell],
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert(success, text(stderr));
  const lines = text(stdout).trim().split("\n");
  assertEquals(lines.length, 1, text(stdout));
  const { "image/svg+xml": svg } = JSON.parse(lines[0]);
  assert(svg?.startsWith("<svg"), lines[0]);
  assertStringIncludes(svg, ">loss</text>");
});
