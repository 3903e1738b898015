/**
 * Operations of TensorFlow.js and their counterparts in PyTorch, for sizes of about n elements.
 *
 * @module
 */
import { tf } from "../../../mod.ts";

/** An input: its shape, and its elements: normal, in (0.1, 1), integers below a number, or 0 and 1. */
export type Input = readonly [shape: number[], kind?: "normal" | "positive" | "bool" | number];

/** One operation. */
export interface Case {
  readonly name: string;
  /** The inputs for about n elements. */
  readonly inputs: (n: number) => Input[];

  // deno-lint-ignore no-explicit-any
  readonly run: (...xs: any[]) => tf.Tensor | tf.Tensor[];
  /** The same as a function in Python. */
  readonly torch: string;
  /** Whether it has a gradient by its float inputs. */
  readonly smooth: boolean;
}

type Run = Case["run"];

const CASES: Case[] = [];

function add(
  name: string,
  inputs: (n: number) => Input[],
  run: Run,
  torch: string,
  smooth = true,
): void {
  CASES.push({ name, inputs, run, torch, smooth });
}

/** The side of a square of n elements. */
const side = (n: number) => Math.round(Math.sqrt(n));
const square = (n: number): number[] => [side(n), side(n)];
const flat = (n: number): Input[] => [[square(n)]];
const positive = (n: number): Input[] => [[square(n), "positive"]];
const pair = (n: number): Input[] => [[square(n)], [square(n), "positive"]];
/** A batch of images of `channels` channels, about n elements. */
const images = (channels: number, batch = 1) => (n: number): Input[] => {
  const pixels = Math.max(4, 2 * Math.round(Math.sqrt(n / channels / batch) / 2));
  return [[[batch, pixels, pixels, channels]]];
};

const names = (list: string) => list.trim().split(/\s+/);
// deno-lint-ignore no-explicit-any
type Factory = (...args: any[]) => any;
const ops = tf as unknown as Record<string, Factory>;

for (
  const name of names(
    "abs cos cosh sin sinh exp expm1 erf sigmoid tanh square neg relu tan atan asinh",
  )
) {
  add(name, flat, (x) => ops[name](x), `torch.${name}`);
}
for (const name of names("acos asin atanh log log1p reciprocal rsqrt sqrt")) {
  add(name, positive, (x) => ops[name](x), `torch.${name}`);
}
for (const name of names("ceil floor round sign")) {
  add(name, flat, (x) => ops[name](x), `torch.${name}`);
}
add("acosh", positive, (x) => tf.acosh(tf.add(x, 1)), "lambda x: torch.acosh(x + 1)");
for (const name of names("elu selu softplus leakyRelu relu6")) {
  const theirs: Record<string, string> = { leakyRelu: "leaky_relu" };
  add(name, flat, (x) => ops[name](x), `F.${theirs[name] ?? name}`);
}
add("logSigmoid", flat, (x) => tf.logSigmoid(x), "F.logsigmoid");
add("clipByValue", flat, (x) => tf.clipByValue(x, -1, 1), "lambda x: torch.clamp(x, -1, 1)");
add("step", flat, (x) => tf.step(x), "lambda x: (x > 0).float()", false);
for (const name of names("isNaN isInf isFinite")) {
  add(name, flat, (x) => ops[name](x), `torch.${name.toLowerCase()}`, false);
}
add("cast int32", flat, (x) => tf.cast(x, "int32"), "lambda x: x.int()", false);
add("cast bool", flat, (x) => tf.cast(x, "bool"), "lambda x: x.bool()", false);

for (
  const [name, theirs] of Object.entries({
    add: "torch.add",
    sub: "torch.sub",
    mul: "torch.mul",
    div: "torch.div",
    maximum: "torch.maximum",
    minimum: "torch.minimum",
    atan2: "torch.atan2",
    pow: "lambda a, b: torch.pow(b, a)",
    mod: "torch.remainder",
    squaredDifference: "lambda a, b: (a - b) ** 2",
  })
) add(name, pair, (a, b) => name === "pow" ? tf.pow(b, a) : ops[name](a, b), theirs);
add(
  "floorDiv",
  pair,
  (a, b) => tf.floorDiv(a, b),
  "lambda a, b: torch.div(a, b, rounding_mode='floor')",
  false,
);
add("divNoNan", pair, (a, b) => tf.divNoNan(a, b), "lambda a, b: torch.where(b == 0, 0., a / b)");
add("add number", flat, (x) => tf.add(x, 1.5), "lambda x: x + 1.5");
add("mul number", flat, (x) => tf.mul(x, 1.5), "lambda x: x * 1.5");
add("pow number", positive, (x) => tf.pow(x, 1.5), "lambda x: x ** 1.5");
add("pow 3", flat, (x) => tf.pow(x, 3), "lambda x: x ** 3");
add("add row", (n) => [[square(n)], [[side(n)]]], (a, b) => tf.add(a, b), "torch.add");
add("mul column", (n) => [[square(n)], [[side(n), 1]]], (a, b) => tf.mul(a, b), "torch.mul");
add("div row", (n) => [[square(n)], [[side(n)], "positive"]], (a, b) => tf.div(a, b), "torch.div");
add("maximum row", (n) => [[square(n)], [[side(n)]]], (a, b) => tf.maximum(a, b), "torch.maximum");
add("pow row", (n) => [[square(n), "positive"], [[side(n)]]], (a, b) => tf.pow(a, b), "torch.pow");
add(
  "prelu",
  (n) => [[square(n)], [[side(n)]]],
  (a, b) => tf.prelu(a, b),
  "lambda a, b: torch.where(a > 0, a, a * b)",
);
for (
  const [name, theirs] of Object.entries({
    equal: "eq",
    notEqual: "ne",
    less: "lt",
    lessEqual: "le",
    greater: "gt",
    greaterEqual: "ge",
  })
) add(name, pair, (a, b) => ops[name](a, b), `torch.${theirs}`, false);
const bools = (n: number): Input[] => [[square(n), "bool"], [square(n), "bool"]];
for (const name of names("logicalAnd logicalOr logicalXor")) {
  add(
    name,
    bools,
    (a, b) => ops[name](a, b),
    `torch.logical_${name.slice(7).toLowerCase()}`,
    false,
  );
}
add("logicalNot", bools, (a) => tf.logicalNot(a), "lambda a, b: torch.logical_not(a)", false);
add(
  "where",
  (n) => [[square(n), "bool"], ...pair(n)],
  (c, a, b) => tf.where(c, a, b),
  "torch.where",
);
add(
  "where row",
  (n) => [[[side(n), 1], "bool"], ...pair(n)],
  (c, a, b) => tf.where(c, a, b),
  "torch.where",
);
add(
  "where number",
  (n) => [[square(n), "bool"], [square(n)]],
  (c, a) => tf.where(c, a, 0),
  "lambda c, a: torch.where(c, a, 0.)",
);
add("addN", (n) => [...pair(n), [square(n)]], (...xs) => tf.addN(xs), "lambda a, b, c: a + b + c");
const ints = (n: number): Input[] => [[square(n), 9], [square(n), 9]];
for (const name of names("add mul maximum squaredDifference equal less")) {
  const theirs: Record<string, string> = {
    squaredDifference: "lambda a, b: (a - b) ** 2",
    equal: "torch.eq",
    less: "torch.lt",
  };
  add(`${name} int32`, ints, (a, b) => ops[name](a, b), theirs[name] ?? `torch.${name}`, false);
}
add("sum int32", ints, (a) => tf.sum(a), "lambda a, b: a.sum(dtype=torch.int32)", false);
add("mean int32", ints, (a) => tf.mean(a), "lambda a, b: a.float().mean()", false);

