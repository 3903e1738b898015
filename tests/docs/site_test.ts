/// <reference lib="dom" />
import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { buildSite, PAGES } from "../../scripts/site/build_site.ts";
import { complaintsOf, noBrowser, withBrowser } from "../deps/playwright.ts";

const states = await Promise.all(
  (["run", "read", "write", "env"] as const).map((name) => Deno.permissions.query({ name })),
);
const ignore = states.some(({ state }) => state !== "granted");

let built: Promise<string> | undefined;

/** The folder of the site, which is built once. */
const siteFolder = () =>
  built ??= (async () => {
    const folder = await Deno.makeTempDir();
    await buildSite(folder);
    return folder;
  })();

/** Paths of all pages below a folder. */
async function* pagesOf(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* pagesOf(`${folder}/${name}`);
    else if (name.endsWith(".html")) yield `${folder}/${name}`;
  }
}

Deno.test("the site has every page of docs, and lists the guides in their order", {
  ignore,
}, async () => {
  const root = new URL("../../", import.meta.url);
  const lost: string[] = [];
  for (const folder of ["docs/", "docs/guides/", "docs/coming_from/"]) {
    for await (const { name } of Deno.readDir(new URL(folder, root))) {
      if (!name.endsWith(".md") || name === "README.md") continue;
      if (PAGES[folder + name] === undefined) lost.push(folder + name);
    }
  }
  assertEquals(lost, []);
  const list = await Deno.readTextFile(new URL("docs/guides/README.md", root));
  const guides = [...list.matchAll(/^\d+\. \[.*?\]\((.*?)\)/gm)].map(([, file]) => file);
  const titles = Object.keys(PAGES).filter((path) => path.startsWith("docs/guides/"));
  assertEquals(titles, guides.map((file) => `docs/guides/${file}`));
});

Deno.test("the pages of the API import from the package", { ignore }, async () => {
  const folder = await siteFolder();
  const { exports } = JSON.parse(
    await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
  );
  const known = Object.keys(exports).map((name) => `@trainchart/trainchart${name.slice(1)}`);
  const found = new Set<string>();
  for await (const path of pagesOf(`${folder}/api`)) {
    const page = await Deno.readTextFile(path);
    for (const [, copied] of page.matchAll(/"usageContent".*?data-copy="(import [^"]*)"/gs)) {
      for (const [, from] of copied.matchAll(/ from &quot;(.*?)&quot;/g)) found.add(from);
    }
  }
  assertEquals([...found].filter((from) => !known.includes(from)), []);
  assertEquals(found.size, known.length);
});

Deno.test("every link of the site leads to a file, and nothing is loaded from elsewhere", {
  ignore,
}, async () => {
  const folder = await siteFolder();
  const broken: string[] = [];
  let links = 0;
  for await (const path of pagesOf(folder)) {
    const page = (await Deno.readTextFile(path)).replace(/<pre.*?<\/pre>/gs, "");
    const loaded = /<(?:script|img|link)[^>]*(?:src|href)="(?:https?:)?\/\/[^"]*"/.exec(page);
    assert(!loaded, `${path} loads ${loaded?.[0]}`);
    // The pages of symbols link to one another: Deno's own work.
    if (path.includes("/~/")) continue;
    for (const [, target] of page.matchAll(/(?:href|src)="((?!https?:|mailto:|data:)[^"]*)"/g)) {
      links++;
      const url = new URL(
        target.replaceAll("&#x2F;", "/").replaceAll("&amp;", "&"),
        `file://${path}`,
      );
      const anchor = decodeURIComponent(url.hash.slice(1));
      url.hash = "";
      try {
        const { isFile } = await Deno.stat(url);
        const isLost = anchor !== "" && isFile && url.pathname.endsWith(".html") &&
          !(await Deno.readTextFile(url)).includes(`id="${anchor}"`);
        if (isLost) broken.push(`${path}: ${target}`);
      } catch {
        broken.push(`${path}: ${target}`);
      }
    }
  }
  assertEquals(broken.slice(0, 20), []);
  assertGreater(links, 1000);
});

Deno.test("the site is readable on a narrow screen, searched, light and dark", {
  ignore: ignore || noBrowser,
}, async () => {
  const folder = await siteFolder();
  await withBrowser(async (browser) => {
    for (const colorScheme of ["light", "dark"] as const) {
      const page = await browser.newPage({ viewport: { width: 380, height: 800 }, colorScheme });
      const complaints = complaintsOf(page);
      const addresses = ["index.html", "guides/data.html", "benchmarks.html", "inspect.html"];
      for (const address of [...addresses, "api.html", "api/callbacks/index.html"]) {
        await page.goto(`file://${folder}/${address}`);
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        assertLessOrEqual(width, 380, address);
      }
      await page.goto(`file://${folder}/index.html`);
      const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const dark = "rgb(13, 17, 23)";
      assertEquals(await paper() === dark, colorScheme === "dark");
      await page.click("#theme");
      assertEquals(await paper() === dark, colorScheme === "light");
      await page.fill("#search", "one-cycle rate");
      await page.fill("#search", "CancelEpoch");
      await page.waitForSelector("#results a");
      const found = await page.locator("#results a").allTextContents();
      assert(found.some((text) => text.startsWith("CancelEpoch")), found.join());
      assertEquals(complaints, []);
      await page.close();
    }
  });
});

