"""The same as worker.ts, in PyTorch. The number of threads is an argument; the variables
OMP_NUM_THREADS and OPENBLAS_NUM_THREADS have to say the same."""
import sys
import time

import torch

from torch_models import ZOO

torch.set_num_threads(int(sys.argv[1]))


def prepare(name, size, mode):
    batch, data, labels, build, loss_function = ZOO[name]
    model = build()
    x = data(size or batch)
    if mode == "predict":
        model.eval()

        def predict(count):
            with torch.no_grad():
                for _ in range(count):
                    last = model(x)
            return last.flatten()[0].item()

        return predict
    y = labels(size or batch)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def train(count):
        for _ in range(count):
            optimizer.zero_grad()
            loss = loss_function(model(x), y)
            loss.backward()
            optimizer.step()
        return loss.item()

    return train


key, steps = None, None
for line in sys.stdin:
    name, batch, mode, count = line.split()
    if key != (name, batch, mode):
        key, steps = (name, batch, mode), prepare(name, int(batch), mode)
    count = int(count)
    if count > 1:
        steps(-(-count // 4))
    began, used = time.perf_counter(), time.process_time()
    loss = steps(count)
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    print(wall * 1e3 / count, cpu * 1e3 / count, loss, flush=True)