for (const name of names("sum mean max min prod")) {
  const theirs: Record<string, string> = { max: "amax", min: "amin" };
  const f = theirs[name] ?? name;
  const all = name === "prod"
    ? "x.prod()"
    : name === "max" || name === "min"
    ? `x.${name}()`
    : `x.${f}()`;
  add(`${name} all`, flat, (x) => ops[name](x), `lambda x: ${all}`);
  add(`${name} axis 0`, flat, (x) => ops[name](x, 0), `lambda x: x.${f}(0)`);
  add(`${name} axis 1`, flat, (x) => ops[name](x, 1), `lambda x: x.${f}(1)`);
  if (name !== "prod") {
    const cube = (n: number): Input[] => [[[4, side(n / 32), side(n / 32), 8]]];
    add(`${name} axes 1, 2`, cube, (x) => ops[name](x, [1, 2]), `lambda x: x.${f}((1, 2))`);
    add(`${name} middle`, cube, (x) => ops[name](x, 1), `lambda x: x.${f}(1)`);
  }
}
for (const name of names("all any")) {
  add(name, (n) => [[square(n), "bool"]], (x) => ops[name](x, 1), `lambda x: x.${name}(1)`, false);
}
for (const name of names("argMax argMin")) {
  add(
    `${name} axis 1`,
    flat,
    (x) => ops[name](x, 1),
    `lambda x: x.${name.toLowerCase()}(1)`,
    false,
  );
  add(
    `${name} axis 0`,
    flat,
    (x) => ops[name](x, 0),
    `lambda x: x.${name.toLowerCase()}(0)`,
    false,
  );
}
add("logSumExp", flat, (x) => tf.logSumExp(x, 1), "lambda x: x.logsumexp(1)");
add("logSumExp axis 0", flat, (x) => tf.logSumExp(x, 0), "lambda x: x.logsumexp(0)");
add("norm", flat, (x) => tf.norm(x), "lambda x: x.norm()");
add("norm axis", flat, (x) => tf.norm(x, 2, 1), "lambda x: x.norm(dim=1)");
add("norm 1", flat, (x) => tf.norm(x, 1, 1), "lambda x: x.norm(1, dim=1)");
add("euclideanNorm", flat, (x) => tf.euclideanNorm(x, 1), "lambda x: x.norm(dim=1)");
add("moments", flat, (x) => tf.moments(x, 0).variance, "lambda x: x.var(0, unbiased=False)");
add("moments 1", flat, (x) => tf.moments(x, 1).variance, "lambda x: x.var(1, unbiased=False)");
for (const name of names("cumsum cumprod")) {
  add(`${name} axis 1`, flat, (x) => ops[name](x, 1), `lambda x: x.${name}(1)`);
  add(`${name} axis 0`, flat, (x) => ops[name](x, 0), `lambda x: x.${name}(0)`);
}
add("softmax", flat, (x) => tf.softmax(x), "lambda x: x.softmax(-1)");
add("logSoftmax", flat, (x) => tf.logSoftmax(x), "lambda x: x.log_softmax(-1)");
add(
  "softmax axis 1 of 3",
  (n) => [[[4, side(n / 4), side(n / 4)]]],
  (x) => (tf.layers.softmax({ axis: 1 }).apply(x) as tf.Tensor),
  "lambda x: x.softmax(1)",
);

