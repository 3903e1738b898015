/**
 * The random models see what they are for: faults in the recording, the playback and the key of
 * steps.
 *
 * @module
 */
import { assert, assertMatch } from "@std/assert";

const names = ["read", "write", "run", "env"] as const;
const states = await Promise.all(names.map((name) => Deno.permissions.query({ name })));
const ignore = states.some(({ state }) => state !== "granted");

const ROOT = new URL("../../", import.meta.url);
const ADDRESSES = "src/backend/recording/step_memory.ts";
const PLAYBACK = "src/backend/recording/playback.ts";
const PLACES = "src/backend/recording/places.ts";
const KEY = "src/learner/compiled_steps.ts";

/** A fault: a file; texts in it, and what takes their places; traits of the trainings to run. */
type Fault = readonly [file: string, changes: Readonly<Record<string, string>>, traits?: string];

/** With these, numbers differ. */
const FAULTS: Record<string, Fault> = {
  "a lifetime that is a call too short": [
    PLAYBACK,
    { "lifetime.last = at;": "lifetime.last = at - 1;" },
  ],
  "an address that is not relocated": [
    PLACES,
    { "of place.addresses)": "of place.addresses.slice(1))" },
  ],
  "an address in a table that is not relocated": [
    PLACES,
    { "place.words.push({ address, offset: field.offset });": "" },
  ],
  "a key without shapes": [KEY, { "objects.push(shape[axis]);": ";" }, "batches of 3,3,3,3,1"],
  "a key without the settings of layers": [KEY, { "facts.settings, own": "own" }, "settings"],
  "settings that are taken for unchanged": [
    "src/model/model_structure.ts",
    { "known?.watch.isSame()": "known" },
    "settings",
  ],
  "a key without the loss": [
    KEY,
    { "lossFunction, current,": "current," },
    "losses meanSquaredError; callbacks changes the loss",
  ],
  "a key without the trained weights": [
    KEY,
    { "objects.push(...trained);": "" },
    "Freeze",
  ],
};

/** With these, the two recordings of a step differ, so that nothing is played back. */
const REFUSED: Record<string, Fault> = {
  "an address that is taken for a number": [
    ADDRESSES,
    { "of this.#heap.addresses[kernel])": "of this.#heap.addresses[kernel].slice(1))" },
  ],
};

/** Runs random models on a tree in which one file has a fault. */
async function fuzz([file, changes, traits = ""]: Fault, to: number) {
  const original = new URL(file, ROOT).href;
  let source = await Deno.readTextFile(new URL(original));
  for (const [text, fault] of Object.entries(changes)) {
    assert(source.split(text).length === 2, `${file} does not hold once: ${text}`);
    source = source.replace(text, fault);
  }
  const faulty = source.replaceAll(
    / from "(\.[^"]+)"/g,
    (_, path) => ` from "${new URL(path, original)}"`,
  );
  const folder = await Deno.makeTempDir();
  try {
    const map = {
      imports: {
        "@std/assert": new URL("tests/std/assert/mod.ts", ROOT).href,
        [original]: `data:application/typescript;base64,${
          new TextEncoder().encode(faulty).toBase64()
        }`,
      },
    };
    await Deno.writeTextFile(`${folder}/map.json`, JSON.stringify(map));
    const script = new URL("fuzz_models.ts", import.meta.url).pathname;
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-lock", "--no-config", "--import-map", `${folder}/map.json`],
        ...[script, "0", `${to}`, traits],
      ],
      env: { NO_COLOR: "1" },
    }).output();
    return [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const [name, fault] of Object.entries(FAULTS)) {
  Deno.test(`random models see ${name}`, { ignore }, async () => {
    assertMatch(await fuzz(fault, 1000), /seeds, 1 failures/);
  });
}

for (const [name, fault] of Object.entries(REFUSED)) {
  Deno.test(`nothing is played back with ${name}`, { ignore }, async () => {
    assertMatch(await fuzz(fault, 5), /5 seeds, 0 failures; steps: \{(?!.*played)/);
  });
}