/** Clicks of a reader, and the work that is listed after them: `*` marks what was cut short. */
const WALKS: Record<string, { clicks: string[]; listed: string[]; end: string }> = {
  "CancelBatch in a batch": {
    clicks: ["train()", ...next(6), "CancelBatch", ...next(2)],
    listed: [
      ...["beforeTrain", "beforeEpoch", "openTrain", "fetch", "beforeBatch", "compute"],
      ...["afterPredict", "afterLoss", "afterBackward", "onCancelBatch * batch"],
      ...["afterBatch * batch", "disposeBatch * batch"],
    ],
    end: "epoch 1",
  },
  "CancelTrain in beforeTrain, then the test": {
    clicks: ["train()", "CancelTrain", ...next(12)],
    listed: [
      ...["beforeTrain", "onCancelTrain * train", "afterTrain * train", "beforeTest * train"],
      ...["openTest * train", "fetch * train", "beforeTestBatch * train", "evaluate * train"],
      ...["afterPredict * train", "afterLoss * train", "afterTestBatch * train"],
      ...["disposeBatch * train", "fetch * train", "closeLoader * train", "afterTest * train"],
    ],
    end: "cancelled: thrown in a hook",
  },
  "CancelBatch in beforeEpoch is an error": {
    clicks: ["train()", ...next(1), "CancelBatch", ...next(4)],
    listed: ["beforeTrain", "beforeEpoch", "closeLoader", "afterEpoch", "afterTrain", "onError"],
    end: "failed: ",
  },
  'cancel("epoch") in beforeBatch, from outside': {
    clicks: ["train()", ...next(4), 'cancel("epoch")', ...next(4)],
    listed: [
      ...["beforeTrain", "beforeEpoch", "openTrain", "fetch", "beforeBatch"],
      ...["afterBatch * batch, epoch", "disposeBatch * batch, epoch"],
      ...["onCancelEpoch * batch, epoch", "closeLoader * batch, epoch"],
      "afterEpoch * batch, epoch",
    ],
    end: "epoch 1",
  },
  "a pause before a batch": {
    clicks: ["validate()", "pause()", ...next(3)],
    listed: ["beforeValidate", "openValidation", "fetch"],
    end: "paused",
  },
};

function next(count: number): string[] {
  return Array(count).fill("Next");
}

Deno.test("a reader steps the machine: hooks of each cancel, lit states, and what it accepts", {
  ignore: ignore || noBrowser,
}, async () => {
  const folder = await siteFolder();
  assertLessOrEqual((await Deno.stat(`${folder}/inspect.html`)).size, 200_000);
  await withBrowser(async (browser) => {
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
    const complaints = complaintsOf(page);
    const button = (label: string) => page.locator("#machine button", { hasText: label }).first();
    const lit = () =>
      page.locator("#machine .active").evaluateAll((states) =>
        states.map((state) => state.getAttribute("data-state"))
      );
    const accepted = () => page.locator("#machine button:enabled").allTextContents();
    for (const [name, { clicks, listed, end }] of Object.entries(WALKS)) {
      await page.goto(`file://${folder}/inspect.html`);
      for (const label of clicks) await button(label).click();
      await page.waitForFunction(
        (end) => document.querySelector("#machine output")!.textContent!.startsWith(end),
        end,
      );
      const items = await page.locator("#machine li").allTextContents();
      assertEquals(items.slice(0, listed.length), listed, name);
    }
    // The last walk is held before its first batch.
    assertEquals(await lit(), ["learner", "learner.validate"]);
    assertEquals(await accepted(), [
      "Play",
      "resume()",
      "step()",
      'cancel("epoch")',
      'cancel("train")',
    ]);
    await button("resume()").click();
    await button("Play").click();
    await page.waitForFunction(() =>
      document.querySelector("#machine output")!.textContent === "completed"
    );
    assertEquals(await accepted(), ["train()", "validate()", "test()", "predict()"]);
    assertEquals(await page.locator("#machine li").last().textContent(), "afterValidate");
    await button("train()").click();
    for (const _ of next(5)) await button("Next").click();
    const path = ["learner", "learner.train", "learner.train.epoch", "learner.train.epoch.batch"];
    assertEquals(await lit(), [...path, "learner.train.epoch.batch.compute"]);
    assertEquals(complaints, []);
    await page.close();
  });
});

Deno.test("the folder of the site is removed", { ignore }, async () => {
  await Deno.remove(await siteFolder(), { recursive: true });
});
