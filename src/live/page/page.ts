import { LiveView } from "./live_view.ts";

/** Delay before the next attempt to connect, in ms: it doubles from the first to the second. */
const MIN_DELAY = 250;
const MAX_DELAY = 4000;
/** The code with which the page says goodbye (RFC 6455). */
const ENDED = 1000;

const drawing = document.querySelector<HTMLTemplateElement>("#chart")!.innerHTML;
let socket: WebSocket | undefined;
let delay = MIN_DELAY;

const view = new LiveView(
  document.body,
  drawing,
  (command) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(command)),
);

function connect(): void {
  const { host, search } = location;
  socket = new WebSocket(`ws://${host}/live${search}`);
  socket.onmessage = ({ data }) => {
    delay = MIN_DELAY;
    view.show(JSON.parse(data));
  };
  socket.onclose = ({ code }) => {
    // A page that has closed is not looked for: each attempt would be an error on the console.
    if (code === ENDED) return view.disconnected(connect);
    view.disconnected();
    setTimeout(connect, delay);
    delay = Math.min(MAX_DELAY, 2 * delay);
  };
}

connect();
