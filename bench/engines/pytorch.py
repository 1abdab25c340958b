"""The models in PyTorch, as a user would write them: images in memory, channels-last, Adam in its fused form.

    python pytorch.py MNIST_IMAGES_IDX DEVICE MODE

DEVICE is cpu or cuda; MODE is eager, compiled (torch.compile) or bf16 (autocast, which is other arithmetic). Reads requests
and prints answers, a line of JSON each (timing.ts).
"""
import json
import sys
import time

path, device, mode = sys.argv[1:4]


def refuse(reason):
    for _ in sys.stdin:
        print(json.dumps({"missing": reason}), flush=True)
    sys.exit()


try:
    import numpy as np
    import torch
    import torch.nn.functional as F
    from pytorch_models import Autoencoder, supports
except ImportError as error:
    refuse(f"{sys.executable} cannot import {error.name}; let PYTHON name one that has torch and numpy")
if device == "cuda" and not torch.cuda.is_available():
    refuse(f"PyTorch {torch.__version__} finds no CUDA device")

torch.set_flush_denormal(True)
# Float32 arithmetic, not TF32, in convolutions too.
torch.backends.cudnn.allow_tf32 = False
torch.backends.cudnn.benchmark = True
WARM_UP = {"batches": 5, "seconds": 0.3}
DESCRIPTION = f"PyTorch {torch.__version__}, {device}, {mode}, channels-last, fused Adam"
autocast = lambda: torch.autocast(device, torch.bfloat16, enabled=mode == "bf16")


def scaled(pixels):
    return pixels.to(device).float().div_(255).contiguous(memory_format=torch.channels_last)


def images_of(height, width, channels, batch):
    if (height, width, channels) == (28, 28, 1):
        pixels = np.fromfile(path, dtype=np.uint8, offset=16).reshape(-1, 1, 28, 28)
    else:
        pixels = np.random.default_rng(0).integers(0, 256, (16 * batch, channels, height, width), np.uint8)
    return torch.from_numpy(pixels)


def runner(task, workload, batch):
    """A function that runs the task on batch i and returns what there is to report."""
    name, _, text = workload.partition("@")
    height, width, channels = map(int, (text or "28x28x1").split("x"))
    torch.manual_seed(0)
    model = Autoencoder(name, height, width, channels).to(device, memory_format=torch.channels_last)
    images = images_of(height, width, channels, batch)
    labels = torch.arange(len(images)) % 10
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    compiled = torch.compile if mode == "compiled" else lambda function: function
    loss_of, encode, reconstruct = compiled(model.loss), compiled(model.encode), compiled(model.reconstruct)
    order = torch.randperm(len(images)) if task == "train" else torch.arange(len(images))

    def train(x, label):
        optimizer.zero_grad(set_to_none=True)
        with autocast():
            loss = loss_of(x, label)
        loss.backward()
        optimizer.step()
        return {"loss": loss.item()}

    @torch.inference_mode()
    def infer(x, label):
        with autocast():
            (encode if task == "encode" else reconstruct)(x, label).float().cpu().numpy()
        return {}

    def run(index):
        start = index % (len(images) // batch) * batch
        rows = order[start : start + batch]
        return (train if task == "train" else infer)(scaled(images[rows]), labels[rows].to(device))

    return run


def measure(task, workload, batch, threads, seconds):
    if not supports(workload):
        return {"missing": f"{workload} is not written in PyTorch here"}
    torch.set_num_threads(threads)
    run = runner(task, workload, batch)
    began, index = time.perf_counter(), 0
    while index < WARM_UP["batches"] or time.perf_counter() - began < WARM_UP["seconds"]:
        run(index)
        index += 1
    first, start, busy = index, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < seconds:
        result = run(index)
        index += 1
    wall, busy = time.perf_counter() - start, time.process_time() - busy
    return {"ms": wall / (index - first) * 1e3, "cores": busy / wall, **result, "description": DESCRIPTION}


for line in sys.stdin:
    try:
        answer = measure(**json.loads(line))
    except Exception as error:  # such as a compiler that torch.compile misses, or memory
        answer = {"missing": f"{type(error).__name__}: {error}".splitlines()[0]}
    print(json.dumps(answer), flush=True)
