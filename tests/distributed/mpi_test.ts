import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ENVIRONMENT, isMissing } from "./launch.ts";

const { state } = await Deno.permissions.query({ name: "run" });
const program = new URL("./join.ts", import.meta.url).pathname;

/** Joins with the given permissions and environment, in a process without `mpirun`. */
async function join(
  permissions: string[],
  env: Record<string, string>,
  ...args: string[]
): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...permissions, program, ...args],
    env: { ...ENVIRONMENT, ...env },
  }).output();
  return new TextDecoder().decode(stdout).trim();
}

function test(name: string, ignore: boolean, body: () => Promise<void>): void {
  Deno.test(name, { ignore: ignore || state !== "granted" }, body);
}

test("mpi() is a world of one without mpirun, and needs no library", false, async () => {
  assertEquals(await join(["--allow-env"], {}), "joined 0 of 1");
});

test("mpi() names what to install where a library is missing", false, async () => {
  const open = await join(["-A"], { OMPI_COMM_WORLD_SIZE: "2" }, "/nowhere/libmpi.so.40");
  assertStringIncludes(open, "Cannot use MPI: its library /nowhere/libmpi.so.40 cannot be opened");
  assertStringIncludes(open, "apt-get install openmpi-bin libopenmpi3");
  const mpich = await join(["-A"], { PMI_SIZE: "2" }, "/nowhere/libmpich.so.12");
  assertStringIncludes(mpich, "apt-get install mpich");
});

test("mpi() names the permissions that are missing", false, async () => {
  const ffi = await join(["--allow-env"], { OMPI_COMM_WORLD_SIZE: "2" });
  assertStringIncludes(ffi, "--allow-ffi");
  const env = await join(["--allow-ffi"], { OMPI_COMM_WORLD_SIZE: "2" });
  assertStringIncludes(env, "--allow-env");
});

test("mpi() refuses a limit below a second", false, async () => {
  assertStringIncludes(await join(["-A"], {}, "", "999"), "limit must be a number >= 1000 ms");
});

test(
  "mpi() refuses a library that does not find the launcher's processes",
  isMissing("openmpi"),
  async () => {
    const found = await join(["-A"], { OMPI_COMM_WORLD_SIZE: "2" });
    assertStringIncludes(found, "finds 1 of 2 processes");
  },
);

test(
  "mpi() refuses the library of another launcher",
  isMissing("openmpi") || isMissing("mpich"),
  async () => {
    for (const [launcher, library] of [["openmpi", "libmpich.so.12"], ["mpich", "libmpi.so.40"]]) {
      const { code, stdout } = await new Deno.Command("timeout", {
        args: [
          "30",
          `mpirun.${launcher}`,
          "-n",
          "2",
          Deno.execPath(),
          "run",
          "-A",
          program,
          library,
        ],
        env: ENVIRONMENT,
      }).output();
      const output = new TextDecoder().decode(stdout);
      assert(code !== 0, output);
      assertStringIncludes(output, "library and launcher must belong together");
    }
  },
);

/** Hangs on rank 1, until the watchdog, a thread that was started from a URL, ends the job. */
const hanging = (url: string) => `
import { mpi } from "${url}";

const world = await mpi({ limit: 1000 });
world.watch("a nap");
if (world.rank === 1) for (;;);
world.barrier();
`;

test(
  "mpi() ends a job that hangs also where distributed.ts is imported by URL",
  isMissing("openmpi"),
  async () => {
    const root = new URL("../../", import.meta.url);
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        const body = await Deno.readFile(new URL(`.${new URL(request.url).pathname}`, root));
        return new Response(body, { headers: { "content-type": "application/typescript" } });
      },
    );
    const folder = await Deno.makeTempDir();
    try {
      const main = `${folder}/main.ts`;
      await Deno.writeTextFile(
        main,
        hanging(`http://127.0.0.1:${server.addr.port}/distributed.ts`),
      );
      const run = [Deno.execPath(), "run", "-A", "--no-lock", "--quiet", main];
      const { code, stderr } = await new Deno.Command("timeout", {
        args: ["60", "mpirun.openmpi", "-n", "2", ...run],
        env: { ...ENVIRONMENT },
      }).output();
      const output = new TextDecoder().decode(stderr);
      assertEquals(code, 75, output);
      assertStringIncludes(output, "rank 1 is still in a nap");
    } finally {
      await Deno.remove(folder, { recursive: true });
      // The port is different each time: its cached modules are of no use.
      const info = new Deno.Command(Deno.execPath(), { args: ["info", "--json"] });
      const { modulesCache } = JSON.parse(new TextDecoder().decode((await info.output()).stdout));
      const cached = `${modulesCache}/http/127.0.0.1_PORT${server.addr.port}`;
      await Deno.remove(cached, { recursive: true }).catch(() => {});
    }
  },
);
