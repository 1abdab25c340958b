#!/usr/bin/env python3
"""Encodes images with an exported model on a Ray cluster: the rows of `convae encode`, as a folder of Parquet files.

    pip install "ray[data]" onnxruntime pyvips-binary pyvips numpy pyarrow
    python deploy/ray/encode.py exported/cae photos latents --workers 8

DATA is a folder of images, whose subfolders are classes, or of Parquet files with a column of encoded images (bytes, or a struct with
`bytes`, as Hugging Face writes them), or of WebDataset's tar files, of one part (train, val or test). What `convae` would read otherwise
is refused. On a cluster, EXPORTED, DATA and OUT are on storage that all nodes see. The encoder, what is done to the pixels and the order of
the classes are those of card.json. Ray starts workers that died again. OUT appears whole or not at all.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import sys
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyvips
import ray

IMAGE = re.compile(r"\.(png|jpe?g|jfif|webp|gif|tiff?|avif|bmp|dib|p[bgpn]m)$", re.I)
TIFF = re.compile(r"\.tiff?$", re.I)
LABEL_FILE = re.compile(r"\.(cls|json)$", re.I)
METADATA = re.compile(r"(^|/)metadata\.(csv|jsonl|parquet)$", re.I)
INTEGER = re.compile(r"0|-?[1-9][0-9]*")
# Names of columns, best first (pipeline/data/formats/columns.ts).
LABELS = "label labels class target y fine_label category cls class_label class_name class_id label_name digit emotion".split()
IMAGES = "image img images pixels picture pixel_values jpg png jpeg webp bytes data x".split()
SPLIT_COLUMN = re.compile(r"(usage|splits?|subset|partition|set|phase|fold|data_?set)", re.I)
# Words that name a part, and that may stand beside them (pipeline/data/split-names.ts).
SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val"}
SPLITS |= dict.fromkeys(["test", "testing", "eval", "evaluation"], "test")
FILLER = re.compile(r"set|data|dataset|split|part|folder|images?|imgs?|photos?|pictures?|pics|files?|\d+")
GLUED = re.compile(rf"({'|'.join(SPLITS)})(set|data|images?|imgs?)")
GROUP_ROWS = 25_000
MIN_BLOCKS = 32  # of a folder: each is a task of decoding
SPARE = 2  # cores for decoding and writing
MAX_PIXELS = 8192 * 8192


class InputError(Exception):
    """The user's input is wrong: one line, exit code 2."""


def utf16(text):
    """As JavaScript compares texts."""
    return text.encode("utf-16-be", "surrogatepass")


def natural(name):
    """Sorts numbers within names by their value, as convae does."""
    chunks = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(utf16("0"), int(part)) if part[0] in "0123456789" else (utf16(part), 0) for part in chunks], utf16(name)


