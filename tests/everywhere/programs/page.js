/**
 * Serves a live page, and visits it.
 *
 * @module
 */
import { selectBackend } from "@trainchart/trainchart";
import { LivePage } from "@trainchart/trainchart/live";
import { train } from "./training.js";

await selectBackend({ prefer: "cpu", quiet: true });
const wait = (time) => new Promise((resolve) => setTimeout(resolve, time));

const page = new LivePage({ onOpen: () => {} });
const run = train([page, { afterBatch: () => wait(5) }], 1000);
while (!page.url) await wait(10);
let response;
while (!response) {
  // Node and Bun bind the port a little later.
  response = await fetch(page.url).catch(() => undefined);
  await wait(20);
}
const title = /<title>[^<]+/.test(await response.text());
const socket = new WebSocket(`${page.url.replace("http", "ws")}live`, {
  headers: { origin: new URL(page.url).origin },
});
const types = new Set();
await new Promise((resolve) => {
  socket.onmessage = ({ data }) => {
    types.add(JSON.parse(data).type);
    if (types.has("points") && types.has("state")) resolve();
  };
});
socket.send('{"type":"cancel.train"}');
const { status } = await run;
console.log(JSON.stringify({ title, points: types.has("points"), status, url: page.url ?? null }));
