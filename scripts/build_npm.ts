/**
 * Makes the package for npm: `deno task build:npm [folder]`. Default: the folder `npm`.
 *
 * Every module stays a module, so that bundlers leave out what a program does not use, and workers
 * and files are found beside their modules.
 *
 * @module
 */
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "npm:esbuild@0.28.2";
import ts from "npm:typescript@6.0.3";
import { wasmPackage } from "../src/deps/tfjs.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** The oldest Node that runs the package: what it does not parse is rewritten. */
const TARGET = "node22";

/** The files of the package that are neither code nor types. */
const OTHER_FILES = ["README.md", "LICENSE", "CHANGELOG.md"];

/** TensorFlow.js's file of WebAssembly, which bundlers find beside the module that looks for it. */
const WASM = "tfjs-backend-wasm-simd.wasm";
const WASM_FOLDER = "esm/src/backend";
const NOTICE = `${WASM} is a part of TensorFlow.js, Copyright Google LLC, under the
Apache License, Version 2.0: https://www.apache.org/licenses/LICENSE-2.0
`;

/** Modules that every other one which needs their effect imports itself. */
const NEEDED_WHERE_IMPORTED = ["src/deps/tfjs.ts", "src/deps/buffer.ts"];

/**
 * Modules with an export whose type would fill pages. It is `any` in the declarations: no entry
 * point exports it.
 */
const INFERRED = ["src/chart/chart.ts"];

/** A module of the package. */
interface SourceModule {
  /** Path relative to the root. */
  readonly path: string;
  readonly text: string;
  readonly specifiers: readonly Specifier[];
}

/** A place at which a module names another one or a package. */
interface Specifier {
  readonly text: string;
  /** Range in the text of the module, without the quotes. */
  readonly begin: number;
  readonly end: number;
  /** Whether the other module is loaded with this one. */
  readonly loaded: boolean;
}

/** The part of `deno.json` in use. */
interface Config {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, string>>;
}

/**
 * Makes the package.
 *
 * @param folder The folder; what is in it is removed.
 * @returns The fields of its package.json.
 * @throws {Error} If a type of the package is not written down where it is exported.
 */
export async function buildNpm(folder: string): Promise<Record<string, unknown>> {
  const config = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json"))) as Config;
  const entries = Object.values(config.exports).map((path) => path.slice(2));
  const modules = await modulesOf(entries);
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Promise.all([
    ...[...modules.values()].map((module) => writeCode(module, folder)),
    write(folder, "NOTICE", NOTICE),
    ...OTHER_FILES.map((name) => write(folder, name, Deno.readTextFile(join(ROOT, name)))),
  ]);
  await Deno.copyFile(new URL(WASM, wasmPackage()), `${folder}/${WASM_FOLDER}/${WASM}`);
  await esbuild.stop();
  await writeTypes(modules, entries, folder);
  const fields = packageOf(config, modules);
  await write(folder, "package.json", JSON.stringify(fields, null, 2) + "\n");
  return fields;
}

/** All modules that the entry points reach, with those of workers. */
async function modulesOf(entries: readonly string[]): Promise<Map<string, SourceModule>> {
  const modules = new Map<string, SourceModule>();
  const waiting = [...entries];
  for (let path; (path = waiting.pop());) {
    if (modules.has(path)) continue;
    const text = await Deno.readTextFile(join(ROOT, path));
    const module = { path, text, specifiers: specifiersOf(text) };
    modules.set(path, module);
    for (const specifier of module.specifiers) {
      const target = targetOf(module, specifier);
      if (target && !target.endsWith(".d.ts")) waiting.push(target);
    }
  }
  return modules;
}