def split_of(name):
    """The part that a folder's name stands for: `Training_Set`, `train2017`."""
    words = re.findall(r"[^\W\d_]+|\d+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower())
    rest = [part for word in words for part in getattr(GLUED.fullmatch(word), "groups", lambda: [word])() if not FILLER.fullmatch(part)]
    return SPLITS.get(rest[0]) if len(rest) == 1 else None


def is_visible(path):
    return not any((name.startswith(".") and name != ".") or name == "__MACOSX" for name in path.split("/"))


# --- What is done to the pixels (pipeline/data/fit.ts) ---

NUMPY = {"uchar": "uint8", "char": "int8", "ushort": "uint16", "short": "int16", "uint": "uint32", "int": "int32", "float": "float32", "double": "float64"}


def open_image(data, page=0):
    image = pyvips.Image.new_from_buffer(data, "", fail_on="error", **({"page": page} if page else {}))
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(f"it has {image.width}x{image.height} pixels; at most {MAX_PIXELS} were expected")
    return image


def pages_of(image):
    return image.get("n-pages") if image.get_typeof("n-pages") else 1


def decode(image):
    """An upright image, [H, W, 1 to 4]: gray as it is stored, any colour as sRGB."""
    gray = image.interpretation in ("b-w", "grey16")
    if image.bands > (2 if gray else 5 if image.interpretation == "cmyk" else 4):
        raise ValueError(f"it has {image.bands} channels; gray or RGB, with or without alpha, was expected")
    loader = image.get("vips-loader")
    image = image.autorot()
    profile = image.get("icc-profile-data") if image.get_typeof("icc-profile-data") else None
    if image.interpretation == "cmyk" and profile is None and image.bands == 4:
        numbers = image.numpy().astype(np.float64)
        return np.floor((255 - numbers[..., :3]) * (255 - numbers[..., 3:]) / 255 + 0.5).astype(np.uint8), "uint8"
    wide = image.interpretation == "rgb16"
    if profile is not None and not gray and not (wide and re.search(rb"sRGB|s\0R\0G\0B", profile)):
        if wide:  # in two steps, as sharp does
            image = image.icc_transform("p3", embedded=True, depth=16, intent="perceptual").icc_transform("srgb", input_profile="p3", depth=16)
        else:
            image = image.icc_transform("srgb", embedded=True, depth=8, intent="perceptual")
    if image.interpretation not in ("b-w", "grey16", "srgb", "rgb16", "scrgb"):
        image = image.colourspace("srgb")
    elif loader.startswith("heif") and image.format != "uchar":
        image = image.colourspace("b-w" if gray else "srgb")
    values, kind = image.numpy().reshape(image.height, image.width, image.bands), NUMPY.get(image.format, image.format)
    if not np.isfinite(values).all():
        raise ValueError("some of its pixels are NaN or infinite; replace them")
    return values, kind


def to_bytes(values, kind, scalings):
    """Numbers as 0 to 255, by the scaling of their type, alpha from 0, and whether some are beyond it (pipeline/data/fit.ts)."""
    scaling = next((one for one in scalings if one["type"] == kind), None)
    if scaling is None:
        if kind == "uint8":
            return values, False
        raise InputError(f"its pixels are {kind}, which the model was not trained on; save them as 8 bits, or use convae, which looks at all images to scale them")
    black, white = scaling["from"]
    scaled = np.floor((values.astype(np.float64) - black) * 255 / (white - black) + 0.5)
    colours = scaled[..., : values.shape[2] - 1 | 1]
    clipped = bool(((colours < 0) | (colours > 255)).any())
    scaled = np.clip(scaled, 0, 255).astype(np.uint8)
    if values.shape[2] % 2 == 0:
        alpha = values[..., -1].astype(np.float64)
        opaque = {"uint16": 65535}.get(kind, 255) if scaling["rule"] == "given by --range" else white
        if kind.startswith("float") and (alpha <= 1).all():
            opaque = 1
        scaled[..., -1] = np.floor(255 * np.clip(alpha / opaque, 0, 1) + 0.5)
    return scaled, clipped


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


def fit_image(image, card):
    """An image as the model sees it, [H, W, C], and whether some of its numbers were cut off."""
    wanted = card.get("preprocessing") or {**card["image"], "fit": "cover", "background": "#000000", "scalings": []}
    values, kind = decode(image)
    scaled, clipped = to_bytes(values, kind, wanted["scalings"])
    pixels = with_channels(on_background(scaled, wanted["background"]), wanted["channels"])
    height, width = wanted["height"], wanted["width"]
    if pixels.shape[:2] == (height, width):
        return pixels, clipped
    return resize(pixels, height, width, wanted["fit"], wanted["background"]), clipped


# --- Stages of the pipeline ---


@ray.remote
class Noted:
    """The images that could not be read, those with several frames, and those with numbers that were cut off: once each however often Ray repeats a task."""

    def __init__(self):
        self.skipped, self.frames, self.clipped = {}, set(), set()

    def add(self, skipped, frames, clipped):
        self.skipped.update(skipped)
        self.frames |= frames
        self.clipped |= clipped

    def all(self):
        return self.skipped, len(self.frames), len(self.clipped)


class Prepare:
    """Decodes and fits images, in tasks ahead of the encoders."""

    def __init__(self, card, noted, read):
        self.card, self.noted, self.read = card, noted, read

    def __call__(self, batch):
        rows, bad, frames, cut = [], {}, set(), set()
        for row_id, where, label, data in self.read(batch):
            count = 1
            try:
                if isinstance(data, OSError) or data is None:
                    raise data or ValueError("it has no image")
                count = pages_of(open_image(data))
            except (pyvips.Error, ValueError, TypeError, OSError) as error:
                bad[row_id] = reason(where, error)
                continue
            stack = count > 1 and TIFF.search(where) is not None
            if count > 1 and not stack:
                frames.add(row_id)
            for page in range(count if stack else 1):
                own = f"{row_id}#{page}" if stack else row_id
                try:
                    pixels, clipped = fit_image(open_image(data, page), self.card)
                    rows.append((own, label, pixels.tobytes()))
                    if clipped:
                        cut.add(own)
                except (pyvips.Error, ValueError, TypeError) as error:
                    bad[own] = reason(where, error)
                except InputError as error:
                    raise InputError(f"{where}: {error}")
        if bad or frames or cut:
            ray.get(self.noted.add.remote(bad, frames, cut))
        ids, labels, pixels = zip(*rows) if rows else ((), (), ())
        return pa.table({"id": pa.array(ids, pa.string()), "class": pa.array(labels, pa.string()), "pixels": pa.array(pixels, pa.binary())})


def reason(where, error):
    return f"{where}: {(str(error).strip().splitlines() or [type(error).__name__])[0]}"


class Encoder:
    """A worker: sessions of ONNX Runtime, loaded once."""

    def __init__(self, folder, card, classes, errors, device):
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else it sends data about models to Microsoft
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        provider = "CUDAExecutionProvider" if device == "cuda" else "CPUExecutionProvider"
        settings = {"use_tf32": "0"} if device == "cuda" else {}  # float32, as convae computes
        load = lambda name: ort.InferenceSession(str(Path(folder) / name), options, providers=[(provider, settings)])
        self.encoder, self.decoder = load("encoder.onnx"), load("decoder.onnx") if errors else None
        if provider not in self.encoder.get_providers():
            raise InputError(f"--device {device}: onnxruntime has no {provider} here; install onnxruntime-gpu and the libraries that it needs")
        self.card, self.index = card, {name: i for i, name in enumerate(classes)}
        conditional = card["conditional"]
        self.labelled = conditional["encoder"] or (conditional["decoder"] and errors)

    def __call__(self, batch):
        height, width, channels = (self.card["image"][side] for side in ("height", "width", "channels"))
        count = batch.num_rows
        ids, names = batch["id"], batch["class"].to_pylist()
        columns = {"id": ids}
        labels = np.array([self.index.get(name, -1) for name in names], np.int32)
        if self.labelled and (labels < 0).any():
            raise InputError(f"{ids[int(np.argmax(labels < 0))]}: it has no label, and the model needs the class of each image; label it or leave it out")
        if self.index:
            columns["label"] = pa.array(labels, pa.int32(), mask=labels < 0)
            columns["class"] = pa.array(names, pa.string())
        if count == 0:
            latents, errors = np.zeros((0, self.card["latent"]["size"]), np.float32), np.zeros(0, np.float32)
            found = {"cluster": np.zeros((0, (self.card.get("clusters") or {"count": 1})["count"]), np.float32)}
        else:
            image = np.frombuffer(b"".join(batch["pixels"].to_pylist()), np.uint8).reshape(count, height, width, channels)
            run = lambda session, **inputs: dict(
                zip([one.name for one in session.get_outputs()], session.run(None, {one.name: inputs[one.name] for one in session.get_inputs()}))
            )
            found = run(self.encoder, image=image, label=labels)
            latents = found["latent"]
            errors = self.errors(image, run(self.decoder, latent=latents, label=labels)["image"]) if self.decoder else None
        columns["latent"] = pa.FixedSizeListArray.from_arrays(latents.ravel(), latents.shape[1]).cast(pa.list_(pa.float32()))
        if self.decoder:
            columns["error"] = pa.array(errors, pa.float32())
        for what, values in {"latent": latents, "reconstruction": errors if self.decoder else latents}.items():
            if not np.isfinite(values).all():
                raise InputError(f"the {what} of an image is not finite, one of {ids[0]} to {ids[count - 1]}; the model is unusable")
        if self.card.get("clusters"):
            columns["cluster"] = pa.array(found["cluster"].argmax(axis=1), pa.int32())
            columns["confidence"] = pa.array(found["cluster"].max(axis=1, initial=0), pa.float32())
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


# --- Where images come from: items and the blocks that they are divided into, a function that reads a batch of items as (id, where, class,
# bytes), the classes, and the number of images where it is known ---


def class_names(labels, names=None):
    """The class of each different label, None where it is none (pipeline/data/labels.ts). `names`: of labels that are indices."""
    labels = {label for label in labels if label is not None and label != "" and label == label}
    measure = next((label for label in labels if isinstance(label, float) and not label.is_integer()), None)
    if measure is not None:
        print(f"encode.py: labels such as {measure} are measures, not classes: the images are taken as unlabelled", file=sys.stderr)
        return {}
    said = {label: label if isinstance(label, str) else str(int(label)) for label in labels}
    whole = all(INTEGER.fullmatch(name) for name in said.values())
    said = {label: name for label, name in said.items() if not (whole and name == "-1")}
    by_name = names and all(name in names for name in said.values())
    for label, name in said.items():
        if whole and name.startswith("-"):
            raise InputError(f"a label is {name}; labels are integers from 0 on, or -1 for none")
        if names and not by_name and not (INTEGER.fullmatch(name) and int(name) < len(names)):
            raise InputError(f"a label is {name}; expected one of the {len(names)} classes, or an index from 0 to {len(names) - 1}")
    return said if not names or by_name else {label: names[int(name)] for label, name in said.items()}


def files_in(root):
    """Paths of visible files, inside the root; links are followed."""

    def walk(folder, inside, parents):
        real = os.path.realpath(folder)
        if real in parents:
            return
        for entry in os.scandir(folder):
            if not is_visible(entry.name):
                continue
            if entry.is_dir():
                yield from walk(entry.path, f"{inside}{entry.name}/", [*parents, real])
            else:
                yield f"{inside}{entry.name}"

    return list(walk(root, "", []))


def folder_of(path, start):
    """The first folder of a path from `start` on."""
    end = path.find("/", start)
    return None if end < 0 else path[start:end]


def wrapper(paths):
    """The folder, with a slash at its end, that contains all others (pipeline/data/paths.ts)."""
    prefix = ""
    while True:
        folder = folder_of(paths[0], len(prefix))
        if folder is None or split_of(folder):
            return ""
        prefix += f"{folder}/"
        inside = {folder_of(path, len(prefix)) if path.startswith(prefix) else None for path in paths}
        if None in inside:
            return ""
        if len(inside) > 1 or split_of(next(iter(inside))):
            return prefix


def class_of_path(paths, where):
    """The class of a path: its first folder, after one that contains all others and that of a part that stands alone."""
    start = len(wrapper(paths))
    outer = {folder_of(path, start) for path in paths}
    splits = sorted(name for name in outer if name is not None and split_of(name))
    if splits and len(outer) > 1:
        raise InputError(f"{where}: {', '.join(splits)} are splits; encode them one by one, as in {where}/{paths[0][:start]}{splits[0]}")
    if splits:
        start += len(splits[0]) + 1
    return lambda path: folder_of(path, start)


def image_folder(root, files):
    paths = sorted(path for path in files if IMAGE.search(path))
    if not paths:
        raise InputError(f"{root}: it contains no images, Parquet files or tar files")
    table = next((path for path in files if METADATA.search(path)), None)
    if table is not None:
        raise InputError(f"{root}/{table}: labels in tables beside images are not read here; encode with convae, or remove it")
    label = class_of_path(paths, root)
    names = class_names({label(path) for path in paths})
    blocks = min(len(paths), max(MIN_BLOCKS, min(len(paths) // 256, 10_000)))
    items = [{"id": path, "class": names.get(label(path))} for path in paths]

    def read(batch):
        for path, name in zip(batch["id"].to_pylist(), batch["class"].to_pylist()):
            try:
                data = (root / path).read_bytes()
            except OSError as error:
                data = error
            yield path, str(root / path), name, data

    return items, blocks, read, set(names.values()), None if any(TIFF.search(path) for path in paths) else len(paths)


def best(names, wanted):
    return next((name for one in wanted for name in names if name.lower() == one), None)


def choose_columns(path, schema):
    """The columns of images and of labels, and the names of classes (pipeline/data/formats/parquet-columns.ts)."""
    types = {field.name: field.type.value_type if pa.types.is_dictionary(field.type) else field.type for field in schema}
    is_binary = lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    is_encoded = lambda kind: is_binary(kind) or (pa.types.is_struct(kind) and any(field.name == "bytes" and is_binary(field.type) for field in kind))
    is_text = lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind)
    is_scalar = lambda kind: pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or is_text(kind)
    said = json.loads((schema.metadata or {}).get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    features = {name: about for name, about in said.items() if isinstance(about, dict)}
    scalars = [name for name, kind in types.items() if is_scalar(kind)]
    split = next((name for name in scalars if SPLIT_COLUMN.fullmatch(name.strip())), None)
    if split is not None:
        raise InputError(f"{path}: its column {split} may divide the rows into parts, which is not done here; encode with convae, or remove it")
    typed = lambda kind: [name for name in types if features.get(name, {}).get("_type") == kind]
    label = best(scalars, LABELS) or next((name for name in typed("ClassLabel") if name in scalars), None)
    images = [name for name, kind in types.items() if (is_encoded(kind) or pa.types.is_nested(kind)) and name.lower() not in LABELS]
    declared = [name for name in typed("Image") if name in images]
    image = best(declared, IMAGES) or next(iter(declared), None) or best(images, IMAGES) or next(iter(images), None)
    if image is None or not is_encoded(types[image]):
        raise InputError(f"{path}: it has no column of encoded images, but {', '.join(types)}; numbers are not read here, encode with convae")
    return image, label, features.get(label, {}).get("names")


def parquet_files(root, files):
    """Ids are row numbers, counted through the files."""
    import pyarrow.parquet as pq

    groups, first, labels, chosen = [], 0, set(), None
    for path in files:
        try:
            file = pq.ParquetFile(root / path)
            columns = choose_columns(root / path, file.schema_arrow)
            for group in range(file.num_row_groups):
                groups.append({"path": str(root / path), "group": group, "first": first, "start": first if group == 0 else groups[-1]["start"]})
                first += file.metadata.row_group(group).num_rows
            if columns[1] is not None:
                labels |= set(file.read(columns=[columns[1]])[columns[1]].unique().to_pylist())
        except (pa.ArrowException, OSError) as error:
            raise InputError(reason(root / path, error))
        if columns != (chosen or columns):
            raise InputError(f"{root / path}: its columns are others than those of {root / files[0]}; pass the files of one data set")
        chosen = columns
    image, label, classes = chosen
    names = class_names(labels, classes)

    def read(batch):
        for path, group, first, start in zip(*(batch[name].to_pylist() for name in ("path", "group", "first", "start"))):
            try:
                table = pq.ParquetFile(path).read_row_group(group, columns=[image, *([label] if label else [])])
            except (pa.ArrowException, OSError) as error:
                raise InputError(reason(path, error))
            own = table[label].to_pylist() if label else [None] * table.num_rows
            for i, (value, said) in enumerate(zip(table[image].to_pylist(), own)):
                data = value["bytes"] if isinstance(value, dict) else value
                yield str(first + i), f"{path}: row {first - start + i}", names.get(said), data

    found = set(classes or names.values()) if names else set()
    return groups, len(groups), read, found, first


def key_of(path):
    """What the files of one image share: the path up to the first dot of the name."""
    return re.sub(r"([^/.]*)\.[^/]*$", r"\1", path)


def label_of(text):
    """A number, or a class name; None where there is none."""
    text = text.strip()
    if not re.fullmatch(r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", text, re.I):
        return text or None
    number = float(text)
    return str(int(number)) if number.is_integer() else number


def label_in(path, data):
    """The label in a file beside an image (pipeline/data/formats/archive.ts)."""
    text = data.decode("utf-8", "replace").strip()
    if path.lower().endswith(".cls"):
        return label_of(text)
    try:
        value = json.loads(text)
    except ValueError:
        return None
    name = best(list(value), LABELS) if isinstance(value, dict) else None
    value = value if name is None else value[name]
    return label_of(str(value)) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None


def members(path, wanted, load):
    """Visible files of an archive that are wanted, with their bytes; those of images only where `load` says so."""
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = re.sub(r"^(\./)+", "", member.name.replace("\\", "/"))
                if member.isfile() and is_visible(name) and wanted(name):
                    yield name, archive.extractfile(member).read() if load or LABEL_FILE.search(name) else b""
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cut short or damaged ({error}); download or copy it again")


def images_in(path, load):
    """The images of an archive, with the labels in files next to them, or before them."""
    labels, unlabelled, group = {}, set(), []

    def flush():
        for name, data in group:
            if key_of(name) not in labels:
                unlabelled.add(key_of(name))
            yield name, labels.get(key_of(name)), data
        group.clear()

    for name, data in members(path, lambda name: IMAGE.search(name) or LABEL_FILE.search(name), load):
        key = key_of(name)
        if group and key_of(group[0][0]) != key:
            yield from flush()
        if IMAGE.search(name):
            group.append((name, data))
            continue
        label = label_in(name, data)
        if label is None or (key in labels and not name.lower().endswith(".cls")):
            continue
        labels[key] = label
        if key in unlabelled:
            raise InputError(f"{path}: {name}, which says a label, is not next to its image; pack it again with tar --sort=name")
    yield from flush()


def tar_files(root, files):
    """WebDataset's shards: ids are paths in the archive, after its name where there are several; labels are in `.cls` and `.json` files, or folders."""
    several = len(files) > 1
    folder_name = lambda name: Path(name).parent.name or None
    if not several:
        names = [name for name, _ in members(root / files[0], lambda name: True, False)]
        if any(METADATA.search(name) for name in names):
            raise InputError(f"{root / files[0]}: labels in tables beside images are not read here; encode with convae")
        paths = sorted(name for name in names if IMAGE.search(name))
        if not paths:
            raise InputError(f"{root / files[0]}: it contains no images")
        beside = any(label is not None for _, label, _ in images_in(root / files[0], False))
        folder_name = (lambda name: None) if beside else class_of_path(paths, root / files[0])
    items = [{"path": str(root / path)} for path in files]
    # As JSON: labels may be of several types.
    said = lambda row: {json.dumps(folder_name(name) if label is None else label) for name, label, _ in images_in(row["path"], False)}
    labels = ray.data.from_items(items, override_num_blocks=len(files)).flat_map(lambda row: [{"label": label} for label in said(row)])
    names = class_names({json.loads(row["label"]) for row in labels.iter_rows()})
    prefix = lambda path: f"{Path(path).name}/" if several else ""

    def read(batch):
        for path in batch["path"].to_pylist():
            for name, label, data in images_in(path, True):
                yield prefix(path) + name, f"{path}:{name}", names.get(folder_name(name) if label is None else label), data

    return items, len(items), read, set(names.values()), None


def locate(data):
    root = Path(data).resolve()
    if not root.is_dir():
        raise InputError(f"{data}: it is no folder")
    files = files_in(root)
    near = [path for path in files if path.count("/") <= 2]
    if any(IMAGE.search(path) for path in near):
        return image_folder(root, files)
    for ending, reader in ((r"\.(parquet|parq|pq)$", parquet_files), (r"\.(csv|tsv)(\.gz)?$", None), (r"\.(tar|tar\.gz|tgz)$", tar_files)):
        found = sorted((path for path in near if re.search(ending, path, re.I)), key=natural)
        if not found:
            continue
        if reader is None:
            raise InputError(f"{root / found[0]}: tables of pixels are not read here; encode with convae")
        words = lambda path: [word for name in reversed(path.split("/")) for word in re.findall(r"[^\W\d_]+", name)]
        parts = {next(filter(None, map(split_of, words(path))), "no part") for path in found}
        if len(parts) > 1 or len({os.path.dirname(path) for path in found}) > 1:
            raise InputError(f"{data}: its files are in several folders or of several parts ({', '.join(sorted(parts))}); put those of one part in a folder of their own")
        return reader(root, found)
    return image_folder(root, files)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exported")
    parser.add_argument("data")
    parser.add_argument("out")
    positive = lambda text: int(text) if int(text) > 0 else parser.error(f"{text}: expected a number from 1 on")
    parser.add_argument("--workers", type=positive, default=None, help="encoders, a core each (default: the cores of this machine but one)")
    parser.add_argument("--batch-size", type=positive, default=64)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--no-error", action="store_true", help="omit reconstruction errors, which is faster")
    parser.add_argument("--max-skipped", type=float, default=0.01, help="share of the images that may be unreadable")
    args = parser.parse_args()

    folder = Path(args.exported).resolve()
    if not (folder / "card.json").is_file():
        raise InputError(f"{args.exported}: it has no card.json; give a folder that `convae export` made")
    card = json.loads((folder / "card.json").read_text())
    for name in ["encoder.onnx", *([] if args.no_error else ["decoder.onnx"])]:
        if not (folder / name).is_file() or hashlib.sha256((folder / name).read_bytes()).hexdigest() != card["files"][name]["sha256"]:
            raise InputError(f"{args.exported}/{name}: it is missing, or its SHA-256 is not the one in card.json; export the model again")
    if card.get("outliers"):
        print("encode.py: the columns score and flag are not written here; `convae encode` writes them", file=sys.stderr)
    out = Path(args.out).resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{args.out}: it is not empty; choose another folder")
    workers = args.workers or max(1, (os.cpu_count() or 1) - 1)
    # A cluster of one's own has a core more than the encoders, for decoding and writing; without one Ray would wait for ever.
    own = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": max(os.cpu_count() or 1, workers + SPARE)}
    ray.init(logging_level="warning", include_dashboard=False, **own)
    cores = int(ray.cluster_resources()["CPU"])
    if args.device == "cpu" and cores < workers + SPARE:
        raise InputError(f"--workers {workers}: the cluster has {cores} cores, of which decoding and writing need {SPARE}; choose at most {max(0, cores - SPARE)}")
    ray.data.DataContext.get_current().enable_progress_bars = sys.stderr.isatty()
    items, blocks, read, found, total = locate(args.data)
    known = card.get("classes") or []
    classes = known if found <= set(known) and found else sorted(found, key=natural)
    conditional = card["conditional"]
    if (conditional["encoder"] or (conditional["decoder"] and not args.no_error)) and not (classes and set(classes) <= set(known)):
        raise InputError(f"{args.data}: the model needs the class of each image, of {', '.join(known)}")
    noted = Noted.remote()
    unit = {"num_gpus": 1} if args.device == "cuda" else {"num_cpus": 1}
    encoded = ray.data.from_items(items, override_num_blocks=blocks).map_batches(Prepare(card, noted, read), batch_size=None, batch_format="pyarrow", num_cpus=0.5).map_batches(
        Encoder,
        fn_constructor_args=(str(folder), card, classes, not args.no_error, args.device),
        batch_size=args.batch_size,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=workers),
        **unit,
    )
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        encoded.write_parquet(str(partial), row_group_size=GROUP_ROWS)
        bad, frames, clipped = ray.get(noted.all.remote())
        count = ray.data.read_parquet(str(partial)).count() if partial.is_dir() and any(partial.iterdir()) else 0
        for where in list(bad.values())[:3]:
            print(f"no row for {where}", file=sys.stderr)
        if count == 0 or len(bad) > args.max_skipped * (len(bad) + count):
            raise InputError(f"{args.data}: {len(bad)} of {len(bad) + count} images cannot be read, --max-skipped {args.max_skipped} allows fewer")
        if total is not None and count + len(bad) != total:
            raise RuntimeError(f"{count} rows and {len(bad)} unreadable images, of {total} images")
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    if frames:
        print(f"encode.py: files with several frames or pages: {frames}; only the first of each is used", file=sys.stderr)
    if clipped:
        print(f"encode.py: images with numbers beyond black or white: {clipped}; these numbers are cut off", file=sys.stderr)
    print(json.dumps({"out": str(out), "rows": count, "skipped": len(bad), "workers": workers}))


def input_error(error):
    """What an InputError says, of a worker by the text of Ray's error; None for another error."""
    if isinstance(error, InputError):
        return str(error)
    said = re.findall(r"^(?:__main__\.)?InputError: (.+)$", str(error), re.M)
    return said[-1] if said else None


if __name__ == "__main__":
    try:
        main()
    except Exception as error:
        if input_error(error) is None:
            raise
        sys.exit(print(f"encode.py: {input_error(error)}", file=sys.stderr) or 2)
