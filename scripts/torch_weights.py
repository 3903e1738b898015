"""Writes tests/io/torch.generated.json: the weights of a network as PyTorch saves them with
safetensors, an input, and what the network makes of it.

Needs Debian's python3-torch, and safetensors:
/usr/bin/python3 scripts/torch_weights.py > tests/io/torch.generated.json
"""

import base64
import json

import torch
from safetensors.torch import save
from torch import nn

torch.manual_seed(1)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, (3, 2))
        self.norm = nn.BatchNorm2d(4)
        self.depthwise = nn.Conv2d(4, 4, 3, groups=4)
        self.line = nn.Conv1d(4, 5, 2)
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        x = torch.relu(self.norm(self.conv(x)))
        x = torch.relu(self.depthwise(x))
        x = torch.relu(self.line(x.mean(2)))
        return self.head(x.mean(2))


network = Network()
for _ in range(3):
    network(torch.randn(8, 2, 8, 8))  # statistics of the normalisation
network.eval()
data = torch.randn(2, 2, 8, 8)
with torch.no_grad():
    output = network(data)
print(json.dumps({
    "torch": torch.__version__,
    "weights": base64.b64encode(save(network.state_dict())).decode(),
    "input": data.permute(0, 2, 3, 1).flatten().tolist(),
    "output": output.tolist(),
}, indent=1))