add("transpose", flat, (x) => tf.transpose(x), "lambda x: x.t().contiguous()");
add(
  "transpose 4",
  images(8, 4),
  (x) => tf.transpose(x, [0, 3, 1, 2]),
  "lambda x: x.permute(0, 3, 1, 2).contiguous()",
);
add(
  "transpose 3",
  images(8),
  (x) => tf.transpose(x, [2, 0, 1, 3]),
  "lambda x: x.permute(2, 0, 1, 3).contiguous()",
);
add("reverse", flat, (x) => tf.reverse(x, 1), "lambda x: x.flip(1)");
add("reverse 0", flat, (x) => tf.reverse(x, 0), "lambda x: x.flip(0)");
add("concat", pair, (a, b) => tf.concat([a, b], 1), "lambda a, b: torch.cat([a, b], 1)");
add("stack", pair, (a, b) => tf.stack([a, b], 0), "lambda a, b: torch.stack([a, b])");
add("stack last", pair, (a, b) => tf.stack([a, b], -1), "lambda a, b: torch.stack([a, b], -1)");
add(
  "split",
  flat,
  (x) => tf.split(x, 2, 1),
  "lambda x: [y.contiguous() for y in x.chunk(2, 1)]",
  false,
);
add(
  "unstack",
  (n) => [[[8, Math.ceil(n / 8)]]],
  (x) => tf.unstack(x),
  "lambda x: [y.clone() for y in x.unbind()]",
  false,
);
add(
  "slice",
  flat,
  (x) => tf.slice(x, [1, 1], [x.shape[0] - 2, x.shape[1] - 2]),
  "lambda x: x[1:-1, 1:-1].contiguous()",
);
add(
  "stridedSlice",
  flat,
  (x) => tf.stridedSlice(x, [0, 0], x.shape, [2, 2]),
  "lambda x: x[::2, ::2].contiguous()",
);
add("pad", flat, (x) => tf.pad(x, [[1, 1], [2, 2]]), "lambda x: F.pad(x, (2, 2, 1, 1))");
add(
  "mirrorPad",
  images(8, 4),
  (x) => tf.mirrorPad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], "reflect"),
  "lambda x: F.pad(x.permute(0, 3, 1, 2), (1, 1, 1, 1), mode='reflect')",
);
add("tile", (n) => [[square(n / 4)]], (x) => tf.tile(x, [2, 2]), "lambda x: x.repeat(2, 2)");
add(
  "broadcastTo",
  (n) => [[[side(n)]]],
  (x) => tf.broadcastTo(x, [x.shape[0], x.shape[0]]),
  "lambda x: x.expand(len(x), len(x)).contiguous()",
);
add(
  "gather",
  (n) => [[square(n)], [[side(n)], 10]],
  (x, i) => tf.gather(x, i),
  "lambda x, i: x[i]",
);
add(
  "gather 1",
  (n) => [[square(n)], [[side(n)], 10]],
  (x, i) => tf.gather(x, i, 1),
  "lambda x, i: x[:, i]",
);
add(
  "embedding",
  (n) => [[[1000, 16]], [[Math.ceil(n / 16)], 1000]],
  (x, i) => tf.gather(x, i),
  "lambda x, i: F.embedding(i, x)",
);
add(
  "gather batch",
  (n) => [[[10, Math.ceil(n / 10)]], [[10, Math.ceil(n / 10)], 8]],
  (x, i) => tf.gather(x, i, 1, 1),
  "lambda x, i: x.gather(1, i)",
);
add(
  "gatherND",
  (n) => [[square(n)], [[Math.ceil(n / 2), 2], 10]],
  (x, i) => tf.gatherND(x, i),
  "lambda x, i: x[i[:, 0], i[:, 1]]",
);
add(
  "scatterND",
  (n) => [[[n]], [[n, 1], n]],
  (x, i) => tf.scatterND(i, x, [n_of(x)]),
  "lambda x, i: torch.zeros(len(x)).index_add(0, i[:, 0], x)",
  false,
);
add(
  "unsortedSegmentSum",
  (n) => [[[Math.ceil(n / 16), 16]], [[Math.ceil(n / 16)], 10]],
  (x, i) => tf.unsortedSegmentSum(x, i, 10),
  "lambda x, i: torch.zeros(10, 16).index_add(0, i, x)",
);
add(
  "tensorScatterUpdate",
  (n) => [[[n]], [[Math.ceil(n / 2), 1], n], [[Math.ceil(n / 2)]]],
  (x, i, u) => tf.tensorScatterUpdate(x, i, u),
  "lambda x, i, u: x.index_copy(0, i[:, 0], u)",
  false,
);
add("topk", flat, (x) => tf.topk(x, 5).values, "lambda x: x.topk(5).values");
add(
  "topk half",
  flat,
  (x) => tf.topk(x, Math.ceil(x.shape[1] / 2)).values,
  "lambda x: x.topk((x.shape[1] + 1) // 2).values",
);
add(
  "sort by topk",
  flat,
  (x) => tf.topk(x, x.shape[1]).values,
  "lambda x: x.sort(descending=True).values",
);
add(
  "sort all by topk",
  (n) => [[[n]]],
  (x) => tf.topk(x, x.shape[0]).values,
  "lambda x: x.sort(descending=True).values",
);
add("unique", (n) => [[[n], 50]], (x) => tf.unique(x).values, "lambda x: x.unique()", false);
add(
  "bincount",
  (n) => [[[n], 50]],
  (x) => tf.bincount(x, EMPTY, 50),
  "lambda x: x.bincount(minlength=50)",
  false,
);
add(
  "bincount weights",
  (n) => [[[n], 50], [[n]]],
  (x, w) => tf.bincount(x, w, 50),
  "lambda x, w: x.bincount(w, 50)",
  false,
);
add(
  "oneHot",
  (n) => [[[Math.ceil(n / 10)], 10]],
  (x) => tf.oneHot(x, 10),
  "lambda x: F.one_hot(x, 10)",
  false,
);
add("bandPart", flat, (x) => tf.linalg.bandPart(x, 2, 3), "lambda x: x.tril(3).triu(-2)");
add("diag", (n) => [[[side(n)]]], (x) => tf.diag(x), "torch.diag");
add(
  "searchSorted",
  (n) => [[[n]], [[n]]],
  (x, v) => tf.searchSorted(x, v),
  "lambda x, v: torch.searchsorted(x, v)",
  false,
);
add(
  "booleanMask",
  (n) => [[[n, 1]], [[n], "bool"]],
  (x) => tf.tidy(() => tf.abs(x)),
  "lambda x, m: x.abs()",
  false,
);
add(
  "confusionMatrix",
  (n) => [[[n], 10], [[n], 10]],
  (a, b) => tf.math.confusionMatrix(a, b, 10),
  "lambda a, b: (a * 10 + b).bincount(minlength=100)",
  false,
);
add(
  "roll",
  flat,
  (x) => tf.concat([tf.slice(x, [1, 0]), tf.slice(x, [0, 0], [1, -1])], 0),
  "lambda x: x.roll(-1, 0)",
);
add(
  "meshgrid",
  (n) => [[[side(n)]], [[side(n)]]],
  (x, y) => tf.meshgrid(x, y),
  "lambda x, y: [z.contiguous() for z in torch.meshgrid(x, y, indexing='xy')]",
  false,
);
add(
  "depthToSpace",
  images(8, 4),
  (x) => tf.depthToSpace(x, 2),
  "lambda x: F.pixel_shuffle(x.permute(0, 3, 1, 2), 2)",
);
add(
  "spaceToBatchND",
  images(8, 4),
  (x) => tf.spaceToBatchND(x, [2, 2], [[0, 0], [0, 0]]),
  "lambda x: x.reshape(4, x.shape[1] // 2, 2, x.shape[2] // 2, 2, 8).permute(2, 4, 0, 1, 3, 5).contiguous()",
);
add(
  "batchToSpaceND",
  images(8, 4),
  (x) => tf.batchToSpaceND(x, [2, 2], [[0, 0], [0, 0]]),
  "lambda x: x.reshape(2, 2, 1, x.shape[1], x.shape[2], 8).permute(2, 3, 0, 4, 1, 5).contiguous()",
);

