/** Who may look at a run, and steer it. */
export interface LiveGuard {
  /** Where the server listens. */
  readonly hostname: string;
  readonly port: number;
  /** What must be in the address; `undefined`: nothing. */
  readonly token: string | undefined;
}

/** Whether nobody but programs of this machine can reach an address. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/**
 * Looks at a request before anything is done for it.
 *
 * A browser sends along where a page is from (`Origin`) and whom it believes to talk to (`Host`).
 * A page of somebody else has another origin. A page whose name was pointed at this machine, by
 * DNS rebinding, has another host; where any host is right, the token is what it does not know.
 *
 * @returns What is wrong with it: a status of HTTP and a sentence; `undefined`: nothing.
 */
export function refusalOf(
  request: Request,
  { hostname, port, token }: LiveGuard,
): { status: number; reason: string } | undefined {
  const { searchParams, pathname } = new URL(request.url);
  const host = request.headers.get("host") ?? "";
  const ours = ["127.0.0.1", "localhost", "[::1]", hostname].map((name) => `${name}:${port}`);
  if (token === undefined && !ours.includes(host)) {
    return { status: 421, reason: `This page is at ${ours[0]}, and nowhere else` };
  }
  if (request.method !== "GET") return { status: 405, reason: "There is only GET" };
  if (token !== undefined && !same(searchParams.get("token") ?? "", token)) {
    return { status: 403, reason: "The address must have the right token" };
  }
  const origin = request.headers.get("origin");
  const foreign = origin !== `http://${host}`;
  if (foreign && (origin !== null || pathname === "/live")) {
    return { status: 403, reason: "A page of somebody else may not look at this run" };
  }
}

/** Compares in a time that does not tell where the first difference is. */
function same(actual: string, expected: string): boolean {
  let difference = actual.length ^ expected.length;
  for (let index = 0; index < expected.length; index++) {
    difference |= actual.charCodeAt(index) ^ expected.charCodeAt(index);
  }
  return difference === 0;
}
