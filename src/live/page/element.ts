/// <reference lib="dom" />
/** Makes an element, with its properties and children. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Partial<HTMLElementTagNameMap[Tag]> & { data?: Record<string, string> } = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  const { data = {}, ...rest } = properties;
  Object.assign(made, rest);
  Object.assign(made.dataset, data);
  made.append(...children);
  return made;
}

/** A part of the page, with a heading and what stands beside that. */
export function panel(name: string, title: string, ...beside: (Node | string)[]): HTMLElement {
  const heading = element("h2", {}, title);
  return element(
    "section",
    { className: `panel ${name}`, ariaLabel: title },
    element("header", {}, heading, ...beside),
  );
}
