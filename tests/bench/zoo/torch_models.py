"""The models of models.ts in PyTorch, under the same names."""
import math

import torch
import torch.nn.functional as F
from torch import nn


def seq(*layers):
    return nn.Sequential(*layers)


class Swap(nn.Module):
    """[batch, steps, channels] to [batch, channels, steps]."""

    def forward(self, x):
        return x.transpose(1, 2)


class Recurrent(nn.Module):
    def __init__(self, kind, bidirectional=False):
        super().__init__()
        self.embedding = nn.Embedding(5000, 64)
        self.layer = kind(64, 128, batch_first=True, bidirectional=bidirectional)
        self.bidirectional = bidirectional
        self.head = nn.Linear(256 if bidirectional else 128, 1)

    def forward(self, x):
        _, state = self.layer(self.embedding(x))
        state = state[0] if isinstance(state, tuple) else state
        return self.head(torch.cat([state[0], state[1]], -1) if self.bidirectional else state[0])


class Attention(nn.Module):
    def __init__(self, heads, causal=None):
        super().__init__()
        self.heads = heads
        mask = None if causal is None else torch.triu(torch.full((causal, causal), -1e9), 1)
        self.register_buffer("mask", mask)

    def forward(self, joint):
        batch, positions, triple = joint.shape
        width = triple // 3
        size = width // self.heads
        query, key, value = [
            part.reshape(batch, positions, self.heads, size).transpose(1, 2)
            for part in joint.split(width, 2)
        ]
        scores = query @ key.transpose(-1, -2) / math.sqrt(size)
        if self.mask is not None:
            scores = scores + self.mask
        return (F.softmax(scores, -1) @ value).transpose(1, 2).reshape(batch, positions, width)


class Block(nn.Module):
    def __init__(self, width, inner, attention, gelu):
        super().__init__()
        self.attend = seq(
            nn.LayerNorm(width), nn.Linear(width, 3 * width), attention, nn.Linear(width, width))
        self.widen = seq(
            nn.LayerNorm(width), nn.Linear(width, inner), gelu, nn.Linear(inner, width))

    def forward(self, x):
        x = x + self.attend(x)
        return x + self.widen(x)


class Positions(nn.Module):
    def __init__(self, count, width):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(count, width) * 0.02)

    def forward(self, x):
        return x + self.weight


def gpt(approximate):
    block = lambda: Block(128, 512, Attention(4, 64), nn.GELU(approximate=approximate))
    return seq(
        nn.Embedding(96, 128), Positions(64, 128), block(), block(), nn.LayerNorm(128),
        nn.Linear(128, 96))


