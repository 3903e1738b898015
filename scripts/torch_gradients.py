"""Writes PyTorch's slopes at kinks, ties and steps of functions.

/usr/bin/python3 scripts/torch_gradients.py > tests/backend/torch_gradients.generated.json

Each entry has the values and shapes of the inputs, and the slope of the sum of the results by each
of them. Numbers that JSON cannot write are strings.
"""
import json
import math
import sys

import torch
import torch.nn.functional as F

NAN, INF = math.nan, math.inf
entries = []


def slopes(name, compute, *inputs):
    tensors = [torch.tensor(values, dtype=torch.float32, requires_grad=True) for values in inputs]
    result = compute(*tensors).sum()
    if result.requires_grad:
        gradients = torch.autograd.grad(result, tensors, allow_unused=True)
    else:
        gradients = [None] * len(tensors)
    entries.append({
        "name": name,
        "inputs": [[list(t.shape), plain(t.detach())] for t in tensors],
        "gradients": [plain(torch.zeros_like(t) if g is None else g) for t, g in zip(tensors, gradients)],
    })


def plain(tensor):
    # As JavaScript writes them.
    names = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}
    return [x if math.isfinite(x) else names[str(x)] for x in tensor.flatten().tolist()]


SIGNED = [-2.0, -1.0, 0.0, 0.5, 1.0, 6.0, 7.0]
slopes("abs", torch.abs, SIGNED)
slopes("relu", F.relu, SIGNED)
slopes("relu6", F.relu6, SIGNED)
slopes("relu of NaN", F.relu, [1.0, NAN])
slopes("relu6 of NaN", F.relu6, [1.0, NAN])
slopes("leakyRelu", lambda x: F.leaky_relu(x, 0.3), SIGNED)
slopes("prelu", lambda x, a: F.prelu(x.reshape(1, -1), a), SIGNED, [0.3])
slopes("elu", F.elu, SIGNED)
slopes("selu", F.selu, SIGNED)
slopes("clip", lambda x: x.clamp(-1, 1), SIGNED)
slopes("clip to one number", lambda x: x.clamp(1, 1), [*SIGNED, NAN])
slopes("softplus", F.softplus, SIGNED)
slopes("logSigmoid", F.logsigmoid, SIGNED)
for name in ["floor", "ceil", "round", "sign"]:
    slopes(name, getattr(torch, name), SIGNED)
slopes("greater", lambda x: (x > 0).float(), SIGNED)
slopes("toInteger", lambda x: x.int().float(), SIGNED)
slopes("toIntegerAndBack", lambda x: x.int().float() * x, SIGNED)
slopes("argMax", lambda x: x.argmax().float(), SIGNED)
slopes("sqrt", torch.sqrt, [0.0, 1.0, 4.0])
slopes("square root of a square", lambda x: (x * x + 0.0).sqrt(), [1.0, 4.0])
slopes("maximum", torch.maximum, [1.0, 2.0, 3.0], [1.0, 3.0, 2.0])
slopes("minimum", torch.minimum, [1.0, 2.0, 3.0], [1.0, 3.0, 2.0])
slopes("maximum of NaN", torch.maximum, [1.0, NAN, NAN], [NAN, 3.0, NAN])
slopes("minimum of NaN", torch.minimum, [1.0, NAN, NAN], [NAN, 3.0, NAN])
slopes("acos of a maximum", lambda x, y: torch.maximum(x, y).acos(), [0.5, 2.0], [0.1, 0.5])
slopes("cosh of a minimum", lambda x, y: torch.minimum(x, y).cosh(), [-INF, 2.0], [0.1, 0.5])
slopes("maximum with a number", lambda x, y: torch.maximum(x, y), SIGNED, [0.0])
slopes("max", torch.amax, [3.0, 1.0, 3.0, 3.0])
slopes("min", torch.amin, [3.0, 1.0, 1.0, 3.0])
slopes("max over rows", lambda x: x.amax(1), [[2.0, 2.0, 1.0], [0.0, 5.0, 5.0]])
slopes("max over columns", lambda x: x.amax(0), [[2.0, 2.0, 1.0], [2.0, 5.0, 1.0]])
slopes("min over all", lambda x: x.amin((0, 1)), [[2.0, 1.0, 1.0], [2.0, 5.0, 1.0]])
slopes("max of equal tokens", lambda e: e[[1, 1, 2]].amax(0), [0.0, 5.0, 1.0])
for order in [1, 2, INF]:
    name = f"norm {order}"
    slopes(name, lambda x: torch.linalg.norm(x, order), [0.0, 0.0, 0.0])
    slopes(f"{name} of a tie", lambda x: torch.linalg.norm(x, order), [3.0, -3.0, 0.0])
