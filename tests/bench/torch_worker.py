"""The same as training_worker.ts, in PyTorch: reads "model steps", answers milliseconds a step."""
import sys
import time

import torch
from torch import nn

torch.set_num_threads(int(sys.argv[1]))

MODELS = {
    "mlp": ((64, 784), lambda: nn.Sequential(
        nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))),
    "cnn": ((64, 1, 28, 28), lambda: nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, 10))),
    "tiny": ((8, 4), lambda: nn.Sequential(
        nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))),
}


def prepare(name):
    shape, build = MODELS[name]
    model = build()
    data = torch.randn(*shape)
    labels = torch.arange(shape[0]) % (2 if name == "tiny" else 10)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    loss_function = nn.CrossEntropyLoss()

    def train(count):
        for _ in range(count):
            optimizer.zero_grad()
            loss_function(model(data), labels).backward()
            optimizer.step()

    return train


prepared = {}
for line in sys.stdin:
    name, count = line.split()
    if name not in prepared:
        prepared[name] = prepare(name)
    prepared[name](-(-int(count) // 4))
    start = time.perf_counter()
    prepared[name](int(count))
    print((time.perf_counter() - start) * 1e3 / int(count), flush=True)
