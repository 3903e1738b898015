/** How to reach a NATS server, and who one is there. */
export interface NatsOptions {
  /**
   * One or more of a cluster: `nats://host:4222`, or `tls://host:4222`; `nats://user:pass@host:4222`
   * and `nats://token@host:4222` are understood.
   */
  readonly servers: string | readonly string[];
  /** The name of a user. Default: that of the URL, if any. */
  readonly user?: string;
  /** Their password. */
  readonly pass?: string;
  /** A token, instead of a user. */
  readonly token?: string;
  /** The path of a `.creds` file, instead of a user. */
  readonly credentials?: string;
  /**
   * How the connection is secured: paths of files in PEM form, or what is in them. Default: as the
   * server wants it, with the authorities that the system trusts.
   */
  readonly tls?: NatsTlsOptions;
}

/** Certificates and keys, in PEM form: the text, or the path of a file. */
export interface NatsTlsOptions {
  /** Who vouches for the server. */
  readonly ca?: string;
  /** The path of a file with that. */
  readonly caFile?: string;
  /** Who one is. */
  readonly cert?: string;
  /** The path of a file with that. */
  readonly certFile?: string;
  /** The key of `cert`. */
  readonly key?: string;
  /** The path of a file with that. */
  readonly keyFile?: string;
  /** Whether the server wants TLS before it says anything. Default: `false`. */
  readonly handshakeFirst?: boolean;
}

/** How to connect, in the words of the NATS client. */
export interface ConnectOptions {
  servers: string[];
  user?: string;
  pass?: string;
  token?: string;
  tls?: NatsTlsOptions & { host: string };
}

/** Takes apart the URLs of servers: the client wants host, port and who one is apart. */
export function connectOptions(
  { servers, user, pass, token, tls }: NatsOptions,
): ConnectOptions {
  const urls = [servers].flat().map(parse);
  const [{ username, password, protocol, hostname: host }] = urls;
  const own = user !== undefined || token !== undefined;
  const named = own
    ? { user, pass, token }
    : password
    ? { user: decodeURIComponent(username), pass: decodeURIComponent(password) }
    : { token: decodeURIComponent(username) };
  const given = Object.entries(named).filter(([, value]) => value);
  return {
    servers: urls.map(({ host }) => host),
    ...Object.fromEntries(given),
    // Of a server that is called by its address, the client would forget which it was.
    ...(tls || protocol === "tls:") && { tls: { ...tls, host } },
  };
}

function parse(server: string): URL {
  const text = server.includes("://") ? server : `nats://${server}`;
  const url = URL.parse(text);
  if (url?.host && ["nats:", "tls:"].includes(url.protocol)) return url;
  throw new TypeError(
    "Cannot sweep as a NATS server must be given like nats://host:4222: current value is " +
      `"${server}"`,
  );
}
