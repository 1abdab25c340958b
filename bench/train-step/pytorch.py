"""The cae training step in PyTorch, as a user would write it: MNIST in memory, channels-last, Adam.

    python pytorch.py IMAGES_IDX THREADS STEPS

Prints the milliseconds of the median step and of the mean one, as JSON.
"""
import json
import statistics
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

path, threads, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
torch.set_flush_denormal(True)
torch.manual_seed(0)
BATCH, WARM_UP = 128, 10


class ConvAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = nn.Conv2d(1, 32, 5, 2), nn.Conv2d(32, 64, 5, 2), nn.Conv2d(64, 128, 3, 2)
        self.embedding, self.expand = nn.Linear(1152, 10), nn.Linear(10, 1152)
        self.deconv3 = nn.ConvTranspose2d(128, 64, 3, 2)
        self.deconv2 = nn.ConvTranspose2d(64, 32, 5, 2, padding=2, output_padding=1)
        self.deconv1 = nn.ConvTranspose2d(32, 1, 5, 2, padding=2, output_padding=1)

    def forward(self, x):
        x = F.relu(self.conv1(F.pad(x, (1, 2, 1, 2))))
        x = F.relu(self.conv2(F.pad(x, (1, 2, 1, 2))))
        x = F.relu(self.conv3(x))
        x = self.expand(self.embedding(x.flatten(1))).view(-1, 128, 3, 3)
        x = x.to(memory_format=torch.channels_last)
        return self.deconv1(F.relu(self.deconv2(F.relu(self.deconv3(x)))))


images = torch.from_numpy(np.fromfile(path, dtype=np.uint8, offset=16).reshape(-1, 1, 28, 28).copy())
model = ConvAE().to(memory_format=torch.channels_last)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused="fused" in sys.argv)
order = torch.randperm(len(images))
times = []
for step in range(WARM_UP + steps):
    began = time.perf_counter()
    at = step * BATCH % (len(images) - BATCH)
    batch = images[order[at : at + BATCH]].float().div_(255).contiguous(memory_format=torch.channels_last)
    optimizer.zero_grad(set_to_none=True)
    loss = F.binary_cross_entropy_with_logits(model(batch), batch)
    loss.backward()
    optimizer.step()
    value = loss.item()
    times.append((time.perf_counter() - began) * 1e3)
times = times[WARM_UP:]
print(json.dumps({"median": statistics.median(times), "mean": statistics.fmean(times), "loss": value, "version": torch.__version__}))