for (const name of names("ones zeros")) {
  add(name, flat, (x) => ops[name](x.shape), `lambda x: torch.${name}(x.shape)`, false);
  add(`${name}Like`, flat, (x) => ops[`${name}Like`](x), `torch.${name}_like`, false);
}
add("fill", flat, (x) => tf.fill(x.shape, 3), "lambda x: torch.full(x.shape, 3.)", false);
add("eye", flat, (x) => tf.eye(x.shape[0]), "lambda x: torch.eye(len(x))", false);
add(
  "range",
  (n) => [[[n]]],
  (x) => tf.range(0, x.shape[0]),
  "lambda x: torch.arange(0., len(x))",
  false,
);
add(
  "linspace",
  (n) => [[[n]]],
  (x) => tf.linspace(0, 1, x.shape[0]),
  "lambda x: torch.linspace(0, 1, len(x))",
  false,
);
add("randomNormal", flat, (x) => tf.randomNormal(x.shape), "torch.randn_like", false);
add("randomUniform", flat, (x) => tf.randomUniform(x.shape), "torch.rand_like", false);
add(
  "randomUniformInt",
  flat,
  (x) => tf.randomUniformInt(x.shape, 0, 9),
  "lambda x: torch.randint(0, 9, x.shape)",
  false,
);
add(
  "randomStandardNormal",
  flat,
  (x) => tf.randomStandardNormal(x.shape),
  "torch.randn_like",
  false,
);
add(
  "truncatedNormal",
  flat,
  (x) => tf.truncatedNormal(x.shape),
  "lambda x: torch.nn.init.trunc_normal_(torch.empty(x.shape))",
  false,
);
add(
  "randomGamma",
  (n) => flat(n / 10),
  (x) => tf.randomGamma(x.shape, 2),
  "lambda x: torch.distributions.Gamma(2., 1.).sample(x.shape)",
  false,
);
add(
  "multinomial",
  () => [[[10, 10]]],
  (x) => tf.multinomial(x, 100, 1),
  "lambda x: torch.multinomial(x.softmax(1), 100, True)",
  false,
);
add("dropout", flat, (x) => tf.dropout(x, 0.3), "lambda x: F.dropout(x, 0.3)");
add(
  "tensor",
  (n) => [[[n]]],
  (x) => tf.tensor(arrayOf(x.size)),
  "lambda x: torch.tensor(x.numpy())",
  false,
);

const loss = (
  n: number,
): Input[] => [[[side(n), side(n)], "bool"], [[side(n), side(n)], "positive"]];
const losses: [string, string][] = [
  ["absoluteDifference", "lambda y, x: F.l1_loss(x, y.float())"],
  ["huberLoss", "lambda y, x: F.huber_loss(x, y.float())"],
  ["logLoss", "lambda y, x: F.binary_cross_entropy(x, y.float())"],
  ["meanSquaredError", "lambda y, x: F.mse_loss(x, y.float())"],
  ["sigmoidCrossEntropy", "lambda y, x: F.binary_cross_entropy_with_logits(x, y.float())"],
  ["softmaxCrossEntropy", "lambda y, x: F.cross_entropy(x, y.float())"],
  ["hingeLoss", "lambda y, x: F.relu(1 - (2 * y.float() - 1) * x).mean()"],
];
for (const [name, theirs] of losses) {
  add(
    name,
    loss,
    (y, x) => (tf.losses as unknown as Record<string, Factory>)[name](y.toFloat(), x),
    theirs,
  );
}
add(
  "cosineDistance",
  pair,
  (a, b) => tf.losses.cosineDistance(a, b, 1),
  "lambda a, b: (1 - (a * b).sum(1)).mean()",
);
for (
  const [name, theirs] of [
    [
      "categoricalCrossentropy",
      "lambda y, x: -(y.float() * (x / x.sum(-1, keepdim=True)).clamp(1e-7, 1 - 1e-7).log()).sum(-1).mean()",
    ],
    ["binaryCrossentropy", "lambda y, x: F.binary_cross_entropy(x, y.float())"],
    ["cosineProximity", "lambda y, x: -F.cosine_similarity(x, y.float(), 1).mean()"],
    ["meanAbsoluteError", "lambda y, x: F.l1_loss(x, y.float())"],
    [
      "meanAbsolutePercentageError",
      "lambda y, x: ((x - y.float()) / y.float().clamp(1e-7)).abs().mean()",
    ],
  ] as const
) {
  add(
    `metrics.${name}`,
    loss,
    (y, x) => (tf.metrics as unknown as Record<string, Factory>)[name](y.toFloat(), x).mean(),
    theirs,
  );
}

add(
  "fft 2^k",
  (n) => [[[Math.max(1, Math.round(n / 1024)), n < 1024 ? 64 : 1024]]],
  (x) => tf.spectral.rfft(x),
  "torch.fft.rfft",
);
add(
  "fft 1000",
  (n) => [[[Math.max(1, Math.round(n / 1000)), n < 1000 ? 60 : 1000]]],
  (x) => tf.spectral.rfft(x),
  "torch.fft.rfft",
);
add(
  "fft 997",
  (n) => [[[Math.max(1, Math.round(n / 997)), n < 997 ? 61 : 997]]],
  (x) => tf.spectral.rfft(x),
  "torch.fft.rfft",
);
add(
  "complex fft 1000",
  (n) => [[[Math.max(1, Math.round(n / 1000)), n < 1000 ? 60 : 1000]]],
  (x) => tf.spectral.fft(tf.complex(x, x)) as tf.Tensor,
  "lambda x: torch.fft.fft(torch.complex(x, x))",
  false,
);
add(
  "stft",
  (n) => [[[Math.max(n, 300)]]],
  (x) => tf.signal.stft(x, 256, 128),
  "lambda x: torch.stft(x, 256, 128, window=torch.hann_window(256), return_complex=True)",
  false,
);
add(
  "hannWindow",
  (n) => [[[n]]],
  (x) => tf.signal.hannWindow(x.size),
  "lambda x: torch.hann_window(len(x))",
  false,
);

