import { assert, assertEquals } from "@std/assert";
import { connect } from "node:net";
import { PassThrough } from "node:stream";
import { FakeTime } from "@std/testing/time";
import { LiveFeed, LivePage } from "../../live.ts";
import type { WebSocketConnection } from "../../src/deps/ws.ts";
import { IdleConnections } from "../../src/live/idle_connections.ts";
import { requestGuard } from "../../src/live/request_guard.ts";
import { ViewerSocket } from "../../src/live/viewer_socket.ts";
import { assertNoTensorsLeft } from "../fixtures/assert_no_tensors_left.ts";
import { tinyLearner } from "../fixtures/tiny_learner.ts";
import { within } from "../fixtures/within.ts";
import { closeCode, RawClient, UPGRADE } from "./raw_client.ts";
import { offline as ignore, slowly, Viewer } from "./viewer.ts";

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Trains while a page is attacked, and asserts that page and training survive. */
async function underAttack(
  attack: (url: string, page: LivePage) => Promise<void>,
): Promise<void> {
  await assertNoTensorsLeft(async () => {
    await using page = new LivePage({ onOpen: () => {} });
    const url = page.open();
    const slow = slowly(1);
    const { learner, dispose } = tinyLearner({
      kind: "curve",
      sizes: { train: 100 },
      callbacks: [slow, page],
    });
    const run = learner.train({ epochs: 10_000 });
    await attack(url, page);
    const before = slow.batches;
    const response = await fetch(url);
    await response.body?.cancel();
    assertEquals(response.status, 200, "the page is served");
    const viewer = new Viewer(url);
    await viewer.until("new batches", () => slow.batches > before && viewer.state);
    viewer.ask({ type: "cancel.train" });
    assertEquals((await within(5000, "the end", run)).reason, "asked by a viewer");
    await viewer.closed;
    dispose();
  });
}

