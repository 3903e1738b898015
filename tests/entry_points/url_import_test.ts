import { assertEquals, assertStringIncludes } from "@std/assert";
import { runDeno } from "../fixtures/run_deno.ts";

/** Permissions to serve the checkout, write a project of its own and start a process. */
const states = await Promise.all(
  (["run", "net", "read", "write"] as const).map((name) => Deno.permissions.query({ name })),
);
const ignore = states.some(({ state }) => state !== "granted");

const script = (url: string) => `
import { adam, Learner, meanSquaredError, tf } from "${url}";

const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
const [x, y] = [tf.tensor2d([[0], [1]]), tf.tensor2d([[1], [3]])];
const epochs: number[] = [];
const learner = new Learner({
  model,
  optimizer: adam(0.1),
  lossFunction: meanSquaredError,
  dataloaders: { train: [[x, y]] },
  callbacks: [{ afterEpoch: ({ epoch }) => void epochs.push(epoch) }],
});
const { status } = await learner.train({ epochs: 3 });
console.log(status, epochs.join());

// @ts-expect-error -- the types come along: this one is no number
const many: typeof learner.epochs = "many";
`;

Deno.test(
  "mod.ts is imported by URL, checked and run, in an empty project",
  { ignore },
  async () => {
    const root = new URL("../../", import.meta.url);
    const served = new Set<string>();
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        const { pathname } = new URL(request.url);
        served.add(pathname);
        try {
          const body = await Deno.readFile(new URL(`.${pathname}`, root));
          return new Response(body, { headers: { "content-type": "application/typescript" } });
        } catch {
          return new Response(null, { status: 404 });
        }
      },
    );
    const origin = `127.0.0.1:${server.addr.port}`;
    const project = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${project}/main.ts`, script(`http://${origin}/mod.ts`));
      const allow = ["--no-prompt", "--allow-env", `--allow-import=${origin}`];
      const { code, output, errors } = await runDeno(
        project,
        "run",
        "--check",
        ...allow,
        "main.ts",
      );
      assertEquals(code, 0, errors);
      assertStringIncludes(output, "completed 0,1,2");
      const others = [...served].filter((path) => !/^\/(mod\.ts$|src\/)/.test(path));
      assertEquals(others, [], "only the module and its sources are asked for");
    } finally {
      await server.shutdown();
      // The port is another one each time: what is cached of it is of no use to anyone.
      const { modulesCache } = JSON.parse((await runDeno(project, "info", "--json")).output);
      const cached = `${modulesCache}/http/${origin.replace(":", "_PORT")}`;
      await Deno.remove(cached, { recursive: true }).catch(() => {});
      await Deno.remove(project, { recursive: true });
    }
  },
);
