#!/usr/bin/env python3
"""Encodes images with an exported model on a Ray cluster: the rows of `convae encode`, as a folder of Parquet files.

    pip install "ray[data]" onnxruntime pyvips-binary pyvips numpy pyarrow
    python deploy/ray/encode.py exported/cae photos latents --workers 8

DATA is a folder of images, whose subfolders are classes, or of Parquet files with a column of encoded images (bytes, or a struct with
`bytes`, as Hugging Face writes them), or of WebDataset's tar files. On a cluster, EXPORTED, DATA and OUT are on storage that all nodes see.
The encoder, what is done to the pixels and the order of the classes are those of card.json. Ray starts workers that died again.
"""

import argparse
import json
import os
import re
import sys
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyvips
import ray

IMAGE = re.compile(r"\.(png|jpe?g|webp|gif|tiff?|avif|bmp|ppm|pgm|pbm)$", re.I)
SPLIT = re.compile(r"^(train|training|val|valid|validation|dev|test|testing|eval|evaluation)([_-]?(set|data|images?))?$", re.I)
LABELS = ["label", "labels", "class", "target", "y", "fine_label", "category", "cls", "class_label", "digit", "emotion"]
IMAGES = ["image", "img", "images", "pixels", "picture", "jpg", "png", "jpeg", "webp", "bytes", "data", "x"]
GROUP_ROWS = 25_000
MIN_BLOCKS = 32  # of a folder: each is a task of decoding
SPARE = 2  # cores for decoding and writing


class InputError(Exception):
    """The user's input is wrong: one line, exit code 2."""