const matrices = (
  n: number,
  m = 4,
): Input[] => [[[Math.ceil(n / m / m), m, m]], [[Math.ceil(n / m / m), m, m]]];
add(
  "matMul square",
  (n) => [[square(Math.min(n, 1e5))], [square(Math.min(n, 1e5))]],
  (a, b) => tf.matMul(a, b),
  "torch.matmul",
);
add("matMul 4 x 4", matrices, (a, b) => tf.matMul(a, b), "torch.matmul");
add(
  "matMul 4 x 4 T",
  matrices,
  (a, b) => tf.matMul(a, b, false, true),
  "lambda a, b: a @ b.transpose(-1, -2)",
);
add("matMul 16 x 16", (n) => matrices(n, 16), (a, b) => tf.matMul(a, b), "torch.matmul");
add(
  "matMul broadcast",
  (n) => [[[Math.ceil(n / 256), 16, 16]], [[16, 16]]],
  (a, b) => tf.matMul(a, b),
  "torch.matmul",
);
add("matVec", (n) => [[square(n)], [[side(n), 1]]], (a, b) => tf.matMul(a, b), "torch.matmul");
add("vecMat", (n) => [[[1, side(n)]], [square(n)]], (a, b) => tf.matMul(a, b), "torch.matmul");
add("dot", (n) => [[[n]], [[n]]], (a, b) => tf.dot(a, b), "torch.dot");
add("outer", (n) => [[[side(n)]], [[side(n)]]], (a, b) => tf.outerProduct(a, b), "torch.outer");
for (const equation of ["ij,jk->ik", "ij,ij->i", "ij,ij->", "ij->ji", "ij,i->j", "ij->i"]) {
  const two = equation.includes(",");
  const size = (n: number) => square(equation === "ij,jk->ik" ? Math.min(n, 1e5) : n);
  add(
    `einsum ${equation}`,
    (n) => [[size(n)], ...two ? [[equation === "ij,i->j" ? [side(n)] : size(n)] as Input] : []],
    (...xs) => tf.einsum(equation, ...xs),
    `lambda *xs: torch.einsum('${equation}', *xs).contiguous()`,
  );
}
add(
  "einsum bij,bjk->bik",
  (n) => matrices(n, 16),
  (a, b) => tf.einsum("bij,bjk->bik", a, b),
  "lambda a, b: torch.einsum('bij,bjk->bik', a, b)",
);
add(
  "einsum bhid,bhjd->bhij",
  (n) => [[[4, Math.ceil(n / 1024), 16, 16]], [[4, Math.ceil(n / 1024), 16, 16]]],
  (a, b) => tf.einsum("bhid,bhjd->bhij", a, b),
  "lambda a, b: torch.einsum('bhid,bhjd->bhij', a, b)",
);
add(
  "einsum bid,bjd->bij",
  (n) => [[[Math.ceil(n / 256), 16, 16]], [[Math.ceil(n / 256), 16, 16]]],
  (a, b) => tf.einsum("bid,bjd->bij", a, b),
  "lambda a, b: torch.einsum('bid,bjd->bij', a, b)",
);
add(
  "gramSchmidt",
  () => [[[8, 8]]],
  (x) => tf.linalg.gramSchmidt(x),
  "lambda x: torch.linalg.qr(x)[0]",
  false,
);
add("qr", () => [[[8, 8]]], (x) => tf.linalg.qr(x)[0], "lambda x: torch.linalg.qr(x)[0]", false);

/** A convolution of images with a filter. */
function conv(inputs: number, outputs: number, filter: number, stride = 1): void {
  add(
    `conv2d ${filter} x ${filter}, ${inputs} to ${outputs}${stride > 1 ? ` / ${stride}` : ""}`,
    (n) => [...images(inputs, 4)(Math.min(n, 2e5)), [[filter, filter, inputs, outputs]]],
    (x, w) => tf.conv2d(x, w, stride, "same"),
    `lambda x, w: F.conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), padding=${
      filter >> 1
    }, stride=${stride})`,
  );
}
conv(1, 8, 3);
conv(3, 16, 3);
conv(3, 32, 7, 2);
conv(2, 4, 5);
conv(8, 1, 3);
conv(8, 3, 1);
conv(16, 16, 3);
conv(5, 7, 3);
add(
  "conv2d NCHW",
  (n) =>
    [[[4, 16, side(n / 64), side(n / 64)]], [[3, 3, 16, 16]]].map(([shape]) => [shape] as Input),
  (x, w) => tf.conv2d(x, w, 1, "same", "NCHW"),
  "lambda x, w: F.conv2d(x, w.permute(3, 2, 0, 1), padding=1)",
);
add(
  "conv1d",
  (n) => [[[4, Math.ceil(n / 32), 8]], [[3, 8, 8]]],
  (x, w) => tf.conv1d(x, w, 1, "same"),
  "lambda x, w: F.conv1d(x.permute(0, 2, 1), w.permute(2, 1, 0), padding=1)",
);
add(
  "conv2dTranspose",
  (n) => [...images(8, 4)(Math.min(n, 1e5)), [[3, 3, 8, 8]]],
  (x, w) => tf.conv2dTranspose(x, w, [x.shape[0], x.shape[1] * 2, x.shape[2] * 2, 8], 2, "same"),
  "lambda x, w: F.conv_transpose2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), stride=2, padding=1, output_padding=1)",
);
add(
  "depthwiseConv2d",
  (n) => [...images(8, 4)(n), [[3, 3, 8, 1]]],
  (x, w) => tf.depthwiseConv2d(x, w, 1, "same"),
  "lambda x, w: F.conv2d(x.permute(0, 3, 1, 2), w.permute(2, 3, 0, 1), padding=1, groups=8)",
);
add(
  "depthwiseConv2d of 3",
  (n) => [...images(3, 4)(n), [[3, 3, 3, 1]]],
  (x, w) => tf.depthwiseConv2d(x, w, 1, "same"),
  "lambda x, w: F.conv2d(x.permute(0, 3, 1, 2), w.permute(2, 3, 0, 1), padding=1, groups=3)",
);
add(
  "separableConv2d",
  (n) => [...images(8, 4)(n), [[3, 3, 8, 1]], [[1, 1, 8, 8]]],
  (x, w, p) => tf.separableConv2d(x, w, p, 1, "same"),
  "lambda x, w, p: F.conv2d(F.conv2d(x.permute(0, 3, 1, 2), w.permute(2, 3, 0, 1), padding=1, groups=8), p.permute(3, 2, 0, 1))",
);
add(
  "conv3d",
  (n) => [[[1, 8, side(n / 32), side(n / 32), 4]], [[3, 3, 3, 4, 4]]],
  (x, w) => tf.conv3d(x, w, 1, "same"),
  "lambda x, w: F.conv3d(x.permute(0, 4, 1, 2, 3), w.permute(4, 3, 0, 1, 2), padding=1)",
);