Deno.test(
  "LivePage answers malformed requests, and the training continues",
  { ignore },
  () =>
    underAttack(async (url) => {
      const { host } = new URL(url);
      const cases: [string, string[], number | undefined][] = [
        ["/", ["Host:"], 421],
        ["/", ["Host: a b c"], 421],
        ["/", ["Host: http://["], 421],
        ["/", [`Host: ${"x".repeat(5000)}`], 421],
        ["/", [], 400],
        ["//[", [`Host: ${host}`], 400],
        ["http://[", [`Host: ${host}`], 400],
        ["/%", [`Host: ${host}`], 404],
        ["/\u0000", [`Host: ${host}`], undefined],
        ["/", [`Host: ${host}`, `X: ${"x".repeat(100_000)}`], undefined],
        ["/live", [`Host: ${host}`, `Origin: http://${host}`], 426],
        ["/live", [`Host: ${host}`, `Origin: http://${host}`, "Upgrade: h2c", UPGRADE[1]], 400],
        ["/live", [`Host: ${host}`, `Origin: http://${host}`, ...UPGRADE.slice(0, 2)], 400],
        ["/", [`Host: ${host}`, `Origin: http://${host}`, ...UPGRADE], 404],
      ];
      for (const [path, lines, status] of cases) {
        using client = await RawClient.connect(url);
        await client.request(path, lines).catch(() => {}); // it may be refused half-way
        const actual = await client.status();
        // A connection may be closed with an answer or without one: nothing was understood.
        assert(
          status === undefined ? [undefined, 400, 431].includes(actual) : actual === status,
          `${path} ${lines.join().slice(0, 60)}: ${actual}`,
        );
      }
      for (
        const noise of ["\r\n\r\n", "\u0000\u0001\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
      ) {
        using client = await RawClient.connect(url);
        await client.send(noise);
      }
    }),
);

Deno.test(
  "LivePage gives slots back after handshakes that are reset",
  { ignore },
  () =>
    underAttack(async (url, page) => {
      const { host, origin, port } = new URL(url);
      const lines = [
        "GET /live HTTP/1.1",
        `Host: ${host}`,
        `Origin: ${origin}`,
        ...UPGRADE,
        "",
        "",
      ];
      for (let index = 0; index < 40; index++) {
        const socket = connect(Number(port), "127.0.0.1");
        socket.on("error", () => {});
        await new Promise<void>((resolve) => socket.on("connect", resolve));
        await new Promise<void>((resolve) => socket.write(lines.join("\r\n"), () => resolve()));
        if (index % 2) await wait(3); // reset before and after the answer
        socket.resetAndDestroy();
        await new Promise((resolve) => socket.on("close", resolve));
      }
      const ends = Date.now() + 5000;
      while (page.viewers > 0 && Date.now() < ends) await wait(10);
      assertEquals(page.viewers, 0);
    }),
);

Deno.test("LivePage closes a connection before it reads a message that is too big", {
  ignore,
}, () =>
  underAttack(async (url) => {
    const mask = [1, 2, 3, 4];
    const frames: Record<string, [number[], number]> = {
      "a length of 2^40 bytes": [[0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, ...mask], 1009],
      "a length of 2^63 bytes": [[0x81, 0xff, 128, 0, 0, 0, 0, 0, 0, 0, ...mask], 1009],
      "a length of 60,000 bytes": [[0x81, 0xfe, 0xea, 0x60, ...mask], 1009],
      "too many fragments": [
        [0x01, 0x80, ...mask, ...Array(40).fill([0x00, 0x80, ...mask]).flat()],
        1008,
      ],
      "a compressed frame": [[0xc1, 0x80, ...mask], 1002],
      "a frame without a mask": [[0x81, 0x01, 65], 1002],
      "an unknown frame": [[0x83, 0x80, ...mask], 1002],
      "bytes that are no text": [[0x81, 0x81, 0, 0, 0, 0, 0xff], 1007],
      "a binary message": [[0x82, 0x82, 0, 0, 0, 0, 0x7b, 0x7d], 1008],
    };
    for (const [name, [frame, code]] of Object.entries(frames)) {
      using client = await RawClient.connect(url);
      await client.upgrade();
      await client.send(frame);
      assertEquals(closeCode(await client.closed()), code, name);
    }
  }));

Deno.test("LivePage serves a new connection while many are open that ask for nothing", {
  ignore,
}, () =>
  underAttack(async (url) => {
    using clients = new DisposableStack();
    for (let index = 0; index < 40; index++) {
      const client = clients.use(await RawClient.connect(url));
      if (index % 2) await client.send("GET / HTTP/1.1\r\nHost:");
    }
    const response = await fetch(url);
    await response.body?.cancel();
    assertEquals(response.status, 200);
  }));

Deno.test("LivePage closes connections that ask for nothing, and viewers that do not answer", {
  ignore,
}, async () => {
  const { setTimeout: realTimeout } = globalThis;
  using time = new FakeTime();
  await using page = new LivePage({ onOpen: () => {} });
  const url = page.open();
  /** Runs the timers of half a second, as often as told, and in between lets the sockets work. */
  const pass = async (times: number) => {
    for (let index = 0; index < times; index++) {
      await time.tickAsync(500);
      await new Promise((resolve) => realTimeout(resolve, 5));
    }
  };
  using clients = new DisposableStack();
  const [idle, half, mute] = await Promise.all(
    [0, 1, 2].map(async () => clients.use(await RawClient.connect(url))),
  );
  await half.send("GET / HTTP/1.1\r\nHost:");
  const { host, origin } = new URL(url);
  await mute.request("/live", [`Host: ${host}`, `Origin: ${origin}`, ...UPGRADE]);
  await mute.send([0x81, 0x8f, 1, 2]); // a part of a message
  await pass(10);
  assertEquals(page.viewers, 1);
  const closed = Promise.all([idle, half, mute].map((client) => client.closed(39_000)));
  await pass(80);
  await closed;
  assertEquals(page.viewers, 0);
  time.restore();
});

Deno.test("IdleConnections keeps the newest 16, each for two sweeps", () => {
  const idle = new IdleConnections();
  const sockets = Array.from({ length: 20 }, () => new PassThrough());
  sockets.forEach((socket) => idle.add(socket));
  assertEquals(sockets.map(({ destroyed }) => destroyed), [
    ...Array(4).fill(true),
    ...Array(16).fill(false),
  ]);
  const [kept] = sockets.slice(-1);
  idle.remove(kept);
  for (const expected of [false, false, true]) {
    idle.sweep();
    assertEquals(sockets.slice(4, -1).every(({ destroyed }) => destroyed === expected), true);
  }
  idle.closeAll();
  assertEquals(kept.destroyed, false, "a viewer is not idle");
  kept.destroy();
});

Deno.test("ViewerSocket terminates a viewer that leaves four pings unanswered", () => {
  const listeners: Record<string, () => void> = {};
  const done: string[] = [];
  const socket = {
    readyState: 1,
    OPEN: 1,
    bufferedAmount: 0,
    on: (name: string, listener: () => void) => void (listeners[name] = listener),
    ping: () => done.push("ping"),
    terminate: () => done.push("terminate"),
  };
  const viewer = new ViewerSocket(
    socket as unknown as WebSocketConnection,
    () => ({ ask() {}, leave: () => done.push("leave") }),
  );
  for (let round = 0; round < 5; round++) {
    viewer.ping();
    listeners.pong();
  }
  for (let round = 0; round < 4; round++) viewer.ping();
  listeners.close();
  assertEquals(done, [...Array(5 + 3).fill("ping"), "terminate", "leave"]);
});

Deno.test("LiveFeed drops a viewer that throws, and the training continues", async () => {
  await assertNoTensorsLeft(async () => {
    const feed = new LiveFeed();
    let sent = 0;
    feed.join({
      send() {
        if (++sent === 5) throw new Error("boom");
      },
    });
    const seen: string[] = [];
    feed.join({ send: (text) => void seen.push(JSON.parse(text).type) });
    assertEquals(feed.viewers, 2);
    const { learner, dispose } = tinyLearner({ sizes: { train: 20 }, callbacks: [feed] });
    assertEquals((await learner.train()).status, "completed");
    assertEquals([feed.viewers, sent], [1, 5]);
    assert(seen.includes("points"));
    dispose();
  });
});

Deno.test("requestGuard() accepts the page's own address on port 80, and no other", () => {
  const guard = { hostname: "127.0.0.1", port: 80, token: undefined };
  const status = (host: string, origin?: string) =>
    requestGuard({ method: "GET", url: "/live", headers: { host, origin } }, guard)?.status;
  for (const host of ["127.0.0.1", "127.0.0.1:80", "localhost", "[::1]", "LOCALHOST:80"]) {
    const origin = `http://${host.toLowerCase().replace(":80", "")}`;
    assertEquals(status(host, origin), undefined, host);
  }
  assertEquals(status("127.0.0.1:8080", "http://127.0.0.1:8080"), 421);
  assertEquals(status("example.org", "http://example.org"), 421);
  assertEquals(status("127.0.0.1", "https://127.0.0.1"), 403);
  assertEquals(status("127.0.0.1", "http://127.0.0.1:8080"), 403);
  const other = { hostname: "::1", port: 8040, token: undefined };
  const headers = { host: "[::1]:8040", origin: "http://[::1]:8040" };
  assertEquals(requestGuard({ method: "GET", url: "/live", headers }, other), undefined);
});

Deno.test("LivePage whose port is taken warns, and the training continues without it", {
  ignore,
}, async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const warnings: unknown[][] = [];
  const { warn } = console;
  console.warn = (...words: unknown[]) => void warnings.push(words);
  try {
    await assertNoTensorsLeft(async () => {
      await using page = new LivePage({ port: taken.addr.port });
      const { learner, dispose } = tinyLearner({ sizes: { train: 3 }, callbacks: [page] });
      assertEquals((await learner.train()).status, "completed");
      assertEquals([page.url, warnings.length], [undefined, 1]);
      assert(warnings[0][1] instanceof Deno.errors.AddrInUse);
      dispose();
    });
  } finally {
    console.warn = warn;
  }
});

