import { assert, assertEquals, assertMatch } from "@std/assert";
import { ProgressBar, Recorder } from "../../../mod.ts";
import { ChartPicture } from "../../../inspect.ts";
import "../../../plots.ts";
import { rasterize } from "../../../src/plots/rasterize.ts";
import { assertNoTensorsLeft } from "../../fixtures/assert_no_tensors_left.ts";
import { tinyLearner } from "../../fixtures/tiny_learner.ts";

interface Message {
  type: string;
  content: { data: Record<string, string>; transient: { display_id: string } };
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Does some work where Deno has a kernel of Jupyter's; keeps what is sent and what is printed. */
async function inNotebook(
  work: () => Promise<unknown>,
  broadcast = (_: Message) => Promise.resolve(),
): Promise<{ messages: Message[]; lines: string[] }> {
  const messages: Message[] = [];
  const lines: string[] = [];
  const outside = Deno;
  const { log } = console;
  console.log = (line: string) => void lines.push(line);
  const jupyter = {
    broadcast(type: string, content: Message["content"]) {
      messages.push({ type, content });
      return broadcast({ type, content });
    },
  };
  const inside = Object.create(outside, { jupyter: { value: jupyter } });
  Object.defineProperty(globalThis, "Deno", { value: inside, configurable: true });
  try {
    await work();
    await wait(0);
  } finally {
    Object.defineProperty(globalThis, "Deno", { value: outside, configurable: true });
    console.log = log;
  }
  return { messages, lines };
}

/** Whether there is a font to write into pixels with. */
const hasFont = await rasterize("<svg xmlns='http://www.w3.org/2000/svg'/>") !== undefined;

/** Batches that take so long that a bar is drawn. */
const slow = { name: "Slow", afterBatch: () => wait(150) };

Deno.test("ProgressBar draws one bar per run into a notebook, and its rows below", async () => {
  const { messages, lines } = await inNotebook(async () => {
    const { learner } = tinyLearner({
      kind: "scalar",
      sizes: { train: 4 },
      callbacks: [slow, new ProgressBar()],
    });
    await assertNoTensorsLeft(async () => {
      await learner.train();
      await learner.train();
    });
  });
  const ids = messages.map(({ content }) => content.transient.display_id);
  assertEquals(new Set(ids).size, 2, "each run has its place");
  for (const id of new Set(ids)) {
    const [first, ...rest] = messages.filter((_, index) => ids[index] === id);
    assertEquals(first.type, "display_data");
    assert(rest.length > 0 && rest.every(({ type }) => type === "update_display_data"));
    assertMatch(first.content.data["text/plain"], /^epoch 1\/1 {2}\d batches {2}/);
    assertMatch(first.content.data["text/html"], /^<pre[^>]*>epoch 1\/1.*<\/pre>$/);
    assertEquals(rest.at(-1)!.content.data["text/plain"], "", "it goes in the end");
  }
  assertEquals(lines.length, 4, "a title and a row for each run");
  assertMatch(lines[1], /^ +1 +-?\d\.\d{4} /);
  assert(!lines.join().includes("\x1b"));
});

Deno.test("ProgressBar has removed its bar from a notebook when a run ends", async () => {
  let shown: string | undefined;
  const atEnd: (string | undefined)[] = [];
  await inNotebook(async () => {
    const { learner } = tinyLearner({
      kind: "scalar",
      sizes: { train: 4 },
      callbacks: [slow, new ProgressBar()],
    });
    await learner.train();
    atEnd.push(shown);
  }, async ({ content }) => {
    await wait(50); // the front end is slow
    shown = content.data["text/plain"];
  });
  assertEquals(atEnd, [""]);
});

Deno.test("ProgressBar does not wait for ever for a notebook that no longer answers", async () => {
  await inNotebook(
    () =>
      tinyLearner({ kind: "scalar", sizes: { train: 4 }, callbacks: [slow, new ProgressBar()] })
        .learner.train(),
    () => new Promise(() => {}),
  );
});

Deno.test("ProgressBar leaves the run alone when the notebook is gone", async () => {
  const { messages } = await inNotebook(
    () =>
      tinyLearner({ kind: "scalar", sizes: { train: 4 }, callbacks: [slow, new ProgressBar()] })
        .learner.train(),
    () => Promise.reject(new Error("no front end")),
  );
  assert(messages.length > 1);
});

Deno.test("a plot and the chart display themselves in a notebook, as HTML, SVG and PNG", async () => {
  const recorder = new Recorder();
  await tinyLearner({ kind: "scalar", sizes: { train: 4 }, callbacks: [recorder] }).learner.train({
    epochs: 2,
  });
  for (const shown of [recorder.plot(), new ChartPicture()]) {
    const display = (shown as never as Record<symbol, () => Promise<Record<string, string>>>)[
      Symbol.for("Jupyter.display")
    ];
    const bundle = await display();
    const formats = ["text/html", "image/svg+xml", ...hasFont ? ["image/png"] : []];
    assertEquals(Object.keys(bundle), formats);
    assert(bundle["image/svg+xml"].startsWith("<svg"));
    const [, address] = /^<img src="([^"]*)" alt="picture">$/.exec(bundle["text/html"])!;
    assertEquals(await (await fetch(address)).text(), bundle["image/svg+xml"]);
  }
});
