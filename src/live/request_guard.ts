/** Where a server listens, and the secret that its address contains. */
export interface RequestGuardOptions {
  /** The address at which the server listens. */
  readonly hostname: string;
  readonly port: number;
  /** The token that a request must carry; `undefined`: none. */
  readonly token: string | undefined;
}

/** Why a request is refused. */
export interface RequestRefusal {
  /** The HTTP status. */
  readonly status: number;
  /** A sentence for the client. */
  readonly reason: string;
}

/**
 * Decides whether a request may see and steer a run, before anything is done for it.
 *
 * A browser says where the page that asks comes from (`Origin`) and which server it believes to talk
 * to (`Host`). A foreign page has another origin. A page whose name was pointed at this machine, by
 * DNS rebinding, has another host; where every host is accepted, it does not know the token.
 *
 * @returns `undefined` if the request is accepted.
 */
export function requestGuard(
  request: Request,
  { hostname, port, token }: RequestGuardOptions,
): RequestRefusal | undefined {
  const { searchParams, pathname } = new URL(request.url);
  const host = request.headers.get("host") ?? "";
  const ours = ["127.0.0.1", "localhost", "[::1]", hostname].map((name) => `${name}:${port}`);
  if (token === undefined && !ours.includes(host)) {
    return { status: 421, reason: `This page is at ${ours[0]} only` };
  }
  if (request.method !== "GET") return { status: 405, reason: "Only GET is allowed" };
  if (token !== undefined && !equals(searchParams.get("token") ?? "", token)) {
    return { status: 403, reason: "The address must have the right token" };
  }
  const origin = request.headers.get("origin");
  const foreign = origin !== `http://${host}`;
  if (foreign && (origin !== null || pathname === "/live")) {
    return { status: 403, reason: "A page of another origin may not see this run" };
  }
}

/** Compares in a time that does not depend on where the first difference is. */
function equals(actual: string, expected: string): boolean {
  let difference = actual.length ^ expected.length;
  for (let index = 0; index < expected.length; index++) {
    difference |= actual.charCodeAt(index) ^ expected.charCodeAt(index);
  }
  return difference === 0;
}
