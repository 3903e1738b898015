/**
 * Bundles the specs of TensorFlow.js with its modules and our backend, so that there is one engine.
 *
 * @module
 */

const root = new URL("../../", import.meta.url).pathname;

/** Specs that test the build or the browser, not the numbers. */
const LEFT_OUT = /(^|\/)(setup|version|metadata|worker|worker_node)_test\.js$|miniprogram/;

/** Specs that take the engine or the backends apart: they come last. */
const TAKES_APART = /(flags|kernel_registry|globals|engine|environment)_test\.js$/;

/** A change of one file, of tfjs or our own; each text must be found. */
type Patch = [file: RegExp, changes: [from: string | RegExp, to: string][]];

/** A suite starts with a new state of the engine, but with the backend of the suite before. */
const STATE: Patch = [/tfjs-core\/dist\/jasmine_util\.js$/, [
  [/ENGINE\.reset\(\);/g, "globalThis.renewState(ENGINE, env());"],
  // Suites for other backends run as well.
  [
    "if (envSatisfiesConstraints(env(), testEnv, constraints)) {",
    `if (["wasm", "cpu", "webgl"].some((backendName) =>
      envSatisfiesConstraints(env(), { ...testEnv, backendName }, constraints))) {`,
  ],
]];

/** In the build of tfjs that Deno loads, `tf.fused` can be changed, and our backend changes it. */
const FUSED: Patch = [/tfjs-core\/dist\/ops\/ops\.js$/, [
  [
    "import * as fused from './fused_ops';",
    "import * as fusedOps from './fused_ops'; const fused = { ...fusedOps };",
  ],
]];

/** The tensors of the specs are too small to be shared among threads. */
const SHARED: Patch = [/src\/backend\/kernel_heap\.ts$/, [
  [/const WORTHWHILE = [\d_]+/, "const WORTHWHILE = 1"],
]];

/** Lists the specs of tfjs-core. */
function listSpecs(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return listSpecs(path);
    return name.endsWith("_test.js") && !LEFT_OUT.test(path) ? [path] : [];
  });
}

/**
 * Writes a module that exports `load(options)`, which starts our backend and defines all specs.
 *
 * @param modules The folder `node_modules` with tfjs and esbuild.
 * @param target The file to write.
 * @param shared Whether even the smallest call of a kernel is shared among threads.
 */
export async function bundle(modules: string, target: string, shared: boolean): Promise<void> {
  const { createRequire } = await import("node:module");
  const esbuild = createRequire(`${modules}/`)("esbuild");
  const specs = listSpecs(`${modules}/@tensorflow/tfjs-core/dist`);
  specs.sort((a, b) =>
    Number(TAKES_APART.test(a)) - Number(TAKES_APART.test(b)) || (a < b ? -1 : 1)
  );
  const patches = shared ? [STATE, FUSED, SHARED] : [STATE, FUSED];
  const applied = new Set<Patch>();
  const plugin = {
    name: "one engine",
    // deno-lint-ignore no-explicit-any
    setup(build: any) {
      build.onResolve(
        { filter: /^npm:@tensorflow\// },
        ({ path, kind }: Record<string, string>) => {
          const name = path.replace(/^npm:(@tensorflow\/[^@]+)@.*$/, "$1");
          // The WebGPU backend would bring another engine.
          if (name.endsWith("webgpu")) return { path, external: true };
          return build.resolve(name, { kind, resolveDir: modules });
        },
      );
      build.onResolve(
        { filter: /^(npm|node):/ },
        ({ path }: { path: string }) => ({ path, external: true }),
      );
      for (const patch of patches) {
        build.onLoad({ filter: patch[0] }, async ({ path }: { path: string }) => {
          let contents = await Deno.readTextFile(path);
          for (const [from, to] of patch[1]) {
            const changed = contents.replace(from, to);
            if (changed === contents) throw new Error(`Cannot patch ${path}: it has no ${from}`);
            contents = changed;
          }
          applied.add(patch);
          return { contents, loader: path.endsWith(".ts") ? "ts" : "js" };
        });
      }
    },
  };
  const dist = `${modules}/@tensorflow/tfjs-backend-wasm/dist`;
  const { metafile } = await esbuild.build({
    stdin: {
      contents: `
        import "@tensorflow/tfjs";
        import { setTestEnvs } from "@tensorflow/tfjs-core/dist/jasmine_util";
        import { selectBackend } from ${JSON.stringify(`${root}src/backend/select_backend.ts`)};
        export async function load(options) {
          await selectBackend({ prefer: "wasm", quiet: true, ...options });
          setTestEnvs([{ name: "wasm", backendName: "wasm", isDataSync: true }]);
          ${specs.map((path) => `await import(${JSON.stringify(path)});`).join("\n")}
        }`,
      resolveDir: modules,
    },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "es2022",
    mainFields: ["module", "main"],
    ignoreAnnotations: true,
    outfile: target,
    plugins: [plugin],
    logLevel: "error",
    metafile: true,
    banner: {
      js:
        `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);
        const __dirname = ${JSON.stringify(dist)}, __filename = __dirname + "/index.js";`,
    },
  });
  await esbuild.stop();
  const engines = Object.keys(metafile.inputs).filter((path) => /\/engine\.js$|tf-core/.test(path));
  if (engines.length !== 1 || applied.size !== patches.length) {
    throw new Error(`Cannot bundle as there must be one engine: there are ${engines.join(", ")}`);
  }
}
