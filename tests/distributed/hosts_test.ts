import { assert, assertEquals } from "@std/assert";
import { makeHosts, noHosts } from "./hosts.ts";
import { launch, type Vendor } from "./launch.ts";
import type { Order } from "./worker.ts";

const VENDORS: Vendor[] = ["openmpi", "mpich"];
/** Without this, MPICH would use the memory that the two hosts share. */
const env = { UCX_TLS: "tcp,self" };

for (const vendor of VENDORS) {
  const ignore = noHosts(vendor);

  Deno.test(
    `DataParallel on two hosts has the weights of one host [${vendor}]`,
    { ignore },
    async () => {
      const orders: Order[] = [{ optimizer: "adam" }, { model: "cnn", optimizer: "momentum" }];
      const one = await launch(vendor, 2, orders);
      assertEquals(one.code, 0, one.output);
      await using hosts = await makeHosts();
      const before = await hosts.sent();
      const { prefix } = hosts;
      const two = await launch(vendor, 2, orders, {
        prefix,
        launcher: hosts.launcher(vendor),
        env,
      });
      assertEquals(two.code, 0, two.output);
      for (const [rank, answers] of two.answers.entries()) {
        for (const [index, { weights }] of answers.entries()) {
          assertEquals(weights, one.answers[rank][index].weights);
        }
      }
      // Each rank sends at least one copy of its gradients in every step.
      const numbers = two.answers[0].reduce(
        (sum, { weights, batches }) => sum + weights.length * batches.length,
        0,
      );
      const sent = await hosts.sent() - before;
      assert(sent > 4 * numbers, `${sent} bytes were sent for gradients of ${4 * numbers}`);
    },
  );

  Deno.test(`ranks on two hosts leave MPI, also where one is late [${vendor}]`, {
    ignore,
  }, async () => {
    await using hosts = await makeHosts();
    const program = new URL("./late_rank.ts", import.meta.url).pathname;
    const { prefix } = hosts;
    const launcher = hosts.launcher(vendor);
    const maker = vendor === "mpich" ? "MPICH" : "Open MPI";
    const { code, output } = await launch(vendor, 2, [maker], { program, prefix, launcher, env });
    assertEquals(code, 0, output);
  });

  Deno.test(
    `DataParallel ends on two hosts whose link is cut [${vendor}]`,
    { ignore },
    async () => {
      await using hosts = await makeHosts();
      const { prefix } = hosts;
      const job = launch(vendor, 2, [{ epochs: 100_000, limit: 5000 }], {
        prefix,
        launcher: hosts.launcher(vendor),
        env,
      });
      // The run is in progress once it has sent more than its start needs.
      const busy = await hosts.sent() + 200_000;
      let over = false;
      job.then(() => over = true);
      while (!over && await hosts.sent() < busy) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      await hosts.cut();
      const cut = Date.now();
      const { code, output, ended, left } = await job;
      assert(code !== 0, output);
      assert(ended - cut < 15_000, `it took ${ended - cut} ms\n${output}`);
      assertEquals(left, []);
    },
  );
}
