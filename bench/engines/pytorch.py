"""cae in PyTorch, as a user would write it: MNIST in memory, channels-last, Adam in its fused form.

    python pytorch.py IMAGES_IDX WARM_UP DEVICE MODE TASK THREADS STEPS

DEVICE is cpu or cuda; MODE is eager, compiled (torch.compile) or bf16 (autocast, which is other arithmetic); TASK is train (a
training step), forward (encode and reconstruct) or encode. Prints, as JSON, the milliseconds of the mean step, and how many
cores were busy.
"""
import json
import sys
import time

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError as error:
    print(json.dumps({"missing": f"{sys.executable} cannot import {error.name}; let PYTHON name one that has torch and numpy"}))
    sys.exit()

path, device, mode, task = sys.argv[1], *sys.argv[3:6]
warm_up, threads, steps = int(sys.argv[2]), int(sys.argv[6]), int(sys.argv[7])
if device == "cuda" and not torch.cuda.is_available():
    print(json.dumps({"missing": f"PyTorch {torch.__version__} finds no CUDA device"}))
    sys.exit()
torch.set_num_threads(threads)
torch.set_flush_denormal(True)
torch.manual_seed(0)
BATCH = 128


class ConvAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = nn.Conv2d(1, 32, 5, 2), nn.Conv2d(32, 64, 5, 2), nn.Conv2d(64, 128, 3, 2)
        self.embedding, self.expand = nn.Linear(1152, 10), nn.Linear(10, 1152)
        self.deconv3 = nn.ConvTranspose2d(128, 64, 3, 2)
        self.deconv2 = nn.ConvTranspose2d(64, 32, 5, 2, padding=2, output_padding=1)
        self.deconv1 = nn.ConvTranspose2d(32, 1, 5, 2, padding=2, output_padding=1)

    def encode(self, x):
        x = F.relu(self.conv1(F.pad(x, (1, 2, 1, 2))))
        x = F.relu(self.conv2(F.pad(x, (1, 2, 1, 2))))
        x = F.relu(self.conv3(x))
        return self.embedding(x.flatten(1))

    def decode(self, latent):
        x = self.expand(latent).view(-1, 128, 3, 3).to(memory_format=torch.channels_last)
        return self.deconv1(F.relu(self.deconv2(F.relu(self.deconv3(x)))))

    def forward(self, x):
        return self.decode(self.encode(x))


images = torch.from_numpy(np.fromfile(path, dtype=np.uint8, offset=16).reshape(-1, 1, 28, 28).copy())
model = ConvAE().to(device, memory_format=torch.channels_last)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
order = torch.randperm(len(images))
# Float32 arithmetic, not TF32, in convolutions too.
torch.backends.cudnn.allow_tf32 = False
torch.backends.cudnn.benchmark = True
if mode == "compiled":
    model.forward, model.encode = torch.compile(model.forward), torch.compile(model.encode)


def scaled(pixels):
    return pixels.to(device).float().div_(255).contiguous(memory_format=torch.channels_last)


def train(at):
    batch = scaled(images[order[at : at + BATCH]])
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(device, torch.bfloat16, enabled=mode == "bf16"):
        loss = F.binary_cross_entropy_with_logits(model(batch), batch)
    loss.backward()
    optimizer.step()
    return {"loss": loss.item()}


@torch.inference_mode()
@torch.autocast(device, torch.bfloat16, enabled=mode == "bf16")
def forward(at):
    torch.sigmoid(model(scaled(images[at : at + BATCH]))).float().cpu().numpy()
    return {}


@torch.inference_mode()
@torch.autocast(device, torch.bfloat16, enabled=mode == "bf16")
def encode(at):
    model.encode(scaled(images[at : at + BATCH])).float().cpu().numpy()
    return {}


run = {"train": train, "forward": forward, "encode": encode}[task]
for step in range(warm_up + steps):
    if step == warm_up:
        began, busy = time.perf_counter(), time.process_time()
    result = run(step * BATCH % (len(images) - BATCH))
wall, busy = time.perf_counter() - began, time.process_time() - busy
timing = {"ms": wall / steps * 1e3, "cores": busy / wall}
print(json.dumps({**timing, **result, "description": f"PyTorch {torch.__version__}, {device}, {mode}, channels-last, fused Adam"}))
