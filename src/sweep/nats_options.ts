import { checkOptions } from "../checks/check_options.ts";

/**
 * The address of a NATS server, and the credentials for it.
 *
 * @category Sweeps
 */
export interface NatsOptions {
  /**
   * URLs of one or more servers of a cluster: `nats://host:4222` or `tls://host:4222`, possibly with
   * credentials, `nats://user:pass@host:4222` or `nats://token@host:4222`.
   */
  readonly servers: string | readonly string[];
  /** The name of the user. Default: the one in the URL, if any. */
  readonly user?: string;
  /** The password of the user. */
  readonly pass?: string;
  /** A token, instead of a user. */
  readonly token?: string;
  /** The path of a `.creds` file, instead of a user. */
  readonly credentials?: string;
  /**
   * Certificates of the connection. Default: as the server demands, with the authorities that the
   * system trusts.
   */
  readonly tls?: NatsTlsOptions;
}

/**
 * Certificates and keys, in PEM form, each as text or as the path of a file.
 *
 * @category Sweeps
 */
export interface NatsTlsOptions {
  /** Certificates of the authorities that may sign the server's. */
  readonly ca?: string;
  /** Path of a file with `ca`. */
  readonly caFile?: string;
  /** The certificate of the client. */
  readonly cert?: string;
  /** Path of a file with `cert`. */
  readonly certFile?: string;
  /** The key of `cert`. */
  readonly key?: string;
  /** Path of a file with `key`. */
  readonly keyFile?: string;
  /** Whether TLS begins before the server's first message. Default: `false`. */
  readonly handshakeFirst?: boolean;
}

/** Options of the NATS client's `connect()`. */
export interface ConnectOptions {
  servers: string[];
  user?: string;
  pass?: string;
  token?: string;
  tls?: NatsTlsOptions & { host: string };
}

/**
 * Converts options for the NATS client, which wants hosts and credentials apart.
 *
 * @throws {TypeError} If an option is unknown, or a URL is not that of a NATS server.
 */
export function connectOptions(options: NatsOptions): ConnectOptions {
  checkOptions("sweep", options, {
    servers: true,
    user: true,
    pass: true,
    token: true,
    credentials: true,
    tls: true,
  });
  const { servers, user, pass, token, tls } = options;
  checkOptions("sweep", tls ?? {}, {
    ca: true,
    caFile: true,
    cert: true,
    certFile: true,
    key: true,
    keyFile: true,
    handshakeFirst: "flag",
  });
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
    // If the server is given by its IP address, the client does not keep which host to verify.
    ...(tls || protocol === "tls:") && { tls: { ...tls, host } },
  };
}

function parse(server: string): URL {
  const text = server.includes("://") ? server : `nats://${server}`;
  const url = URL.parse(text);
  if (url?.host && ["nats:", "tls:"].includes(url.protocol)) return url;
  throw new TypeError(
    "Cannot sweep as a NATS server must be a URL such as nats://host:4222: current value is " +
      `"${server}"`,
  );
}