for (
  const [channels, size, stride] of [[8, 2, 2], [3, 2, 2], [1, 2, 2], [8, 3, 2], [3, 3, 1], [
    8,
    5,
    3,
  ]]
) {
  for (const kind of ["max", "avg"] as const) {
    add(
      `${kind}Pool ${size} / ${stride} of ${channels}`,
      images(channels, 4),
      (x) => ops[`${kind}Pool`](x, size, stride, "valid"),
      `lambda x: F.${kind}_pool2d(x.permute(0, 3, 1, 2), ${size}, ${stride})`,
    );
  }
}
add(
  "maxPool same",
  images(8, 4),
  (x) => tf.maxPool(x, 3, 2, "same"),
  "lambda x: F.max_pool2d(x.permute(0, 3, 1, 2), 3, 2, 1)",
);
add(
  "avgPool same",
  images(8, 4),
  (x) => tf.avgPool(x, 3, 2, "same"),
  "lambda x: F.avg_pool2d(x.permute(0, 3, 1, 2), 3, 2, 1)",
);
for (const kind of ["max", "avg"] as const) {
  add(
    `${kind}Pool3d`,
    (n) => [[[1, 8, side(n / 32) & ~1, side(n / 32) & ~1, 4]]],
    (x) => ops[`${kind}Pool3d`](x, 2, 2, "valid"),
    `lambda x: F.${kind}_pool3d(x.permute(0, 4, 1, 2, 3), 2)`,
  );
}
add(
  "maxPoolWithArgmax",
  images(8, 4),
  (x) => tf.maxPoolWithArgmax(x, 2, 2, "valid").result,
  "lambda x: F.max_pool2d(x.permute(0, 3, 1, 2), 2, return_indices=True)[0]",
  false,
);
add(
  "dilation2d",
  (n) => [...images(8)(n), [[3, 3, 8]]],
  (x, w) => tf.dilation2d(x, w, 1, "same"),
  "lambda x, w: F.max_pool2d(x.permute(0, 3, 1, 2), 3, 1, 1)",
);
add(
  "localResponseNormalization",
  images(8, 4),
  (x) => tf.localResponseNormalization(x, 2),
  "lambda x: F.local_response_norm(x.permute(0, 3, 1, 2), 5)",
);
add(
  "batchNorm",
  (n) => [...images(8, 4)(n), [[8]], [[8], "positive"], [[8]], [[8]]],
  (x, m, v, b, s) => tf.batchNorm(x, m, v, b, s),
  "lambda x, m, v, b, s: F.batch_norm(x.permute(0, 3, 1, 2), m, v, s, b)",
  false,
);

add(
  "resizeBilinear",
  images(8, 4),
  (x) => tf.image.resizeBilinear(x, [x.shape[1] * 2, x.shape[2] * 2]),
  "lambda x: F.interpolate(x.permute(0, 3, 1, 2), scale_factor=2, mode='bilinear')",
);
add(
  "resizeBilinear of 3, down",
  images(3, 4),
  (x) => tf.image.resizeBilinear(x, [x.shape[1] >> 1, x.shape[2] >> 1]),
  "lambda x: F.interpolate(x.permute(0, 3, 1, 2), scale_factor=0.5, mode='bilinear')",
);
add(
  "resizeNearest",
  images(8, 4),
  (x) => tf.image.resizeNearestNeighbor(x, [x.shape[1] * 2, x.shape[2] * 2]),
  "lambda x: F.interpolate(x.permute(0, 3, 1, 2), scale_factor=2)",
);
add(
  "cropAndResize",
  (n) => [...images(3, 4)(n)],
  (x) => tf.image.cropAndResize(x, BOXES, PLACES, [x.shape[1] >> 1, x.shape[2] >> 1]),
  "lambda x: F.interpolate(x.permute(0, 3, 1, 2), scale_factor=0.5, mode='bilinear')",
  false,
);
add("flipLeftRight", images(3, 4), (x) => tf.image.flipLeftRight(x), "lambda x: x.flip(2)", false);
add(
  "rotateWithOffset",
  images(3, 4),
  (x) => tf.image.rotateWithOffset(x, 0.5),
  "lambda x: F.grid_sample(x.permute(0, 3, 1, 2), F.affine_grid(torch.eye(2, 3).repeat(4, 1, 1), (4, 3, x.shape[1], x.shape[2]), align_corners=False), mode='nearest', align_corners=False)",
  false,
);
add(
  "transform",
  images(3, 4),
  (x) => tf.image.transform(x, TRANSFORMS, "nearest"),
  "lambda x: F.grid_sample(x.permute(0, 3, 1, 2), F.affine_grid(torch.eye(2, 3).repeat(4, 1, 1), (4, 3, x.shape[1], x.shape[2]), align_corners=False), mode='nearest', align_corners=False)",
  false,
);
add(
  "grayscaleToRGB",
  images(1, 4),
  (x) => tf.image.grayscaleToRGB(x),
  "lambda x: x.repeat(1, 1, 1, 3)",
  false,
);
add(
  "rgbToGrayscale",
  images(3, 4),
  (x) => tf.image.rgbToGrayscale(x),
  "lambda x: (x * torch.tensor([.2989, .587, .114])).sum(-1, keepdim=True)",
  false,
);
add(
  "nonMaxSuppression",
  () => [[[100, 4], "positive"], [[100], "positive"]],
  (b, s) => tf.image.nonMaxSuppression(b, s, 10),
  "lambda b, s: s.sort()",
  false,
);

add("complex", pair, (a, b) => tf.complex(a, b), "torch.complex", false);
add(
  "real of complex mul",
  pair,
  (a, b) => tf.real(tf.mul(tf.complex(a, b), tf.complex(b, a))),
  "lambda a, b: (torch.complex(a, b) * torch.complex(b, a)).real.contiguous()",
  false,
);
add(
  "complex abs",
  pair,
  (a, b) => tf.abs(tf.complex(a, b)),
  "lambda a, b: torch.complex(a, b).abs()",
  false,
);

