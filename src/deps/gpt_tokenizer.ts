/**
 * Byte pair encoding of GPT-2, with its 50,257 tokens.
 *
 * @module
 */
export { decode, encode, vocabularySize } from "npm:gpt-tokenizer@4.0.0/encoding/r50k_base";
