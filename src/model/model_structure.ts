import { encodeHex } from "../text/encodings.ts";
import type { tf } from "../deps/tfjs.ts";
import { type Model, variablesOf } from "./model.ts";

/**
 * The layers and weights of a model, without the names that differ from process to process.
 *
 * @category Models
 */
export interface ModelStructure {
  /** SHA-256 of `layers` and of the weights but for their names. */
  readonly digest: string;
  /** Each layer as JSON. */
  readonly layers: readonly string[];
  /** Each weight, in order. */
  readonly weights: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly dtype: string;
  }[];
}

/** Describes a model independently of the names of its layers in this process. */
export async function modelStructure(model: tf.LayersModel | Model): Promise<ModelStructure> {
  const layers = "layers" in model ? describeLayers(model) : [];
  const weights = variablesOf(model).map(({ name, shape, dtype }) => ({ name, shape, dtype }));
  return { digest: await structureDigest(layers, weights), layers, weights };
}

/** Returns the digest of layers and weights, in which the names of weights have no part. */
export async function structureDigest(
  layers: ModelStructure["layers"],
  weights: ModelStructure["weights"],
): Promise<string> {
  const text = JSON.stringify([layers, weights.map(({ shape, dtype }) => [shape, dtype])]);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return encodeHex(new Uint8Array(digest));
}

/** Lists the differences between the model of a checkpoint and the current one, a line each. */
export function differencesOf(saved: ModelStructure, actual: ModelStructure): string[] {
  if (saved.digest === actual.digest) return [];
  const layers = compare("layer", ...describeDifferences(saved.layers, actual.layers));
  const line = ({ shape, dtype }: ModelStructure["weights"][number]) => `[${shape}] ${dtype}`;
  const names = actual.weights.map(({ name }) => name);
  return [
    ...layers,
    ...compare("weight", saved.weights.map(line), actual.weights.map(line), names),
  ];
}

function compare(
  kind: string,
  saved: readonly string[],
  actual: readonly string[],
  names: readonly string[] = [],
): string[] {
  return Array.from({ length: Math.max(saved.length, actual.length) }, (_, index) => index)
    .filter((index) => saved[index] !== actual[index])
    .map((index) =>
      `${kind} ${names[index] ?? index} is ${saved[index] ?? "missing"} in the checkpoint, ` +
      `${actual[index] ?? "missing"} in the model`
    );
}

/** Describes layers; of layers of the same class in the same place, only the differing settings. */
function describeDifferences(
  saved: readonly string[],
  actual: readonly string[],
): [string[], string[]] {
  const describe = (ours: readonly string[], others: readonly string[]) =>
    ours.map((text, index) => {
      const layer = JSON.parse(text);
      const other = JSON.parse(others[index] ?? "{}");
      if (layer.class !== other.class) return layer.class;
      const differing = Object.keys({ ...other, ...layer })
        .map((name) => [name, JSON.stringify(layer[name]), JSON.stringify(other[name])])
        .filter(([, own, others]) => own !== others);
      return [layer.class, ...differing.map(([name, own]) => `${name} ${own}`)].join(" ");
    });
  return [describe(saved, actual), describe(actual, saved)];
}

/** Replaces names by the order in which they appear: the wiring is kept, the names are not. */
function describeLayers(model: tf.LayersModel): string[] {
  const numbers = new Map<string, string>();
  const { layers } = model;
  return layers.map((layer) => {
    // Building and applying a model add the same nodes again.
    const inputs = layer.inboundNodes.map(({ inboundLayers }) =>
      inboundLayers.map((input) => layers.indexOf(input)).filter((index) => index >= 0).join()
    );
    const text = {
      class: layer.getClassName(),
      ...layer.getConfig(),
      inputs: [...new Set(inputs)].filter(Boolean),
    };
    return JSON.stringify(text, (key, value) => {
      if (typeof value !== "string") return value;
      if (key === "name" && !numbers.has(value)) numbers.set(value, `#${numbers.size}`);
      return numbers.get(value) ?? value;
    });
  });
}