const segments = (n: number): Input[] => [[[Math.ceil(n / 16), 16]], [[Math.ceil(n / 16)], 5]];
add(
  "sparseSegmentSum",
  segments,
  (x) => tf.sparse.sparseSegmentSum(x, sequenceOf(x.shape[0]), halvesOf(x.shape[0])),
  "lambda x, i: torch.zeros(len(x) // 2 + 1, 16).index_add(0, torch.arange(len(x)) // 2, x)",
  false,
);
add(
  "sparseToDense",
  (n) => [[[n]]],
  (x) => tf.sparseToDense(sequenceOf(x.shape[0]), x, x.shape, 0),
  "lambda x: torch.zeros(len(x)).index_copy(0, torch.arange(len(x)), x)",
  false,
);
add(
  "sparseReshape",
  (n) => [[[Math.ceil(n / 2), 2], 5]],
  (i) => tf.sparse.sparseReshape(i, [5, 5], [25]).outputIndices,
  "lambda i: (i * torch.tensor([5, 1])).sum(1)",
  false,
);
add(
  "sparseFillEmptyRows",
  (n) => [[[n]]],
  (x) => tf.sparse.sparseFillEmptyRows(pairsOf(x.shape[0]), x, [x.shape[0], 2], 0).outputValues,
  "lambda x: x.clone()",
  false,
);

/** A layer without weights of its own, or with weights that are made once for each shape. */
function layer(
  name: string,
  inputs: (n: number) => Input[],
  make: () => tf.layers.Layer,
  torch: string,
): void {
  let current: tf.layers.Layer | undefined, shape = "";
  add(`layers.${name}`, inputs, (x: tf.Tensor) => {
    if (!current || shape !== x.shape.join()) {
      current = make();
      shape = x.shape.join();
      const made = current;
      tf.tidy(() => made.build(x.shape));
    }
    return current.apply(x, { training: true }) as tf.Tensor;
  }, torch);
}
const sequences = (n: number): Input[] => [[[8, Math.max(2, Math.ceil(n / 128)), 16]]];
layer(
  "dense",
  (n) => [[[Math.ceil(n / 32), 32]]],
  () => tf.layers.dense({ units: 32 }),
  "lambda x, m=nn.Linear(32, 32): m(x)",
);
layer(
  "dense 3",
  sequences,
  () => tf.layers.dense({ units: 16, activation: "relu" }),
  "lambda x, m=nn.Linear(16, 16): F.relu(m(x))",
);
for (
  const [name, theirs] of Object.entries({
    relu: "F.relu(x)",
    elu: "F.elu(x)",
    selu: "F.selu(x)",
    sigmoid: "x.sigmoid()",
    tanh: "x.tanh()",
    softplus: "F.softplus(x)",
    softsign: "F.softsign(x)",
    hardSigmoid: "F.hardsigmoid(x)",
    softmax: "x.softmax(-1)",
    swish: "F.silu(x)",
    mish: "F.mish(x)",
    gelu: "F.gelu(x)",
    gelu_new: "F.gelu(x, approximate='tanh')",
    relu6: "F.relu6(x)",
    logSoftmax: "x.log_softmax(-1)",
  })
) {
  layer(
    `activation ${name}`,
    flat,
    () => tf.layers.activation({ activation: name as never }),
    `lambda x: ${theirs}`,
  );
}
layer("leakyReLU", flat, () => tf.layers.leakyReLU(), "lambda x: F.leaky_relu(x, 0.3)");
layer(
  "prelu",
  flat,
  () => tf.layers.prelu(),
  "lambda x, m=[None]: torch.where(x > 0, x, x * 0.25)",
);
layer("thresholdedReLU", flat, () => tf.layers.thresholdedReLU(), "lambda x: F.threshold(x, 1, 0)");
layer("elu", flat, () => tf.layers.elu(), "F.elu");
layer("reLU max", flat, () => tf.layers.reLU({ maxValue: 4 }), "lambda x: x.clamp(0, 4)");
layer(
  "softmax axis",
  (n) => [[[4, side(n / 4), side(n / 4)]]],
  () => tf.layers.softmax({ axis: 1 }),
  "lambda x: x.softmax(1)",
);
layer("dropout", flat, () => tf.layers.dropout({ rate: 0.3 }), "lambda x: F.dropout(x, 0.3)");
layer(
  "spatialDropout1d",
  sequences,
  () => tf.layers.spatialDropout1d({ rate: 0.3 }),
  "lambda x: F.dropout2d(x.permute(0, 2, 1)[..., None], 0.3)",
);
layer(
  "gaussianNoise",
  flat,
  () => tf.layers.gaussianNoise({ stddev: 0.1 }),
  "lambda x: x + torch.randn_like(x) * 0.1",
);
layer(
  "gaussianDropout",
  flat,
  () => tf.layers.gaussianDropout({ rate: 0.3 }),
  "lambda x: x * (1 + torch.randn_like(x) * 0.65)",
);
layer(
  "alphaDropout",
  flat,
  () => tf.layers.alphaDropout({ rate: 0.3 }),
  "lambda x: F.alpha_dropout(x, 0.3, training=True)",
);
layer(
  "batchNormalization",
  (n) => [[[Math.ceil(n / 16), 16]]],
  () => tf.layers.batchNormalization(),
  "lambda x, m=nn.BatchNorm1d(16): m(x)",
);
layer(
  "batchNormalization 4",
  images(8, 4),
  () => tf.layers.batchNormalization(),
  "lambda x, m=nn.BatchNorm2d(8): m(x.permute(0, 3, 1, 2))",
);
layer(
  "batchNormalization axis 1",
  (n) => [[[4, 8, side(n / 32), side(n / 32)]]],
  () => tf.layers.batchNormalization({ axis: 1 }),
  "lambda x, m=nn.BatchNorm2d(8): m(x)",
);
layer(
  "layerNormalization",
  (n) => [[[Math.ceil(n / 32), 32]]],
  () => tf.layers.layerNormalization(),
  "lambda x, m=nn.LayerNorm(32): m(x)",
);
layer(
  "layerNormalization axes 1, 2",
  (n) => [[[Math.ceil(n / 64), 8, 8]]],
  () => tf.layers.layerNormalization({ axis: [1, 2] }),
  "lambda x, m=nn.LayerNorm((8, 8)): m(x)",
);
layer(
  "upSampling2d",
  images(8, 4),
  () => tf.layers.upSampling2d({}),
  "lambda x: F.interpolate(x.permute(0, 3, 1, 2), scale_factor=2)",
);
layer(
  "upSampling2d bilinear",
  images(8, 4),
  () => tf.layers.upSampling2d({ interpolation: "bilinear" }),
  "lambda x: F.interpolate(x.permute(0, 3, 1, 2), scale_factor=2, mode='bilinear')",
);
layer(
  "zeroPadding2d",
  images(8, 4),
  () => tf.layers.zeroPadding2d(),
  "lambda x: F.pad(x, (0, 0, 1, 1, 1, 1))",
);
layer(
  "cropping2D",
  images(8, 4),
  () => tf.layers.cropping2D({ cropping: 1 } as never),
  "lambda x: x[:, 1:-1, 1:-1].contiguous()",
);
layer(
  "permute",
  sequences,
  () => tf.layers.permute({ dims: [2, 1] }),
  "lambda x: x.permute(0, 2, 1).contiguous()",
);
layer(
  "repeatVector",
  (n) => [[[side(n / 8), side(n / 8)]]],
  () => tf.layers.repeatVector({ n: 8 }),
  "lambda x: x[:, None].repeat(1, 8, 1)",
);
layer("flatten", images(8, 4), () => tf.layers.flatten(), "lambda x: x.flatten(1)");
layer(
  "masking",
  sequences,
  () => tf.layers.masking(),
  "lambda x: x * (x != 0).any(-1, keepdim=True)",
);
layer(
  "timeDistributed dense",
  sequences,
  () => tf.layers.timeDistributed({ layer: tf.layers.dense({ units: 16 }) }),
  "lambda x, m=nn.Linear(16, 16): m(x)",
);
layer(
  "globalMaxPooling2d",
  images(8, 4),
  () => tf.layers.globalMaxPooling2d({} as never),
  "lambda x: x.amax((1, 2))",
);
layer(
  "globalAveragePooling2d",
  images(8, 4),
  () => tf.layers.globalAveragePooling2d({} as never),
  "lambda x: x.mean((1, 2))",
);
layer(
  "globalAveragePooling1d",
  sequences,
  () => tf.layers.globalAveragePooling1d(),
  "lambda x: x.mean(1)",
);
layer("globalMaxPooling1d", sequences, () => tf.layers.globalMaxPooling1d(), "lambda x: x.amax(1)");
layer(
  "maxPooling1d",
  sequences,
  () => tf.layers.maxPooling1d({ poolSize: 2 }),
  "lambda x: F.max_pool1d(x.permute(0, 2, 1), 2)",
);
layer(
  "averagePooling1d",
  sequences,
  () => tf.layers.averagePooling1d({ poolSize: 2 }),
  "lambda x: F.avg_pool1d(x.permute(0, 2, 1), 2)",
);
layer(
  "maxPooling2d NCHW",
  (n) => [[[4, 8, 2 * side(n / 128), 2 * side(n / 128)]]],
  () => tf.layers.maxPooling2d({ poolSize: 2, dataFormat: "channelsFirst" }),
  "lambda x: F.max_pool2d(x, 2)",
);
layer(
  "conv2d NCHW",
  (n) => [[[4, 8, side(n / 32), side(n / 32)]]],
  () =>
    tf.layers.conv2d({ filters: 8, kernelSize: 3, dataFormat: "channelsFirst", padding: "same" }),
  "lambda x, m=nn.Conv2d(8, 8, 3, padding=1): m(x)",
);
for (
  const [name, theirs] of Object.entries({
    add: "a + b",
    multiply: "a * b",
    average: "(a + b) / 2",
    maximum: "torch.maximum(a, b)",
    minimum: "torch.minimum(a, b)",
    concatenate: "torch.cat([a, b], -1)",
  })
) {
  add(
    `layers.${name}`,
    pair,
    (a, b) => (tf.layers as unknown as Record<string, Factory>)[name]().apply([a, b]),
    `lambda a, b: ${theirs}`,
  );
}
add(
  "layers.dot",
  pair,
  (a, b) => tf.layers.dot({ axes: -1 }).apply([a, b]) as tf.Tensor,
  "lambda a, b: (a * b).sum(-1, keepdim=True)",
);

