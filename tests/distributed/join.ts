/**
 * Joins the world that the environment describes, and prints the result.
 *
 * @module
 */
import { mpi } from "../../distributed.ts";

const [library, limit] = Deno.args;
try {
  const { rank, size } = await mpi({
    library: library || undefined,
    limit: Number(limit) || undefined,
  });
  console.log(`joined ${rank} of ${size}`);
} catch (error) {
  console.log(`${error}`);
  Deno.exit(1);
}