class Patches(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.convolution = nn.Conv2d(3, width, 4, 4)

    def forward(self, x):
        return self.convolution(x).flatten(2).transpose(1, 2)


class Mean(nn.Module):
    def __init__(self, axis):
        super().__init__()
        self.axis = axis

    def forward(self, x):
        return x.mean(self.axis)


def vit():
    block = lambda: Block(96, 192, Attention(4), nn.GELU())
    return seq(
        Patches(96), Positions(64, 96), block(), block(), nn.LayerNorm(96), Mean(1),
        nn.Linear(96, 10))


def convolve(inputs, outputs, stride=1, kernel=3):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = seq(
            convolve(inputs, outputs, stride), nn.BatchNorm2d(outputs), nn.ReLU(),
            convolve(outputs, outputs), nn.BatchNorm2d(outputs))
        self.shortcut = nn.Identity() if stride == 1 else convolve(inputs, outputs, stride, 1)

    def forward(self, x):
        return F.relu(self.shortcut(x) + self.body(x))


def resnet():
    return seq(
        convolve(3, 16), nn.BatchNorm2d(16), nn.ReLU(), Residual(16, 16, 1), Residual(16, 32, 2),
        Residual(32, 64, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def mobilenet():
    layers = [convolve(3, 16, 2), nn.BatchNorm2d(16), nn.ReLU6()]
    channels = 16
    for filters, stride in [(32, 1), (64, 2), (64, 1), (128, 2), (128, 1)]:
        layers += [
            nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False),
            nn.BatchNorm2d(channels), nn.ReLU6(),
            nn.Conv2d(channels, filters, 1, bias=False), nn.BatchNorm2d(filters), nn.ReLU6()]
        channels = filters
    return seq(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


CATEGORIES = [100, 50, 20, 10, 7, 5]


class WideAndDeep(nn.Module):
    def __init__(self):
        super().__init__()
        self.deep = nn.ModuleList([nn.Embedding(count, 8) for count in CATEGORIES])
        self.wide = nn.ModuleList([nn.Embedding(count, 1) for count in CATEGORIES])
        self.body = seq(
            nn.Linear(56, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
        self.numbers = nn.Linear(8, 1)

    def forward(self, inputs):
        *categories, numbers = inputs
        deep = [layer(x).flatten(1) for layer, x in zip(self.deep, categories)]
        wide = [layer(x).flatten(1) for layer, x in zip(self.wide, categories)]
        return self.body(torch.cat(deep + [numbers], 1)) + self.numbers(numbers) + sum(wide)


def twice(inputs, outputs):
    return seq(
        nn.Conv2d(inputs, outputs, 3, 1, 1), nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, 1, 1), nn.ReLU())


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.bottom = twice(3, 16), twice(16, 32), twice(32, 64)
        self.up1, self.up2 = nn.ConvTranspose2d(64, 32, 2, 2), nn.ConvTranspose2d(32, 16, 2, 2)
        self.third, self.fourth = twice(64, 32), twice(32, 16)
        self.head = nn.Conv2d(16, 1, 1)

    def forward(self, x):
        first = self.first(x)
        second = self.second(F.max_pool2d(first, 2))
        bottom = self.bottom(F.max_pool2d(second, 2))
        third = self.third(torch.cat([second, self.up1(bottom)], 1))
        return self.head(self.fourth(torch.cat([first, self.up2(third)], 1)))


class Dilated(nn.Module):
    def __init__(self, rate):
        super().__init__()
        layer = lambda: nn.Conv1d(32, 32, 3, 1, rate, rate)
        self.body = seq(layer(), nn.ReLU(), layer(), nn.ReLU())

    def forward(self, x):
        return x + self.body(x)


def tcn():
    return seq(
        nn.Conv1d(16, 32, 1), *[Dilated(rate) for rate in [1, 2, 4, 8]], Mean(2),
        nn.Linear(32, 10))


class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.source, self.target = nn.Embedding(200, 64), nn.Embedding(200, 64)
        self.encoder = nn.LSTM(64, 64, batch_first=True)
        self.decoder = nn.LSTM(64, 64, batch_first=True)
        self.head = nn.Linear(128, 200)

    def forward(self, inputs):
        encoded, _ = self.encoder(self.source(inputs[0]))
        decoded, _ = self.decoder(self.target(inputs[1]))
        scores = decoded @ encoded.transpose(1, 2) / 8
        return self.head(torch.cat([decoded, F.softmax(scores, -1) @ encoded], -1))


class ConvLstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.inputs = nn.Conv2d(1, 32, 3, 1, 1)
        self.hidden = nn.Conv2d(8, 32, 3, 1, 1, bias=False)
        self.head = nn.Conv2d(8, 1, 3, 1, 1)

    def forward(self, x):
        state = cell = torch.zeros(x.shape[0], 8, 16, 16)
        for step in range(x.shape[1]):
            i, f, c, o = (self.inputs(x[:, step]) + self.hidden(state)).chunk(4, 1)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(c)
            state = torch.sigmoid(o) * torch.tanh(cell)
        return self.head(state)


def video():
    return seq(
        nn.Conv3d(3, 16, 3, 1, 1), nn.ReLU(), nn.MaxPool3d((1, 2, 2)),
        nn.Conv3d(16, 32, 3, 1, 1), nn.ReLU(), nn.MaxPool3d(2),
        nn.Conv3d(32, 64, 3, 1, 1), nn.ReLU(), nn.MaxPool3d(2),
        nn.Flatten(), nn.Linear(2 * 4 * 4 * 64, 64), nn.ReLU(), nn.Linear(64, 10))


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = seq(
            nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(7 * 7 * 32, 32))

    def forward(self, inputs):
        a, b = [self.encoder(x) for x in inputs]
        return ((a - b).square().sum(1, keepdim=True) + 1e-6).sqrt()


def classifier(shape, build, batch=64, count=10):
    return (
        batch, lambda b: torch.randn(b, *shape), lambda b: torch.arange(b) % count, build,
        F.cross_entropy)


def halves(batch):
    return (torch.arange(batch) % 2).float()[:, None]


def language(build):
    tokens = lambda b: torch.randint(0, 96, (b, 64))
    loss = lambda p, y: F.cross_entropy(p.reshape(-1, 96), y.reshape(-1))
    return (16, tokens, tokens, build, loss)


def recurrent(*kind):
    return (
        32, lambda b: torch.randint(0, 5000, (b, 80)), halves, lambda: Recurrent(*kind),
        F.binary_cross_entropy_with_logits)


def autoencoder(*layers):
    images = lambda b: torch.rand(b, 1, 28, 28)
    return (64, images, images, lambda: seq(*[layer() for layer in layers]), F.mse_loss)


def mlp():
    return seq(
        nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


def cnn():
    return seq(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, 10))


def normalized_mlp():
    layers, width = [], 784
    for _ in range(3):
        layers += [nn.Linear(width, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Dropout(0.2)]
        width = 512
    return seq(*layers, nn.Linear(512, 10))


def deep(count):
    layers = [layer for _ in range(count) for layer in (nn.Linear(32, 32), nn.ReLU())]
    return seq(*layers, nn.Linear(32, 10))


def conv(inputs, outputs, stride=1):
    return lambda: nn.Conv2d(inputs, outputs, 3, stride, 1)


def transposed(inputs, outputs):
    return lambda: nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, 1)


POOL = lambda: nn.MaxPool2d(2)
UP = lambda: nn.Upsample(scale_factor=2)

ZOO = {
    "mlp": classifier((784,), mlp),
    "cnn": classifier((1, 28, 28), cnn),
    "gpt": language(lambda: gpt("none")),
    "gpt_tanh": language(lambda: gpt("tanh")),
    "gpt_tiled": language(lambda: gpt("tanh")),
    "mobilenet": classifier((3, 64, 64), mobilenet, 16),
    "resnet": classifier((3, 32, 32), resnet, 32),
    "lstm": recurrent(nn.LSTM),
    "lstm_hard_sigmoid": recurrent(nn.LSTM),
    "gru": recurrent(nn.GRU),
    "bidirectional_lstm": recurrent(nn.LSTM, True),
    "mlp_batch_norm": classifier((784,), normalized_mlp, 256),
    "wide_and_deep": (
        32,
        lambda b: [torch.randint(0, count, (b, 1)) for count in CATEGORIES] + [torch.randn(b, 8)],
        halves, WideAndDeep, F.binary_cross_entropy_with_logits),
    "autoencoder_transposed": autoencoder(
        conv(1, 32, 2), nn.ReLU, conv(32, 64, 2), nn.ReLU, transposed(64, 32), nn.ReLU,
        transposed(32, 1)),
    "autoencoder_upsampling": autoencoder(
        conv(1, 16), nn.ReLU, POOL, conv(16, 8), nn.ReLU, POOL, conv(8, 8), nn.ReLU, UP,
        conv(8, 16), nn.ReLU, UP, conv(16, 1)),
    "conv1d": classifier((9, 128), lambda: seq(
        nn.Conv1d(9, 64, 3), nn.ReLU(), nn.Conv1d(64, 64, 3), nn.ReLU(), nn.Dropout(0.5),
        nn.MaxPool1d(2), nn.Flatten(), nn.Linear(62 * 64, 100), nn.ReLU(), nn.Linear(100, 6)),
        64, 6),
    "big_mlp": classifier((1024,), lambda: seq(
        nn.Linear(1024, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(),
        nn.Linear(4096, 10)), 128),
    "unet": (
        8, lambda b: torch.randn(b, 3, 64, 64), lambda b: torch.rand(b, 1, 64, 64).round(), UNet,
        F.binary_cross_entropy_with_logits),
    "vit": classifier((3, 32, 32), vit, 16),
    "tcn": classifier((16, 128), tcn, 32),
    "seq2seq": (
        32, lambda b: [torch.randint(0, 200, (b, 20)) for _ in range(2)],
        lambda b: torch.randint(0, 200, (b, 20)), Seq2Seq,
        lambda p, y: F.cross_entropy(p.reshape(-1, 200), y.reshape(-1))),
    "conv_lstm": (
        8, lambda b: torch.rand(b, 8, 1, 16, 16), lambda b: torch.rand(b, 1, 16, 16), ConvLstm,
        F.mse_loss),
    "video": classifier((3, 8, 32, 32), video, 8),
    "siamese": (
        32, lambda b: [torch.rand(b, 1, 28, 28) for _ in range(2)], halves, Siamese, F.mse_loss),
}
for layers in [1, 2, 4, 8, 16, 32, 64, 128]:
    ZOO[f"deep_{layers}"] = classifier((32,), lambda layers=layers: deep(layers), 16)
