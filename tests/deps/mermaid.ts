/**
 * The parser of Mermaid, which its authors publish together with what draws in a page.
 *
 * @module
 */
import DOMPurify from "npm:dompurify@3.4.18";

// Without a page there is nothing to clean; what is asked here is whether a text can be read.
Object.assign(DOMPurify, { addHook() {}, removeHook() {}, sanitize: (text: string) => text });

const { default: mermaid } = await import("npm:mermaid@11.17.2");

/** Reads a diagram, and throws if it is not one. */
export const parse = (text: string): Promise<unknown> => mermaid.parse(text);
