/**
 * A program that `mpirun` starts on every rank: the last one still calls MPI while the others leave.
 *
 * @module
 */
import { LIBRARIES, openMpi } from "../../src/distributed/mpi_library.ts";
import { MpiWorld } from "../../src/distributed/mpi_world.ts";

/** Time by which the last rank is late, in ms. */
const LATE = 1000;

const [orders, folder] = Deno.args;
const path = LIBRARIES[JSON.parse(orders)[0] as keyof typeof LIBRARIES].name;
const { vendor, handles, ignore } = openMpi(path);
const world = new MpiWorld(openMpi(path));
world.gather(new Float64Array(1));
if (world.rank === world.size - 1) {
  const handle = vendor === "Open MPI" ? "pointer" : "i32";
  const { MPI_Iprobe } = Deno.dlopen(path, {
    MPI_Iprobe: { parameters: ["i32", "i32", handle, "buffer", "pointer"], result: "i32" },
  }).symbols;
  const found = new Int32Array(1);
  for (const end = Date.now() + LATE; Date.now() < end;) {
    MPI_Iprobe(0, 0, handles.world as never, found, ignore);
  }
}
world.finalize();
Deno.writeTextFileSync(`${folder}/${world.rank}.json`, "[]");