def natural(name):
    """Sorts numbers within names by their value, as convae does."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"\d+|\D+", name)]


# --- What is done to the pixels (pipeline/data/fit.ts) ---

NUMPY = {"uchar": "uint8", "char": "int8", "ushort": "uint16", "short": "int16", "uint": "uint32", "int": "int32", "float": "float32", "double": "float64"}


def decode(data):
    """An upright image, [H, W, 1 to 4]: gray as it is stored, any colour as sRGB."""
    image = pyvips.Image.new_from_buffer(data, "", fail_on="error").autorot()
    if image.get_typeof("icc-profile-data") != 0 and image.interpretation not in ("b-w", "grey16"):
        image = image.icc_transform("srgb", embedded=True, depth=16 if image.format == "ushort" else 8)
    if image.interpretation not in ("b-w", "grey16", "srgb", "rgb16", "scrgb"):
        image = image.colourspace("srgb")
    return image.numpy().reshape(image.height, image.width, image.bands), NUMPY[image.format]


def to_bytes(values, kind, scalings):
    """Numbers as 0 to 255, by the scaling of their type; alpha by the full range of the type."""
    scaling = next((one for one in scalings if one["type"] == kind), None)
    if scaling is None:
        if kind == "uint8":
            return values
        raise InputError(f"its pixels are {kind}, which the model was not trained on; save them as 8 bits")
    black, white = scaling["from"]
    scaled = np.clip(np.floor((values.astype(np.float64) - black) * 255 / (white - black) + 0.5), 0, 255).astype(np.uint8)
    if values.shape[2] % 2 == 0:
        opaque = {"uint8": 255, "uint16": 65535}.get(kind, 1)
        scaled[..., -1] = np.floor(255 * values[..., -1].astype(np.float64) / opaque + 0.5)
    return scaled


def on_background(pixels, background):
    if pixels.shape[2] in (1, 3):
        return pixels
    colour = np.array([int(background[i : i + 2], 16) for i in (1, 3, 5)], np.float64)
    alpha = pixels[..., -1:].astype(np.float64)
    values = pixels[..., :-1].astype(np.float64)
    if values.shape[2] == 1:
        colour = colour[:1] if len(set(colour)) == 1 else colour
    return np.floor((values * alpha + colour * (255 - alpha)) / 255 + 0.5).astype(np.uint8)


def with_channels(pixels, channels):
    if pixels.shape[2] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=2)
    red, green, blue = np.moveaxis(pixels.astype(np.float64), 2, 0)
    return np.floor(0.299 * red + 0.587 * green + 0.114 * blue + 0.5).astype(np.uint8)[..., None]


def resize(pixels, height, width, fit, background):
    """As libvips in sharp does: Lanczos, then cut or extended around the centre."""
    image = pyvips.Image.new_from_array(pixels, interpretation="b-w" if pixels.shape[2] == 1 else "srgb")
    across, down = image.width / width, image.height / height
    if fit == "cover":
        across = down = min(across, down)
    if fit == "contain":
        across = down = max(across, down)
    across, down = min(across, image.width), min(down, image.height)
    image = image.resize(1 / across, vscale=1 / down, kernel="lanczos3")
    if fit == "contain":
        colour = [int(background[i : i + 2], 16) for i in (1, 3, 5)]
        if image.bands == 1:
            colour = [with_channels(np.array(colour, np.uint8).reshape(1, 1, 3), 1).item()]
        left, top = (width - image.width) // 2, (height - image.height) // 2
        image = image.embed(left, top, width, height, extend="background", background=colour)
    elif image.width > width or image.height > height:
        image = image.crop((image.width - width + 1) // 2, (image.height - height + 1) // 2, width, height)
    return image.numpy().reshape(height, width, -1)


def fit_image(data, card):
    """The bytes of an image file as the model sees it, [H, W, C]."""
    wanted = card.get("preprocessing") or {**card["image"], "fit": "cover", "background": "#000000", "scalings": []}
    values, kind = decode(data)
    pixels = with_channels(on_background(to_bytes(values, kind, wanted["scalings"]), wanted["background"]), wanted["channels"])
    height, width = wanted["height"], wanted["width"]
    if pixels.shape[:2] == (height, width):
        return pixels
    return resize(pixels, height, width, wanted["fit"], wanted["background"])


# --- Stages of the pipeline ---


@ray.remote
class Skipped:
    """The images that could not be read, once each however often Ray repeats a task."""

    def __init__(self):
        self.images = {}

    def add(self, images):
        self.images.update(images)

    def all(self):
        return self.images


class Prepare:
    """Decodes and fits images, in tasks ahead of the encoders."""

    def __init__(self, card, skipped, read):
        self.card, self.skipped, self.read = card, skipped, read

    def __call__(self, batch):
        rows, bad = [], {}
        for row_id, where, label, data in self.read(batch):
            try:
                rows.append((row_id, label, fit_image(data, self.card).tobytes()))
            except (pyvips.Error, ValueError, TypeError) as error:
                bad[row_id] = f"{where}: {str(error).strip().splitlines()[0]}"
        if bad:
            ray.get(self.skipped.add.remote(bad))
        ids, labels, pixels = zip(*rows) if rows else ((), (), ())
        return pa.table({"id": pa.array(ids, pa.string()), "class": pa.array(labels, pa.string()), "pixels": pa.array(pixels, pa.binary())})


class Encoder:
    """A worker: sessions of ONNX Runtime, loaded once."""

    def __init__(self, folder, card, classes, errors, device):
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else it sends data about models to Microsoft
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        providers = ["CUDAExecutionProvider"] if device == "cuda" else ["CPUExecutionProvider"]
        load = lambda name: ort.InferenceSession(str(Path(folder) / name), options, providers=providers)
        self.encoder, self.decoder = load("encoder.onnx"), load("decoder.onnx") if errors else None
        self.card, self.classes = card, classes

    def __call__(self, batch):
        height, width, channels = (self.card["image"][side] for side in ("height", "width", "channels"))
        count = batch.num_rows
        ids, names = batch["id"], batch["class"].to_pylist()
        columns = {"id": ids}
        labels = np.array([self.classes.index(name) if name is not None else -1 for name in names], np.int32)
        if self.classes:
            columns["label"] = pa.array(labels, pa.int32(), mask=labels < 0)
            columns["class"] = pa.array(names, pa.string())
        if count == 0:
            latents, errors = np.zeros((0, self.card["latent"]["size"]), np.float32), np.zeros(0, np.float32)
        else:
            image = np.frombuffer(b"".join(batch["pixels"].to_pylist()), np.uint8).reshape(count, height, width, channels)
            run = lambda session, **inputs: dict(
                zip([one.name for one in session.get_outputs()], session.run(None, {one.name: inputs[one.name] for one in session.get_inputs()}))
            )
            latents = run(self.encoder, image=image, label=labels)["latent"]
            errors = self.errors(image, run(self.decoder, latent=latents, label=labels)["image"]) if self.decoder else None
        columns["latent"] = pa.FixedSizeListArray.from_arrays(latents.ravel(), latents.shape[1]).cast(pa.list_(pa.float32()))
        if self.decoder:
            columns["error"] = pa.array(errors, pa.float32())
        return pa.table(columns)

    def errors(self, image, made):
        """The card's reconstruction error of each image (pipeline/inference/reconstruction-error.ts)."""
        x = image.astype(np.float32) / np.float32(255)
        kind = self.card["model"].get("error", "binary cross-entropy")
        if kind == "mean squared error":
            values = (x - made) ** 2
        elif kind == "mean absolute error":
            values = np.abs(x - made)
        else:
            log = lambda p: np.log(np.maximum(p, np.float32(2**-25)))
            values = -(x * log(made) + (1 - x) * log(1 - made))
        return values.mean(axis=(1, 2, 3), dtype=np.float64).astype(np.float32)


