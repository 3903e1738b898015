/**
 * Checks that deno.lock holds the packages of the first step and no others, as Deno downloads every
 * package of a lock file: `deno task check:lock`. With `--fix`, the others are removed.
 *
 * Everything else, tests, benchmarks, scripts and the other examples, has tests/deno.lock.
 *
 * @module
 */

const ROOT = new URL("../", import.meta.url);
/** The main example, and the entry points: those left out have packages that no first step needs. */
const ENTRIES = [
  ...["mod", "callbacks", "schedules", "data", "metrics", "io", "plots", "live", "chart"],
  ...["distributed", "sweep"],
].map((name) => `${name}.ts`).concat("examples/mnist.ts");

/** The parts of a lock file that are read. */
interface Lock {
  /** Versions by what modules import, as `"npm:xstate@5.33.3": "5.33.3"`. */
  specifiers: Record<string, string>;
  /** Packages by name and version. */
  npm: Record<string, { dependencies?: string[]; optionalDependencies?: string[] }>;
}

/** The npm imports of the modules of the first step, as `npm:xstate@5.33.3`. */
async function importedPackages(): Promise<Set<string>> {
  const imported = new Set<string>();
  for (const entry of ENTRIES) {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--no-lock", entry],
      cwd: ROOT,
    }).output();
    const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
      modules: { specifier: string }[];
    };
    for (const { specifier } of modules) {
      const [, name] = /^npm:\/?((?:@[^/]+\/)?[^/@]+@[^/_]+)/.exec(specifier) ?? [];
      if (name) imported.add(`npm:${name}`);
    }
  }
  return imported;
}

/** The packages that some imports need, with all their dependencies. */
function neededPackages({ specifiers, npm }: Lock, imported: Set<string>): Set<string> {
  const keys = Object.keys(npm);
  const needed = new Set<string>();
  const visit = (key: string) => {
    if (needed.has(key)) return;
    if (!npm[key]) throw new Error(`Cannot check deno.lock as it must hold ${key}: it does not`);
    needed.add(key);
    const { dependencies = [], optionalDependencies = [] } = npm[key];
    for (const name of [...dependencies, ...optionalDependencies]) {
      // A version is given only where the lock file has several.
      visit(npm[name] ? name : keys.find((key) => key.startsWith(`${name}@`)) ?? name);
    }
  };
  for (const specifier of imported) {
    const name = specifier.slice("npm:".length).replace(/(?<=.)@[^@]*$/, "");
    if (!specifiers[specifier]) {
      throw new Error(`Cannot check deno.lock as it must hold ${specifier}: it does not`);
    }
    visit(`${name}@${specifiers[specifier]}`);
  }
  return needed;
}

if (import.meta.main) {
  const path = new URL("deno.lock", ROOT);
  const lock = JSON.parse(await Deno.readTextFile(path)) as Lock;
  const imported = await importedPackages();
  const needed = neededPackages(lock, imported);
  const extraPackages = Object.keys(lock.npm).filter((key) => !needed.has(key));
  const extraSpecifiers = Object.keys(lock.specifiers).filter((key) =>
    key.startsWith("npm:") && !imported.has(key)
  );
  if (extraPackages.length + extraSpecifiers.length === 0) {
    console.log(`deno.lock holds the ${needed.size} packages of the first step, and no others`);
  } else if (Deno.args.includes("--fix")) {
    for (const key of extraPackages) delete lock.npm[key];
    for (const key of extraSpecifiers) delete lock.specifiers[key];
    await Deno.writeTextFile(path, JSON.stringify(lock, null, 2) + "\n");
    console.log(`removed ${extraPackages.length} packages from deno.lock`);
  } else {
    console.error(
      `deno.lock holds ${extraPackages.length} packages that no first step needs, for ` +
        `${extraSpecifiers.join(", ")}. Run \`deno task check:lock --fix\`, and give ` +
        "--lock=tests/deno.lock to the command that added them.",
    );
    Deno.exit(1);
  }
}