function n_of(x: tf.Tensor): number {
  return x.shape[0];
}

const EMPTY = tf.keep(tf.tensor1d([]));
const BOXES = tf.keep(
  tf.tensor2d([[0, 0, 1, 1], [0, 0, 0.9, 0.9], [0.1, 0.1, 1, 1], [0, 0, 1, 1]]),
);
const PLACES = tf.keep(tf.tensor1d([0, 1, 2, 3], "int32"));
const TRANSFORMS = tf.keep(
  tf.tensor2d(Array.from({ length: 4 }, () => [1, 0.1, 0, -0.1, 1, 0, 0, 0])),
);

const KEPT = new Map<string, tf.Tensor>();

/** A tensor that is made once. */
function once(name: string, make: () => tf.Tensor): tf.Tensor {
  if (!KEPT.has(name)) KEPT.set(name, tf.keep(make()));
  return KEPT.get(name)!;
}
const sequenceOf = (n: number) =>
  once(`sequence ${n}`, () => tf.range(0, n, 1, "int32")) as tf.Tensor1D;
const halvesOf = (n: number) =>
  once(
    `halves ${n}`,
    () => tf.floorDiv(tf.range(0, n, 1, "int32"), tf.scalar(2, "int32")),
  ) as tf.Tensor1D;
const pairsOf = (n: number) =>
  once(
    `pairs ${n}`,
    () => tf.stack([tf.range(0, n, 1, "int32"), tf.zeros([n], "int32")], 1),
  ) as tf.Tensor2D;
const ARRAYS = new Map<number, Float32Array>();
function arrayOf(n: number): Float32Array {
  if (!ARRAYS.has(n)) ARRAYS.set(n, new Float32Array(n));
  return ARRAYS.get(n)!;
}

/** All operations, by their names. */
export const OPERATIONS: ReadonlyMap<string, Case> = new Map(CASES.map((one) => [one.name, one]));
