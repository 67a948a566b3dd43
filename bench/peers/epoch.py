"""An epoch of the network of `npm start` in PyTorch: MNIST from its IDX files, batches of 64, Adam. Prints a JSON line.

python3 epoch.py FOLDER THREADS
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

folder, threads = Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)
torch.manual_seed(1)


def images(name):
    values = np.fromfile(folder / f"{name}-images-idx3-ubyte", np.uint8)[16:].reshape(-1, 1, 28, 28)
    labels = np.fromfile(folder / f"{name}-labels-idx1-ubyte", np.uint8)[8:]
    return torch.from_numpy(values.astype(np.float32) / 255), torch.from_numpy(labels.astype(np.int64))


def block(channels, width):
    return [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]


model = nn.Sequential(
    *block(1, 16),
    *block(16, 32),
    nn.Flatten(),
    nn.Linear(32 * 7 * 7, 128, bias=False),
    nn.BatchNorm1d(128),
    nn.ReLU(),
    nn.Linear(128, 10),
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
loss = nn.CrossEntropyLoss()
(x, y), (test_x, test_y) = images("train"), images("t10k")
mean, std = x.mean(), x.std()
x, test_x = (x - mean) / std, (test_x - mean) / std

start = time.perf_counter()
for part in torch.randperm(len(x)).split(64):
    optimizer.zero_grad()
    loss(model(x[part]), y[part]).backward()
    optimizer.step()
seconds = time.perf_counter() - start
model.eval()
with torch.no_grad():
    right = sum((model(a).argmax(1) == b).sum().item() for a, b in zip(test_x.split(500), test_y.split(500)))
print(json.dumps({"seconds": seconds, "accuracy": right / len(test_x)}))
