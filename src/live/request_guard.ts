/** Where a server listens, and the secret that its address contains. */
interface RequestGuardOptions {
  /** The address at which the server listens. */
  readonly hostname: string;
  readonly port: number;
  /** The token that a request must carry; `undefined`: none. */
  readonly token: string | undefined;
}

/** The part of a request that decides. */
interface GuardedRequest {
  readonly method?: string;
  readonly url?: string;
  readonly headers: { readonly host?: string; readonly origin?: string };
}

/** Why a request is refused. */
export interface RequestRefusal {
  /** The HTTP status. */
  readonly status: number;
  /** A sentence for the client, in ASCII. */
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
  { method, url = "", headers }: GuardedRequest,
  { hostname, port, token }: RequestGuardOptions,
): RequestRefusal | undefined {
  const host = withoutDefaultPort(headers.host ?? "");
  const ours = ["127.0.0.1", "localhost", "[::1]", bracketed(hostname)]
    .map((name) => withoutDefaultPort(`${name}:${port}`));
  if (token === undefined && !ours.includes(host)) {
    return { status: 421, reason: `This page is at ${ours[0]} only` };
  }
  if (method !== "GET") return { status: 405, reason: "Only GET is allowed" };
  const address = URL.parse(url, "http://localhost");
  if (!address) return { status: 400, reason: "The address is malformed" };
  if (token !== undefined && !equals(address.searchParams.get("token") ?? "", token)) {
    return { status: 403, reason: "The address must have the right token" };
  }
  const { origin } = headers;
  const foreign = origin !== `http://${host}`;
  if (foreign && (origin !== undefined || address.pathname === "/live")) {
    return { status: 403, reason: "A page of another origin may not see this run" };
  }
}

/** Writes a hostname as in a URL, where IPv6 addresses stand in brackets. */
function bracketed(hostname: string): string {
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}

/** Writes a host as browsers do: in lower case, and without port 80. */
function withoutDefaultPort(host: string): string {
  return host.toLowerCase().replace(/:80$/, "");
}

/** Compares in a time that does not depend on where the first difference is. */
function equals(actual: string, expected: string): boolean {
  let difference = actual.length ^ expected.length;
  for (let index = 0; index < expected.length; index++) {
    difference |= actual.charCodeAt(index) ^ expected.charCodeAt(index);
  }
  return difference === 0;
}

/** Whether only programs on this machine can reach an address. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127(\.\d{1,3}){3}$/.test(hostname);
}