/** All places at which a module names another one: imports, types, and files of workers. */
function specifiersOf(text: string): Specifier[] {
  const source = ts.createSourceFile("module.ts", text, ts.ScriptTarget.ESNext);
  const specifiers: Specifier[] = [];
  const add = (node: ts.Node | undefined, loaded: boolean) => {
    if (!node || !ts.isStringLiteral(node)) return;
    const begin = node.getStart(source) + 1;
    specifiers.push({ text: node.text, begin, end: begin + node.text.length, loaded });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword);
    } else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, !node.isTypeOnly);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal, false);
    } else if (ts.isCallExpression(node) && namesModule(node, source)) {
      add(node.arguments[0], false);
    } else if (ts.isNewExpression(node) && namesFile(node, source)) add(node.arguments![0], false);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return specifiers;
}

/** Whether a call is `import("...")` or `import.meta.resolve("...")`. */
function namesModule({ expression }: ts.CallExpression, source: ts.SourceFile): boolean {
  return expression.kind === ts.SyntaxKind.ImportKeyword ||
    expression.getText(source) === "import.meta.resolve";
}

/** Whether an expression is `new URL("....ts", ...)`. */
function namesFile(node: ts.NewExpression, source: ts.SourceFile): boolean {
  return node.expression.getText(source) === "URL" &&
    /^"\.[^"]*\.ts"$/.test(node.arguments?.[0]?.getText(source) ?? "");
}

/** Path of the module that a specifier names; `undefined`: it is in a package. */
function targetOf({ path }: SourceModule, { text }: Specifier): string | undefined {
  return text.startsWith(".") ? relative(ROOT, join(ROOT, dirname(path), text)) : undefined;
}

/** Makes a specifier one of the package: `./run.ts` is `./run.js`, `npm:ws@8.23.0` is `ws`. */
function renamed(text: string): string {
  if (text.startsWith(".")) return text.replace(/\.d\.ts$/, ".types.js").replace(/\.ts$/, ".js");
  return text.replace(/^npm:((?:@[^/]+\/)?[^/@]+)(?:@[^/]+)?/, "$1");
}

function withSpecifiers({ text, specifiers }: SourceModule): string {
  const sorted = specifiers.toSorted((a, b) => b.begin - a.begin);
  return sorted.reduce(
    (text, { text: old, begin, end }) => text.slice(0, begin) + renamed(old) + text.slice(end),
    text,
  );
}

async function writeCode(module: SourceModule, folder: string): Promise<void> {
  const { path, text } = module;
  const name = path.replace(/\.ts$/, ".js").split("/").at(-1)!;
  const source = withSpecifiers(module);
  const { code, map } = await esbuild.transform(source, {
    loader: "ts",
    format: "esm",
    target: TARGET,
    sourcemap: true,
    sourcefile: name.replace(/\.js$/, ".ts"),
  });
  const sources = JSON.stringify({ ...JSON.parse(map), sourcesContent: [text] });
  const place = `esm/${path.replace(/\.ts$/, ".js")}`;
  await write(folder, place, `${code}//# sourceMappingURL=${name}.map\n`);
  await write(folder, `${place}.map`, sources);
}

/** Writes the declarations that the entry points reach. */
async function writeTypes(
  modules: ReadonlyMap<string, SourceModule>,
  entries: readonly string[],
  folder: string,
): Promise<void> {
  const done = new Set<string>();
  const waiting = [...entries];
  for (let path; (path = waiting.pop());) {
    if (done.has(path)) continue;
    done.add(path);
    const { text, place } = path.endsWith(".d.ts")
      ? {
        text: await Deno.readTextFile(join(ROOT, path)),
        place: `esm/${path.replace(/\.d\.ts$/, ".types.d.ts")}`,
      }
      : { text: declare(modules.get(path)!), place: `esm/${path.replace(/\.ts$/, ".d.ts")}` };
    const declared = { path, text, specifiers: specifiersOf(text) };
    for (const specifier of declared.specifiers) {
      const target = targetOf(declared, specifier);
      if (target) waiting.push(target);
    }
    await write(folder, place, withSpecifiers(declared));
  }
}

