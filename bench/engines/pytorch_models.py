"""The models in PyTorch, but for dcec, which starts from another one: the layers, sizes and losses of models/."""
import torch
import torch.nn.functional as F
from torch import nn

CLASSES = 10
CHANNELS = [32, 64, 128]
NAMES = {
    "cae": {},
    "conv-ae": {"squared": True},
    "cae2": {"convolutional": True, "latent": 2},
    "cae-tsne": {"convolutional": True},
    "cvae": {"variational": True, "convolutional": True},
    "ccvae-decoder": {"variational": True, "convolutional": True, "decoder": True},
    "ccvae": {"variational": True, "convolutional": True, "encoder": True, "decoder": True},
    "resae": {"residual": True},
    "resvae": {"residual": True, "variational": True},
}


def supports(workload):
    return workload.partition("@")[0] in NAMES


class Same(nn.Conv2d):
    """A convolution with stride 2 that pads as TensorFlow does: more after than before."""

    def forward(self, x):
        extra = self.kernel_size[0] - 2
        return super().forward(F.pad(x, (extra // 2, extra - extra // 2) * 2))


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        half = lambda: [nn.GroupNorm(channels // 8, channels), nn.SiLU(), nn.Conv2d(channels, channels, 3, padding=1)]
        self.inner = nn.Sequential(*half(), *half())

    def forward(self, x):
        return x + self.inner(x)


class Crop(nn.Module):
    def __init__(self, height, width):
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x):
        top, left = (x.shape[2] - self.height) // 2, (x.shape[3] - self.width) // 2
        return x[:, :, top : top + self.height, left : left + self.width]


def around(extra):
    return (extra // 2, extra - extra // 2)


class Autoencoder(nn.Module):
    def __init__(self, name, height, width, channels):
        super().__init__()
        options = NAMES[name]
        self.variational, residual = options.get("variational", False), options.get("residual", False)
        self.squared, latent = options.get("squared", False), options.get("latent", 10)
        self.label_in_image, self.label_in_latent = options.get("encoder", False), options.get("decoder", False)
        planes = channels + (CLASSES if self.label_in_image else 0)
        code = latent + (CLASSES if self.label_in_latent else 0)
        rest = not residual and height % 8 == width % 8 == 4  # 28 → 14 → 7 → 3
        full = (height, width) if rest else (-(-height // 8) * 8, -(-width // 8) * 8)
        pad = (*around(full[1] - width), *around(full[0] - height))
        small = (full[0] // 8, full[1] // 8)
        self.smallest = (CHANNELS[2], *small)
        features = CHANNELS[2] * small[0] * small[1]
        down, up = (self.residual if residual else self.plain)(planes, channels, rest)
        self.down = nn.Sequential(nn.ZeroPad2d(pad), *down)
        self.up = nn.Sequential(*up, Crop(height, width))
        self.convolutional = convolutional = options.get("convolutional", False)  # over the whole feature map
        head = lambda: nn.Conv2d(CHANNELS[2], latent, small) if convolutional else nn.Linear(features, latent)
        self.heads = nn.ModuleList(head() for _ in range(2 if self.variational else 1))
        self.expand = nn.ConvTranspose2d(code, CHANNELS[2], small) if convolutional else nn.Linear(code, features)

    @staticmethod
    def plain(planes, channels, rest):
        a, b, c = CHANNELS
        third = nn.Conv2d(b, c, 3, 2) if rest else Same(b, c, 3, 2)
        back = nn.ConvTranspose2d(c, b, 3, 2) if rest else nn.ConvTranspose2d(c, b, 3, 2, 1, 1)
        down = [Same(planes, a, 5, 2), nn.ReLU(), Same(a, b, 5, 2), nn.ReLU(), third, nn.ReLU()]
        up = [back, nn.ReLU(), nn.ConvTranspose2d(b, a, 5, 2, 2, 1), nn.ReLU(), nn.ConvTranspose2d(a, channels, 5, 2, 2, 1)]
        return down, up

    @staticmethod
    def residual(planes, channels, _):
        a, b, c = CHANNELS
        wider = lambda i, o: [nn.Upsample(scale_factor=2), nn.Conv2d(i, o, 3, padding=1)]
        down = [Same(planes, a, 5, 2), nn.SiLU(), Same(a, b, 3, 2), Block(b), Same(b, c, 3, 2), Block(c)]
        down += [nn.GroupNorm(c // 8, c), nn.SiLU()]
        up = [Block(c), *wider(c, b), Block(b), *wider(b, a), nn.SiLU(), *wider(a, channels)]
        return down, up

    def outputs(self, x, label):
        if self.label_in_image:
            planes = F.one_hot(label, CLASSES).float()[:, :, None, None].expand(-1, -1, *x.shape[2:])
            x = torch.cat([x, planes], 1)
        features = self.down(x)
        flat = features if self.convolutional else features.flatten(1)
        return [head(flat).flatten(1) for head in self.heads]

    def decode(self, z, label):
        if self.label_in_latent:
            z = torch.cat([z, F.one_hot(label, CLASSES).float()], 1)
        x = self.expand(z[:, :, None, None] if self.convolutional else z)
        if self.convolutional or self.squared:
            x = F.relu(x)
        x = x.view(-1, *self.smallest).contiguous(memory_format=torch.channels_last)
        return self.up(x)

    def encode(self, x, label):
        return self.outputs(x, label)[0]

    def reconstruct(self, x, label):
        y = self.decode(self.encode(x, label), label)
        return y.clamp(0, 1) if self.squared else torch.sigmoid(y)

    def loss(self, x, label):
        if self.squared:
            return F.mse_loss(self.decode(self.encode(x, label), label), x)
        if not self.variational:
            return F.binary_cross_entropy_with_logits(self.decode(self.encode(x, label), label), x)
        mean, logvar = self.outputs(x, label)
        z = mean + torch.exp(logvar / 2) * torch.randn_like(mean)
        kl = -0.5 * torch.sum(1 + logvar - mean**2 - torch.exp(logvar)) / x.numel()
        return F.binary_cross_entropy_with_logits(self.decode(z, label), x) + kl