slopes("norm of rows", lambda x: torch.linalg.norm(x, 2, 1), [[0.0, 0.0], [3.0, 4.0]])
slopes("norm of a matrix", lambda x: torch.linalg.norm(x, "fro"), [[0.0, 0.0], [0.0, 0.0]])
slopes("pow", lambda x, y: x ** y, [0.0, 0.0, 0.0, 2.0, 3.0], [0.0, 1.0, 2.0, 0.0, -1.0])
slopes("pow of a negative number", lambda x: x ** 2, [-3.0, -1.0])
slopes("floorDiv", lambda x, y: torch.floor(x / y.detach()), [5.5, -3.2], [2.0, 2.0])
slopes("mod", torch.remainder, [5.5, -3.2, 4.0], [2.0, 2.0, 3.0])
slopes("mod of a rounded quotient", torch.remainder, [1.0, 5.5, -1.0], [0.1, 0.1, 0.1])
slopes("step of a root", lambda x: torch.where(x.sqrt() > 0, 1.0, 0.0) + x, [0.0, 4.0])
slopes("atan2", torch.atan2, [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
slopes("where", lambda x, y: torch.where(torch.tensor([True, False]), x, y), [1.0, 2.0], [3.0, 4.0])
slopes("where of infinite gradients", lambda x: torch.where(x > 0, x, 1 / torch.ones(2)), [0.0, 2.0])
slopes("logSigmoid of a square", lambda x: F.logsigmoid(x * x), [0.5, -2.0])
slopes("prod", torch.prod, [0.0, 2.0, 3.0])
slopes("prod of two zeros", torch.prod, [0.0, 0.0, 3.0])
slopes("cumprod", lambda x: torch.cumprod(x, 0), [2.0, 0.0, 3.0, 0.0, 4.0])
slopes("topk", lambda x: torch.topk(x, 2).values, [1.0, 3.0, 2.0, 0.0])
slopes("maxPool", lambda x: F.max_pool1d(x.reshape(1, 1, -1), 2), [2.0, 2.0, 1.0, 1.0])
slopes("logSumExp", lambda x: torch.logsumexp(x, 0), [1.0, 1.0, 0.0])
IMAGE = [[1.0, 2.0], [3.0, 4.0]]


def resized(x, size, mode, **options):
    y = F.interpolate(x.reshape(1, 1, *x.shape), size, mode=mode, **options)
    return y * torch.arange(y.numel()).reshape(y.shape)


slopes("resizeBilinear, half pixel centers",
       lambda x: resized(x, (4, 4), "bilinear", align_corners=False), IMAGE)
slopes("resizeBilinear, half pixel centers, odd",
       lambda x: resized(x, (5, 3), "bilinear", align_corners=False), IMAGE)
slopes("resizeBilinear, aligned corners",
       lambda x: resized(x, (4, 4), "bilinear", align_corners=True), IMAGE)
slopes("resizeNearestNeighbor, half pixel centers",
       lambda x: resized(x, (4, 6), "nearest-exact"), IMAGE)
slopes("resizeNearestNeighbor", lambda x: resized(x, (4, 6), "nearest"), IMAGE)
ZEROS, LABELS = [0.0, 0.0, 2.0, -2.0], torch.tensor([0.0, 1.0, 1.0, 0.0])
slopes("sigmoidCrossEntropy", lambda x: F.binary_cross_entropy_with_logits(x, LABELS), ZEROS)
slopes("absoluteDifference", lambda x: F.l1_loss(x, LABELS), [0.0, 3.0, 1.0, -2.0])
slopes("huberLoss", lambda x: F.huber_loss(x, LABELS), [1.0, 0.0, 3.0, -0.5])
slopes("hingeLoss", lambda x: F.relu(1 - (2 * LABELS - 1) * x).mean(), [-1.0, 1.0, 0.0, 3.0])
slopes("crossEntropy of masked classes",
       lambda x: F.cross_entropy(x, torch.tensor([0])), [[1.0, -INF, 0.0]])
slopes("averagePooling, same",
       lambda x: F.avg_pool2d(x.reshape(1, 1, 3, 3), 3, 2, 1, count_include_pad=False), [1.0] * 9)

json.dump(entries, sys.stdout, indent=1)
print()