Deno.test("LivePage survives a process without file descriptors, and serves again", {
  ignore: ignore || Deno.build.os !== "linux" ||
    (await Deno.permissions.query({ name: "run" })).state !== "granted",
}, async () => {
  const script = `
    import { Learner, sgd, tf } from ${JSON.stringify(import.meta.resolve("../../mod.ts"))};
    import { LivePage } from ${JSON.stringify(import.meta.resolve("../../live.ts"))};
    await tf.setBackend("cpu");
    const x = tf.tensor2d([[1]]);
    const files = [];
    let batch = 0;
    const learner = new Learner({
      model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
      optimizer: sgd(0.1),
      lossFunction: tf.losses.meanSquaredError,
      dataloaders: { train: Array(300).fill([x, x]) },
      callbacks: [new LivePage({ onOpen: console.log }), {
        async afterBatch() {
          await new Promise((resolve) => setTimeout(resolve, 10));
          if (++batch === 100) try { for (;;) files.push(Deno.openSync("/dev/null")); } catch {}
          if (batch === 110) console.log(files.length, "used up");
          if (batch === 150) files.forEach((file) => file.close());
        },
      }],
    });
    console.log((await learner.train({ epochs: 1 })).status);`;
  const process = new Deno.Command("bash", {
    args: ["-c", `ulimit -n 100; exec "$0" eval --ext=ts "$1"`, Deno.execPath(), script],
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(process.stderr).text();
  let printed = "";
  const clients: Deno.Conn[] = [];
  let served: number | undefined;
  const watching = (async () => {
    for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
      printed += text;
      const [, url] = /(http:\S+)/.exec(printed) ?? [];
      if (!url || served !== undefined || !/used up/.test(printed)) continue;
      const port = Number(new URL(url).port);
      for (let index = 0; index < 30; index++) {
        clients.push(await Deno.connect({ hostname: "127.0.0.1", port }));
      }
      const response = await fetch(url);
      await response.body?.cancel();
      served = response.status;
    }
  })();
  try {
    await within(60_000, "the process", watching);
    assert(/completed/.test(printed), `${printed}${await errors}`);
    assertEquals(served, 200, "the page is served once there are descriptors again");
  } finally {
    clients.forEach((client) => client.close());
    await Promise.all([process.status, errors]);
  }
});
