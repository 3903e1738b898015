/**
 * Measures what a first run downloads, in fresh cache folders: `deno task check:download`.
 *
 * It downloads about 800 MB, so it is no part of `deno test`.
 *
 * @module
 */

const ROOT = new URL("../", import.meta.url);

/** MB of all files in a folder. */
async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    bytes += isDirectory ? 2 ** 20 * await sizeOf(path) : (await Deno.lstat(path)).size;
  }
  return bytes / 2 ** 20;
}

/** MB that a command leaves in the cache of a machine on which Deno has never run. */
async function downloadOf(args: string[], cwd: string | URL): Promise<number> {
  const cache = await Deno.makeTempDir();
  try {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd,
      env: { DENO_DIR: cache, NO_COLOR: "1" },
    }).output();
    if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
    return await sizeOf(cache);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

/** MB that an import of `mod.ts` by its URL downloads, in a project of its own. */
async function downloadOfImport(): Promise<number> {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const body = await Deno.readFile(new URL(`.${new URL(request.url).pathname}`, ROOT));
      return new Response(body, { headers: { "content-type": "application/typescript" } });
    },
  );
  const project = await Deno.makeTempDir();
  try {
    const url = `http://127.0.0.1:${server.addr.port}/mod.ts`;
    await Deno.writeTextFile(
      `${project}/main.ts`,
      `import { Learner } from "${url}"; console.log(Learner.name);`,
    );
    return await downloadOf(["run", "-A", "main.ts"], project);
  } finally {
    await server.shutdown();
    await Deno.remove(project, { recursive: true });
  }
}

const measures = [
  {
    name: "deno task mnist",
    limit: 440,
    size: () =>
      downloadOf(["task", "mnist", "--model", "mlp", "--epochs", "1", "--limit", "600"], ROOT),
  },
  { name: "import of mod.ts by URL", limit: 350, size: downloadOfImport },
];
let heavy = false;
for (const { name, limit, size } of measures) {
  const megabytes = await size();
  console.log(`${name}: ${megabytes.toFixed(0)} MB (<= ${limit})`);
  heavy ||= megabytes > limit;
}
if (heavy) Deno.exit(1);