# --- Where images come from: a dataset of Ray, and a function that reads a batch of it as (id, where, class, bytes) ---


def image_folder(root):
    paths = sorted((str(path.relative_to(root).as_posix()) for path in root.rglob("*") if IMAGE.search(path.name)), key=lambda path: path.encode("utf-16-be", "surrogatepass"))
    paths = [path for path in paths if not any(name.startswith(".") or name == "__MACOSX" for name in path.split("/"))]
    if not paths:
        raise InputError(f"{root}: it contains no images, Parquet files or tar files")
    splits = {path.split("/")[0] for path in paths if "/" in path and SPLIT.match(path.split("/")[0])}
    if splits and len({path.split("/")[0] for path in paths}) > 1:
        raise InputError(f"{root}: {', '.join(sorted(splits))} are splits; encode them one by one, as in {root}/{sorted(splits)[0]}")
    start = len(wrapper(paths))
    if splits and start == 0:
        start = len(paths[0].split("/")[0]) + 1
    label = lambda path: path[start:].split("/")[0] if "/" in path[start:] else None
    classes = {name for name in map(label, paths) if name is not None}
    rows = ray.data.from_items([{"id": path, "class": label(path)} for path in paths], override_num_blocks=min(len(paths), max(MIN_BLOCKS, min(len(paths) // 256, 10_000))))

    def read(batch):
        for path, name in zip(batch["id"].to_pylist(), batch["class"].to_pylist()):
            yield path, str(root / path), name, (root / path).read_bytes()

    return rows, read, classes


def wrapper(paths):
    """The folder, with a slash at its end, that contains all others (pipeline/data/paths.ts)."""
    prefix = ""
    while True:
        inner = [path[len(prefix) :].split("/") for path in paths]
        if len(inner[0]) < 2 or SPLIT.match(inner[0][0]):
            return ""
        prefix += f"{inner[0][0]}/"
        if any(not path.startswith(prefix) or "/" not in path[len(prefix) :] for path in paths):
            return ""
        if len({path[len(prefix) :].split("/")[0] for path in paths}) > 1:
            return prefix


def parquet_files(files):
    """Ids are row numbers, counted through the files."""
    import pyarrow.parquet as pq

    schema = pq.read_schema(files[0])
    best = lambda wanted: next((name for one in wanted for name in schema.names if name.lower() == one), None)
    image, label = best(IMAGES), best(LABELS)
    if image is None:
        raise InputError(f"{files[0]}: it has no column of images, but {', '.join(schema.names)}")
    features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    names = (features.get(label) or {}).get("names")
    name_of = lambda value: None if value is None or value == -1 else names[value] if names and isinstance(value, int) else str(value)
    groups, first, classes = [], 0, set(names or [])
    for path in files:
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            groups.append({"path": str(path), "group": group, "first": first})
            first += file.metadata.row_group(group).num_rows
        if label is not None and not names:
            classes |= {name_of(value) for value in file.read(columns=[label])[label].unique().to_pylist()} - {None}

    def read(batch):
        for path, group, first in zip(*(batch[name].to_pylist() for name in ("path", "group", "first"))):
            table = pq.ParquetFile(path).read_row_group(group, columns=[image, *([label] if label else [])])
            labels = table[label].to_pylist() if label else [None] * table.num_rows
            for i, (value, own) in enumerate(zip(table[image].to_pylist(), labels)):
                yield str(first + i), f"{path}: row {i} of group {group}", name_of(own), value["bytes"] if isinstance(value, dict) else value

    return ray.data.from_items(groups, override_num_blocks=len(groups)), read, classes


def tar_files(files):
    """WebDataset's shards: ids are paths in the archive, after its name; the labels are `.cls` files, or folders."""

    def members(path):
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile():
                    yield re.sub(r"^(\./)+", "", member.name), lambda: archive.extractfile(member).read()

    def images(path, load):
        group, key = {}, None
        for name, read in members(path):
            own = re.sub(r"([^/.]*)\.[^/]*$", r"\1", name)
            if own != key:
                yield from flush(group)
                group, key = {}, own
            if IMAGE.search(name):
                group[name] = read() if load else b""
            elif name.lower().endswith(".cls"):
                group[name] = read()
        yield from flush(group)

    def flush(group):
        said = next((value.decode().strip() for name, value in group.items() if name.lower().endswith(".cls")), None)
        for name, data in group.items():
            if IMAGE.search(name):
                folder = Path(name).parent.name or None
                yield name, said if said not in (None, "", "-1") else (None if said is not None else folder), data

    prefix = lambda path: f"{Path(path).name}/" if len(files) > 1 else ""
    labels = ray.data.from_items([{"path": str(path)} for path in files], override_num_blocks=len(files)).flat_map(
        lambda row: [{"class": name} for name in {name for _, name, _ in images(row["path"], False)}]
    )
    classes = {row["class"] for row in labels.iter_rows()} - {None}

    def read(batch):
        for path in batch["path"].to_pylist():
            for name, label, data in images(path, True):
                yield prefix(path) + name, f"{path}:{name}", label, data

    return ray.data.from_items([{"path": str(path)} for path in files], override_num_blocks=len(files)), read, classes


def locate(data):
    root = Path(data).resolve()
    if not root.is_dir():
        raise InputError(f"{data}: it is no folder")
    for ending, reader in ((".parquet", parquet_files), (".tar", tar_files)):
        files = sorted((path for path in root.rglob(f"*{ending}") if not path.name.startswith(".")), key=lambda path: natural(str(path)))
        if files:
            return reader(files)
    return image_folder(root)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exported")
    parser.add_argument("data")
    parser.add_argument("out")
    parser.add_argument("--workers", type=int, default=None, help="encoders, a core each (default: the cores of this machine but one)")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--no-error", action="store_true", help="omit reconstruction errors, which is faster")
    parser.add_argument("--max-skipped", type=float, default=0.01, help="share of the images that may be unreadable")
    args = parser.parse_args()

    folder = Path(args.exported).resolve()
    if not (folder / "card.json").is_file():
        raise InputError(f"{args.exported}: it has no card.json; give a folder that `convae export` made")
    card = json.loads((folder / "card.json").read_text())
    for part, columns in {"outliers": "score and flag", "clusters": "cluster and confidence"}.items():
        if card.get(part):
            print(f"encode.py: the columns {columns} are not written here; `convae encode` writes them", file=sys.stderr)
    out = Path(args.out).resolve()
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{args.out}: it is not empty; choose another folder")
    workers = args.workers or max(1, (os.cpu_count() or 1) - 1)
    # A cluster of one's own has a core more than the encoders, for decoding and writing; without one Ray would wait for ever.
    own = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": max(os.cpu_count() or 1, workers + SPARE)}
    ray.init(logging_level="warning", include_dashboard=False, **own)
    cores = int(ray.cluster_resources()["CPU"])
    if args.device == "cpu" and cores < workers + SPARE:
        raise InputError(f"--workers {workers}: the cluster has {cores} cores, of which decoding and writing need {SPARE}; choose at most {max(0, cores - SPARE)}")
    ray.data.DataContext.get_current().enable_progress_bars = sys.stderr.isatty()
    rows, read, found = locate(args.data)
    known = card.get("classes") or []
    classes = known if found <= set(known) and found else sorted(found, key=natural)
    conditional = card["conditional"]
    if (conditional["encoder"] or (conditional["decoder"] and not args.no_error)) and not (classes and set(classes) <= set(known)):
        raise InputError(f"{args.data}: the model needs the class of each image, of {', '.join(known)}")
    skipped = Skipped.remote()
    unit = {"num_gpus": 1} if args.device == "cuda" else {"num_cpus": 1}
    encoded = rows.map_batches(Prepare(card, skipped, read), batch_size=None, batch_format="pyarrow", num_cpus=0.5).map_batches(
        Encoder,
        fn_constructor_args=(str(folder), card, classes, not args.no_error, args.device),
        batch_size=args.batch_size,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=workers),
        **unit,
    )
    encoded.write_parquet(str(out), row_group_size=GROUP_ROWS)
    bad = ray.get(skipped.all.remote())
    count = ray.data.read_parquet(str(out)).count()
    for where in list(bad.values())[:3]:
        print(f"no row for {where}", file=sys.stderr)
    if len(bad) > args.max_skipped * (len(bad) + count):
        raise InputError(f"{args.data}: {len(bad)} of {len(bad) + count} images cannot be read, --max-skipped {args.max_skipped} allows fewer")
    print(json.dumps({"out": str(out), "rows": count, "skipped": len(bad), "workers": workers}))


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(print(f"encode.py: {error}", file=sys.stderr) or 2)
