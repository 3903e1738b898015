import { element } from "./element.ts";

/** Makes a panel of the page: a section with a heading, and controls beside the heading. */
export function panel(name: string, title: string, ...controls: (Node | string)[]): HTMLElement {
  const heading = element("h2", {}, title);
  return element(
    "section",
    { className: `panel ${name}`, ariaLabel: title },
    element("header", {}, heading, ...controls),
  );
}