/** The declarations of a module, with the types that `@ts-types` names for a package. */
function declare({ path, text }: SourceModule): string {
  const typed = text.replace(
    /\/\/ @ts-types="([^"]+)"\n([^;]*from )"[^"]+"/g,
    (_, types, start) => `${start}"${types}"`,
  );
  const { outputText, diagnostics = [] } = ts.transpileDeclaration(typed, {
    fileName: path,
    reportDiagnostics: true,
    compilerOptions: {
      isolatedDeclarations: true,
      target: ts.ScriptTarget.ESNext,
      module: ts.ModuleKind.ESNext,
    },
  });
  const [problem] = INFERRED.includes(path) ? [] : diagnostics;
  // TypeScript also declares a method whose name is a symbol as a property.
  if (!problem) return outputText.replace(/^ *(static )?\[Symbol\.\w+\]: .*;\n/gm, "");
  const { line } = problem.file!.getLineAndCharacterOfPosition(problem.start!);
  throw new Error(
    `Cannot declare ${path}, line ${line + 1}: ` +
      ts.flattenDiagnosticMessageText(problem.messageText, "\n"),
  );
}

function packageOf(
  { name, version, license, exports }: Config,
  modules: ReadonlyMap<string, SourceModule>,
): Record<string, unknown> {
  const dependencies: Record<string, string> = {};
  for (const { specifiers } of modules.values()) {
    for (const { text } of specifiers) {
      const [, name, version] = /^npm:((?:@[^/]+\/)?[^/@]+)@([^/]+)/.exec(text) ?? [];
      if (name) dependencies[name] = version;
    }
  }
  const places = Object.entries(exports).map(([entry, path]) => {
    const place = `./esm/${path.slice(2).replace(/\.ts$/, "")}`;
    return [entry, { types: `${place}.d.ts`, default: `${place}.js` }];
  });
  return {
    name,
    version,
    description: "Trains machine-learning models: a statechart, TensorFlow.js, and callbacks",
    keywords: ["machine-learning", "training", "tensorflow.js", "xstate", "statechart"],
    license,
    repository: { type: "git", url: "git+https://github.com/trainchart/trainchart.git" },
    type: "module",
    engines: { node: ">=22" },
    exports: { ...Object.fromEntries(places), "./package.json": "./package.json" },
    types: "./esm/mod.d.ts",
    sideEffects: effectsOf(modules),
    files: ["esm", "CHANGELOG.md", "NOTICE"],
    dependencies: Object.fromEntries(Object.entries(dependencies).sort()),
    publishConfig: { access: "public" },
  };
}

/** The modules that do something when they are loaded, and those that load them. */
function effectsOf(modules: ReadonlyMap<string, SourceModule>): string[] {
  const effective = new Set([...modules.values()].filter(acts).map(({ path }) => path));
  for (let size = -1; size !== effective.size;) {
    size = effective.size;
    for (const module of modules.values()) {
      const loads = module.specifiers.some((specifier) => {
        const target = specifier.loaded ? targetOf(module, specifier) : undefined;
        return target && effective.has(target) && !NEEDED_WHERE_IMPORTED.includes(target);
      });
      if (loads) effective.add(module.path);
    }
  }
  return [...effective].sort().map((path) => `./esm/${path.replace(/\.ts$/, ".js")}`);
}

/** Whether a module has statements that are more than declarations. */
function acts({ path, text }: SourceModule): boolean {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext);
  return source.statements.some((statement) =>
    !ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement) &&
    !ts.isVariableStatement(statement) && !ts.isFunctionDeclaration(statement) &&
    !ts.isClassDeclaration(statement) && !ts.isInterfaceDeclaration(statement) &&
    !ts.isTypeAliasDeclaration(statement) && !ts.isModuleDeclaration(statement) &&
    !ts.isExportAssignment(statement)
  );
}

async function write(folder: string, name: string, text: string | Promise<string>): Promise<void> {
  const path = join(folder, name);
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, await text);
}

if (import.meta.main) {
  const folder = Deno.args[0] ?? "npm";
  const { name, version } = await buildNpm(folder);
  console.log(`${folder} holds ${name} ${version}: npm publish ${folder}`);
}
