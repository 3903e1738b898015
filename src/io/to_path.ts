import { describeValue } from "../checks/describe_value.ts";

/**
 * Converts a path or a `file:` URL to a path.
 *
 * @throws {TypeError} If the value is neither, or a URL of another kind.
 */
export function toPath(path: string | URL): string {
  if (typeof path !== "string" && !(path instanceof URL)) {
    throw new TypeError(
      `Cannot open a file as its path must be a string or a file: URL: current value is ${
        describeValue(path)
      }`,
    );
  }
  if (typeof path === "string" && !/^[a-z]+:\/\//i.test(path)) return path;
  const { protocol, pathname } = new URL(path);
  if (protocol === "file:") return decodeURIComponent(pathname).replace(/^\/([a-z]:)/i, "$1");
  throw new TypeError(
    `Cannot open a file as its URL must begin with file: current value is ${protocol}//…`,
  );
}
