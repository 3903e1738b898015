/**
 * Runs the specs that TensorFlow.js was published with on our WebAssembly backend.
 *
 *     deno run -A tests/tfjs_suite/run.ts [--threads=2] [--strict] [--shared] [--grep=regex]
 *
 * Without options it runs them twice at the same time: as users do, and with two threads that share
 * every call, without fused multiply-adds. Installs tfjs and esbuild from npm into a temporary folder,
 * which later runs use again. Exits with 1 if a spec fails, except those in `wrong_specs.ts`.
 *
 * @module
 */
import { bundle } from "./bundle.ts";
import { WRONG_EXPECTATIONS, WRONG_SPECS } from "./wrong_specs.ts";

const PACKAGES = {
  "@tensorflow/tfjs": "4.22.0",
  "@tensorflow/tfjs-backend-wasm": "4.22.0",
  "esbuild": "0.25.0",
  "jasmine-core": "4.2.0",
};

/** Installs the packages once; returns their folder `node_modules`. */
async function install(): Promise<string> {
  const versions = Object.values(PACKAGES).join("-");
  const folder = `${Deno.env.get("TMPDIR") ?? "/tmp"}/trainchart-tfjs-suite-${versions}`;
  const done = `${folder}/installed`;
  if (!await Deno.stat(done).catch(() => undefined)) {
    await Deno.mkdir(folder, { recursive: true });
    const manifest = { private: true, type: "module", dependencies: PACKAGES };
    await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify(manifest));
    const args = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    const { success } = await new Deno.Command("npm", { args, cwd: folder, stdout: "null" })
      .output();
    if (!success) throw new Error("Cannot install the packages of tfjs: npm failed");
    await Deno.writeTextFile(done, "");
  }
  return `${folder}/node_modules`;
}

// deno-lint-ignore no-explicit-any
type Any = any;

/** Fetches a new state of the engine, as a suite of tfjs expects; the backend stays. */
function renewState(engine: Any, environment: Any): void {
  engine.state.dispose();
  engine.state = new engine.state.constructor();
  environment.reset();
  environment.set("IS_TEST", true);
}

/** Runs all specs; returns the messages of those that fail, by name. */
async function runSpecs(modules: string, args: string[]): Promise<Map<string, string>> {
  const shared = args.includes("--shared"), strict = args.includes("--strict");
  const option = (name: string) =>
    args.find((arg) => arg.startsWith(`--${name}=`))?.split("=").slice(1).join("=");
  const threads = Number(option("threads") ?? (shared ? 2 : 1));
  const pattern = new RegExp(option("grep") ?? "");
  const target = `${modules}/specs-${shared ? "shared" : "plain"}-${Deno.pid}.mjs`;
  await bundle(modules, target, shared);
  const { createRequire } = await import("node:module");
  const require = createRequire(`${modules}/`);
  const jasmineRequire = require("jasmine-core/lib/jasmine-core/jasmine.js");
  const jasmine = jasmineRequire.core(jasmineRequire);
  const environment = jasmine.getEnv({ suppressLoadErrors: true });
  Object.assign(globalThis, jasmineRequire.interface(jasmine, environment), {
    jasmine,
    renewState,
  });
  environment.configure({
    random: false,
    failSpecWithNoExpectations: false,
    specFilter: (spec: Any) => pattern.test(spec.getFullName()),
  });
  const failures = new Map<string, string>();
  let passed = 0;
  environment.addReporter({
    specDone({ fullName, status, failedExpectations: [failure] }: Any) {
      if (status === "passed") passed++;
      if (status === "failed") failures.set(fullName.replace(" wasm {}", ""), failure.message);
    },
    suiteDone({ fullName, failedExpectations: [failure] }: Any) {
      if (failure) failures.set(`suite ${fullName}`, failure.message);
    },
  });
  const { load } = await import(`file://${target}`);
  await Deno.remove(target);
  const wasm = { path: `${modules}/@tensorflow/tfjs-backend-wasm/dist/` };
  await load({ threads, relaxed: !strict, wasm });
  // Specs print warnings, and replace the console's functions.
  const { log, warn, error } = console;
  console.log = console.warn = console.error = () => {};
  await environment.execute();
  Object.assign(console, { log, warn, error });
  console.log(`${passed} specs pass, ${failures.size} fail (${args.join(" ") || "as users run"})`);
  return failures;
}

/** Prints what is not as `wrong_specs.ts` says; returns whether all is. */
function report(failures: Map<string, string>, all: boolean): boolean {
  const unexpected = [...failures].filter(([name]) => !WRONG_SPECS.has(name));
  for (const [name, message] of unexpected) console.log(`FAILED: ${name}: ${message}`);
  const passing = all ? [...WRONG_SPECS.keys()].filter((name) => !failures.has(name)) : [];
  for (const name of passing) console.log(`Passes, but is listed in wrong_specs.ts: ${name}`);
  if (unexpected.length + passing.length > 0) return false;
  if (all) {
    console.log(`Those that fail share ${WRONG_EXPECTATIONS.length} wrong expectations:`);
    for (const { reason, specs } of WRONG_EXPECTATIONS) console.log(`${specs.length}: ${reason}`);
  }
  return true;
}

if (import.meta.main) {
  const modules = await install();
  if (Deno.args.length > 0) {
    const args = Deno.args.filter((arg) => arg !== "--plain");
    const all = !args.some((arg) => arg.startsWith("--grep"));
    Deno.exit(report(await runSpecs(modules, args), all) ? 0 : 1);
  }
  const modes = [["--plain"], ["--shared", "--strict"]];
  const children = modes.map((mode) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--no-lock", "--quiet", "-A", import.meta.filename!, ...mode],
    }).output()
  );
  const outputs = await Promise.all(children);
  for (const { success, stdout, stderr } of outputs) {
    await Deno.stdout.write(stdout);
    if (!success) await Deno.stderr.write(stderr);
  }
  Deno.exit(outputs.every(({ success }) => success) ? 0 : 1);
}
