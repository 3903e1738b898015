import { LiveView } from "./view.ts";

/** How long until the next attempt to connect, ms: at first, and at most. */
const SOON = 250;
const LATE = 4000;

const drawing = document.querySelector<HTMLTemplateElement>("#chart")!.innerHTML;
let socket: WebSocket | undefined;
let wait = SOON;

const view = new LiveView(
  document.body,
  drawing,
  (command) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(command)),
);

function connect(): void {
  const { host, search } = location;
  socket = new WebSocket(`ws://${host}/live${search}`);
  socket.onmessage = ({ data }) => {
    wait = SOON;
    view.show(JSON.parse(data));
  };
  socket.onclose = () => {
    view.disconnected();
    setTimeout(connect, wait);
    wait = Math.min(LATE, 2 * wait);
  };
}

connect();
