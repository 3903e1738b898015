import { ChartPicture } from "../../inspect.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";

const python = "/usr/bin/python3";

/** Whether a module of Debian's Python is installed, and may be used. */
async function hasModule(name: string): Promise<boolean> {
  if ((await Deno.permissions.query({ name: "run" })).state !== "granted") return false;
  try {
    const args = ["-c", `import ${name}`];
    return (await new Deno.Command(python, { args, stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}

/** Everything that cells display, in order. */
async function displayed(...cells: string[]): Promise<Record<string, string>[]> {
  const { success, stdout, stderr } = await new Deno.Command(python, {
    args: [new URL("notebook.py", import.meta.url).pathname, Deno.execPath(), ...cells],
    cwd: new URL("../../examples/", import.meta.url),
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert(success, text(stderr));
  return text(stdout).trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("a Picture displays itself in a Jupyter notebook of Deno", {
  ignore: !await hasModule("jupyter_client"),
}, async () => {
  const cell = `
    import { Recorder } from ${JSON.stringify(import.meta.resolve("../../mod.ts"))};
    import ${JSON.stringify(import.meta.resolve("../../plots.ts"))};
    const recorder = new Recorder();
    recorder.history.epochs.push(
      { epoch: 0, metrics: { "train.loss": 2 }, learningRate: 1, seconds: 1 },
      { epoch: 1, metrics: { "train.loss": 1 }, learningRate: 1, seconds: 1 },
    );
    recorder.plot()`;
  const all = await displayed(cell);
  assertEquals(all.length, 1);
  const { "image/svg+xml": svg } = all[0];
  assert(svg?.startsWith("<svg"));
  assertStringIncludes(svg, ">loss</text>");
});

Deno.test("a Picture survives Debian's nbconvert, which takes SVG apart", {
  ignore: !await hasModule("nbconvert"),
}, async () => {
  const display = Reflect.get(new ChartPicture(), Symbol.for("Jupyter.display"));
  const output = {
    ...{ output_type: "execute_result", execution_count: 1, metadata: {} },
    data: await display(),
  };
  const cell = {
    ...{ cell_type: "code", id: "chart", execution_count: 1, metadata: {}, source: "" },
    outputs: [output],
  };
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${folder}/chart.ipynb`,
      JSON.stringify({ cells: [cell], metadata: {}, nbformat: 4, nbformat_minor: 5 }),
    );
    const { success, stderr } = await new Deno.Command(python, {
      args: ["-m", "nbconvert", "--to", "html", `${folder}/chart.ipynb`],
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    const page = await Deno.readTextFile(`${folder}/chart.html`);
    const [, address] = /<img src="(data:image\/svg\+xml;base64,[^"]*)"/.exec(page)!;
    assertStringIncludes(await (await fetch(address)).text(), ">compute</text>");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("examples/notebook.ipynb shows the chart, a bar and a plot in its cells", {
  ignore: !await hasModule("jupyter_client"),
}, async () => {
  const file = new URL("../../examples/notebook.ipynb", import.meta.url);
  const { cells } = JSON.parse(await Deno.readTextFile(file)) as {
    cells: { cell_type: string; source: string[] }[];
  };
  const all = await displayed(
    ...cells.filter(({ cell_type }) => cell_type === "code").map(({ source }) => source.join("")),
  );
  const pictures = all.flatMap(({ "image/svg+xml": svg }) => svg ? [svg] : []);
  assertEquals(pictures.length, 3, JSON.stringify(all.at(-1)).slice(0, 500));
  const [chart, plot, paused] = pictures;
  assert(!/class="[^"]* active"/.test(chart), "nothing runs yet");
  assertStringIncludes(plot, ">accuracy</text>");
  assert(/ active" data-state="learner\.train\.epoch\.held"/.test(paused));
  const bars = all.flatMap(({ "text/html": html }) => html?.includes("━") ? [html] : []);
  assert(
    bars.length > 0 && bars.every((bar) => /(epoch \d+\/\d+|validation) .* left<\/pre>/.test(bar)),
    bars[0],
  );
  // The bar's last change may come after the result of its cell.
  assert(all.some(({ "text/plain": text }) => text?.includes("seen enough")));
});
