/**
 * The rules of plain English that a program can hold, in comments, messages, documentation and names
 * of tests: words that hide who does what, and the two forms of an error message.
 *
 * @module
 */
import { assert, assertEquals, assertGreater } from "@std/assert";

const { state } = await Deno.permissions.query({ name: "read" });
const ignore = state !== "granted";
const root = new URL("../", import.meta.url);
/** Folders with text of ours. */
const FOLDERS = ["", "src/", "tests/", "examples/", "scripts/", "docs/", ".github/", "assembly/"];

/** Words and phrases with a plainer one, by what to write instead. */
const PLAINER: Record<string, RegExp> = {
  "the thing itself: the callback, the rank": /\b(whoever|whomever|somebody|nobody|everybody)\b/i,
  "again, or new": /\banew\b/i,
  "current": /\bat hand\b/i,
  "done, or finished": /\bbehind (us|them)\b/i,
  "continues, or remains": /\b(goes|go|went|going) on\b(?! (as|to) )/i,
  "receives, or sees": /\b(hears?|heard) of\b/i,
  "always, or nothing": /\bin any case\b/i,
  "our, their": /\bof (ours|theirs)\b(?!\.)/i,
  "is not, or is missing": /\b(is|are) none\b(?! else)/i,
  "gradient, or derivative": /^\s*(\/\*\*|\*|\/\/) [^`=]*\bslopes?\b/i,
  "may not: `must` with `no` says the opposite": /\bas no [^.]* must\b/i,
};

/** Beginnings of a comment that are no noun. */
const HEADLESS =
  /(\/\*\*|^\s*\*|\/\/) (Of (the|each|its?|all)|What|How|Who|Whose|Those) (?![^.]*\?)/;

/** Every file with text of ours below a folder. */
async function* filesOf(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder || ".", root))) {
    const path = `${folder}${name}`;
    if (isDirectory) {
      if (folder !== "") yield* filesOf(`${path}/`);
    } else if (/\.(ts|md|yml)$/.test(name) && !name.includes(".generated.")) yield path;
  }
}

/** Every line of every file, but for those of this one. */
async function* linesOf(): AsyncGenerator<{ path: string; line: string; place: string }> {
  let files = 0;
  for (const folder of FOLDERS) {
    for await (const path of filesOf(folder)) {
      if (path === "tests/english_test.ts") continue;
      files++;
      const text = await Deno.readTextFile(new URL(path, root));
      for (const [index, line] of text.split("\n").entries()) {
        yield { path, line, place: `${path}:${index + 1}: ${line.trim()}` };
      }
    }
  }
  assertGreater(files, 300);
}

for (const [better, pattern] of Object.entries(PLAINER)) {
  Deno.test(`no text says ${pattern.source}; plainer is: ${better}`, { ignore }, async () => {
    const found: string[] = [];
    for await (const { line, place } of linesOf()) if (pattern.test(line)) found.push(place);
    assertEquals(found, []);
  });
}

Deno.test("no comment begins with a clause instead of a noun", { ignore }, async () => {
  const found: string[] = [];
  for await (const { path, line, place } of linesOf()) {
    if (path.endsWith(".ts") && HEADLESS.test(line)) found.push(place);
  }
  assertEquals(found, []);
});

Deno.test("@throws has one form, `@throws {X} If ...`, and so has `Default: x.`", {
  ignore,
}, async () => {
  const found: string[] = [];
  let unfinished = "";
  for await (const { path, line, place } of linesOf()) {
    if (!path.endsWith(".ts")) continue;
    if (/\* @throws\b/.test(line) && !/@throws \{[\w.| ]+\} If /.test(line)) found.push(place);
    // A default may fill several lines: the next one ends it, or begins another sentence.
    if (unfinished && !/[.:;]/.test(line)) found.push(unfinished);
    unfinished = /\*.* Default: [^.:;]*$/.test(line) ? place : "";
    if (/\*.* [Dd]efaults? (to|is) /.test(line)) found.push(place);
  }
  assertEquals(found, []);
});

/**
 * The text of an expression made of strings, from a position on: literal parts as they are, and `…`
 * for everything else. It ends with the first argument.
 */
function textAt(code: string, from: number): string {
  let text = "";
  let depth = 0;
  for (let at = from; at < code.length; at++) {
    const sign = code[at];
    if (sign === '"' || sign === "'") {
      const end = code.indexOf(sign, at + 1);
      text += code.slice(at + 1, end);
      at = end;
    } else if (sign === "`") {
      for (at++; code[at] !== "`"; at++) {
        if (code.startsWith("${", at)) {
          let open = 1;
          for (at += 2; open > 0; at++) {
            if (code[at] === "{") open++;
            else if (code[at] === "}") open--;
          }
          at--;
          text += "…";
        } else text += code[at] === "\\" ? code[++at] : code[at];
      }
    } else if ("([{".includes(sign)) depth++;
    else if (")]}".includes(sign)) {
      if (depth-- === 0) return text;
    } else if (sign === "," && depth === 0) return text;
    else if (/[\w.]/.test(sign) && !text.endsWith("…")) text += "…";
  }
  return text;
}

const VALUE = /^(Cannot .+ as .+|….*) (must|may not) .+: .+$/s;
const STATE = /^(Cannot [^:]+|…): .+$/s;

Deno.test(
  "error messages have one of two forms: of a value, and of a state",
  { ignore },
  async () => {
    const found: string[] = [];
    let messages = 0;
    for await (const path of filesOf("src/")) {
      const code = await Deno.readTextFile(new URL(path, root));
      for (const { index, 0: begin } of code.matchAll(/new (Type|Range)?Error\(\s*(?=[`"'])/g)) {
        const text = textAt(code, index + begin.length);
        messages++;
        if (!text.startsWith("Cannot") && !text.startsWith("…")) continue;
        const isValue = /( as .*|^….*) (must|may not) /s.test(text);
        if (!(isValue ? VALUE : STATE).test(text)) found.push(`${path}: ${text}`);
      }
    }
    assert(messages > 80, `${messages} messages`);
    assertEquals(found, []);
  },
);
