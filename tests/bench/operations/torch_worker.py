"""Times operations of PyTorch: reads lines of JSON, and answers each with CPU time in microseconds."""
import json
import sys
import time

import torch
import torch.nn.functional as F  # noqa: F401, names for the functions that are read
from torch import nn  # noqa: F401

torch.set_num_threads(1)
key, work = None, None


def make(shape, kind):
    if kind == "bool":
        return torch.rand(shape) > 0.5
    if kind == "positive":
        return torch.rand(shape) * 0.9 + 0.1
    if kind == "normal":
        return torch.randn(shape)
    return torch.randint(0, kind, shape)


def prepare(request):
    xs = [make(shape, kind) for shape, kind in request["inputs"]]
    f = eval(request["torch"])
    if not request["gradient"]:
        def forward():
            with torch.no_grad():
                f(*xs)
        return forward
    for x in xs:
        x.requires_grad_(x.is_floating_point())
    wanted = [x for x in xs if x.requires_grad]
    dy = torch.ones_like(f(*xs))

    def backward():
        torch.autograd.grad(f(*xs), wanted, dy, allow_unused=True)
    return backward


for line in sys.stdin:
    request = json.loads(line)
    count = request.pop("count")
    try:
        if key != request:
            key, work = request, prepare(request)
        work()
    except Exception as error:
        print(request["torch"], error, file=sys.stderr, flush=True)
        print("NaN", flush=True)
        continue
    began = time.process_time()
    for _ in range(count):
        work()
    print((time.process_time() - began) * 1e6 / count, flush=True)
