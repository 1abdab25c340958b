#!/usr/bin/env python3
"""Encodes images with an exported model on a Ray cluster: the rows of `convae encode`, as a folder of Parquet files.

    pip install "ray[data]" onnxruntime pyvips-binary pyvips numpy pyarrow
    python deploy/ray/encode.py exported/cae photos latents --workers 8

DATA is what `convae encode --data` takes, as far as its plan names files that can be read one by one: images in folders or lists, Parquet
files with a column of encoded images, a folder of tar files (WebDataset). Other data are refused. The plan is made by `convae` on the machine
where this script is started; CONVAE is the command, by default `npx --no-install convae`. It also takes the options that are not listed below:
--split, --label, --no-error, --max-skipped, --strict. On a cluster, EXPORTED, DATA and OUT are on storage that all nodes see. The encoder and what is done
to the pixels are those of card.json. Ray starts workers that died again. OUT appears whole or not at all.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyvips
import ray

IMAGE = re.compile(r"\.(png|jpe?g|jfif|webp|gif|tiff?|avif|bmp|dib|p[bgpn]m)$", re.I)
TIFF = re.compile(r"\.tiff?$", re.I)
LABEL_FILE = re.compile(r"\.(cls|json)$", re.I)
INTEGER = re.compile(r"0|-?[1-9][0-9]*")
# Names of a field of labels, best first (pipeline/data/formats/columns.ts).
LABELS = "label labels class target y fine_label category cls class_label class_name class_id classid label_name digit emotion".split()
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


SYSTEM_FOLDER = re.compile(r"(__MACOSX|@eaDir|#recycle|\$RECYCLE\.BIN|lost\+found)\Z", re.I)


def is_visible(path):
    return not any((name.startswith(".") and name != ".") or SYSTEM_FOLDER.match(name) for name in path.split("/"))


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

    def __init__(self, card, noted, indices):
        self.card, self.noted, self.indices = card, noted, indices

    def __call__(self, batch):
        rows, bad, frames, cut = [], {}, set(), set()
        for row_id, where, label, data in (image for line in batch["input"].to_pylist() for image in images_of(json.loads(line))):
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
                    rows.append((own, label if self.indices is None else self.indices.get(label, -1), pixels.tobytes()))
                    if clipped:
                        cut.add(own)
                except (pyvips.Error, ValueError, TypeError) as error:
                    bad[own] = reason(where, error)
                except InputError as error:
                    raise InputError(f"{where}: {error}")
        if bad or frames or cut:
            ray.get(self.noted.add.remote(bad, frames, cut))
        ids, labels, pixels = zip(*rows) if rows else ((), (), ())
        return pa.table({"id": pa.array(ids, pa.string()), "label": pa.array(labels, pa.int32()), "pixels": pa.array(pixels, pa.binary())})


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
        self.card, self.classes = card, classes
        conditional = card["conditional"]
        self.labelled = conditional["encoder"] or (conditional["decoder"] and errors)

    def __call__(self, batch):
        height, width, channels = (self.card["image"][side] for side in ("height", "width", "channels"))
        count = batch.num_rows
        ids, labels = batch["id"], batch["label"].to_numpy()
        columns = {"id": ids}
        if self.labelled and (labels < 0).any():
            raise InputError(f"{ids[int(np.argmax(labels < 0))]}: it has no label, and the model needs the class of each image; label it or leave it out")
        if self.classes:
            columns["label"] = pa.array(labels, pa.int32(), mask=labels < 0)
            columns["class"] = pa.array([self.classes[label] if label >= 0 else None for label in labels], pa.string())
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


# --- The inputs of a plan (pipeline/artifacts/encoding-plan.ts) ---


def plan_inputs(folder, data):
    """What images are read from, as JSON, of Parquet files for each row group."""
    import pyarrow.parquet as pq

    plan = json.loads((folder / "plan.json").read_text())
    column = plan.get("label") or json.loads((Path(plan["exported"]) / "card.json").read_text())["dataset"].get("label")
    lines = (folder / "inputs.jsonl").read_text().splitlines()
    for one in map(json.loads, lines):
        if one["kind"] == "tar" and column:
            raise InputError(f"{data}: labels of tar files are not taken from {column} here; encode with convae")
        if one["kind"] == "rows" or (one["kind"] == "parquet" and "columns" not in one):
            raise InputError(f"{data}: only image files, folders of tar files, and Parquet files of encoded images are read here; encode with convae")
        if one["kind"] != "parquet":
            yield json.dumps(one)
            continue
        about, label = pq.ParquetFile(one["path"]), one["columns"].get("label")
        if label and pa.types.is_nested(about.schema_arrow.field(label).type):
            raise InputError(f"{data}: labels in lists, as in its column {label}, are not read here; encode with convae")
        about = about.metadata
        for group in range(about.num_row_groups):
            yield json.dumps({**one, "group": group})
            one["from"] += about.row_group(group).num_rows


def images_of(one):
    """(id, where, label, bytes) of each image of an input. The label is an index where the plan has one, else as it is stored."""
    prefix, path, size = one.get("prefix", ""), one["path"], one.get("bytes")
    try:
        if size not in (None, os.path.getsize(path)):
            raise InputError(f"{path}: it had {size} bytes when it was planned; start again")
        if one["kind"] == "file":
            yield prefix + one["id"], path, one.get("label", -1), Path(path).read_bytes()
    except OSError as error:
        if one["kind"] != "file":
            raise InputError(reason(path, error))
        yield prefix + one["id"], path, -1, error
    if one["kind"] == "tar":
        for name, label, data in images_in(path, True, one.get("label")):
            yield f"{prefix}{Path(path).name}/{name}", f"{path}:{name}", label, data
    if one["kind"] == "parquet":
        image, label = one["columns"]["image"], one["columns"].get("label")
        table = row_group(one, [image, label] if label else [image])
        labels = table[label].to_pylist() if label else [None] * table.num_rows
        for row, (value, own) in enumerate(zip(table[image].to_pylist(), labels), one["from"]):
            yield f"{prefix}{one['first'] + row}", f"{path}: row {row}", own, value["bytes"] if isinstance(value, dict) else value


def row_group(one, columns):
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(one["path"]).read_row_group(one["group"], columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise InputError(reason(one["path"], error))


def labels_of(one):
    """The different labels of an input as they are stored, as JSON, since they may be of several types."""
    if one["kind"] == "parquet":
        label = one["columns"].get("label")
        found = row_group(one, [label])[label].unique().to_pylist() if label else []
    else:
        found = [label for _, label, _ in images_in(one["path"], False, one.get("label"))]
    return {json.dumps(label) for label in found}


def composed(name):
    """Names that differ in their Unicode form only are one: Macs write others (NFD) than most programs (NFC)."""
    return unicodedata.normalize("NFC", name)


def class_indices(labels, named, known, data):
    """The classes, and the index of each label among them (pipeline/data/labels.ts). `named`: of labels that are indices or among them."""
    labels = {label for label in labels if label is not None and label != "" and label == label}
    measure = next((label for label in labels if isinstance(label, float) and not label.is_integer()), None)
    if measure is not None:
        print(f"encode.py: labels such as {measure} are measures, not classes: the images are taken as unlabelled", file=sys.stderr)
        return [], {}
    if len({isinstance(label, str) for label in labels}) > 1:
        raise InputError(f"{data}: some labels are numbers, others are names; give labels of one kind")
    said = {label: composed(label) if isinstance(label, str) else str(int(label)) for label in labels}
    missing = {"-1"} if named else {"-1", *(name for name in said.values() if name.lower() == "nan")}
    if any(map(INTEGER.fullmatch, said.values())) and all(name in missing or INTEGER.fullmatch(name) for name in said.values()):
        said = {label: name for label, name in said.items() if name not in missing}
        low = next((name for name in said.values() if name.startswith("-")), None)
        if low is not None:
            raise InputError(f"{data}: a label is {low}; labels are integers from 0 on, or -1 for none")
    if not said:
        return [], {}
    classes = named or sorted(set(said.values()), key=natural)
    readings = [{composed(name): i for i, name in enumerate(classes)}, {str(i): i for i in range(len(named or []))}]
    if named and not isinstance(next(iter(said)), str):
        readings.reverse()
    reading = next((one for one in readings if set(said.values()) <= set(one)), None)
    if reading is None:
        raise InputError(f"{data}: some labels are neither among its {len(classes)} classes nor an index from 0 to {len(classes) - 1}")
    order = known if set(map(composed, classes)) <= set(map(composed, known)) else classes
    places = [composed(name) for name in order]
    return order, {label: places.index(composed(classes[reading[name]])) for label, name in said.items()}


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
    if isinstance(value, dict):
        name = next((name for one in LABELS for name in value if name.lower() == one), None)
        value = value.get(name, value)
    if isinstance(value, float) and not value.is_integer():
        return value
    return label_of(str(int(value) if isinstance(value, float) else value)) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None


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


def images_in(path, load, own):
    """The images of an archive, with the labels in files next to them or before them, or else the archive's own, or their folder as label."""
    labels, unlabelled, seen, group = {}, set(), set(), []

    def flush():
        for name, data in group:
            if key_of(name) not in labels:
                unlabelled.add(key_of(name))
            yield name, labels.get(key_of(name), own or Path(name).parent.name or None), data
        group.clear()

    for name, data in members(path, lambda name: IMAGE.search(name) or LABEL_FILE.search(name), load):
        key = key_of(name)
        if group and key_of(group[0][0]) != key:
            yield from flush()
        if IMAGE.search(name):
            if name in seen:
                raise InputError(f"{path}: it contains {name} twice; pack it again")
            seen.add(name)
            group.append((name, data))
            continue
        label = label_in(name, data)
        if label is None or (key in labels and not name.lower().endswith(".cls")):
            continue
        labels[key] = label
        if key in unlabelled:
            raise InputError(f"{path}: {name}, which says a label, is not next to its image; pack it again with tar --sort=name")
    yield from flush()


def make_plan(folder, exported, data, options):
    """Plans with convae, which says what is wrong with the model and the data. Returns the plan and its inputs."""
    convae = shlex.split(os.environ.get("CONVAE", "npx --no-install convae"))
    if shutil.which(convae[0]) is None:
        raise InputError(f"{convae[0]}: no such command; install convae on this machine, or set CONVAE to its command")
    made = subprocess.run([*convae, "encode", exported, "--data", data, "--out", str(folder), "--shards", "1", *options], stdout=subprocess.DEVNULL)
    if made.returncode != 0:
        sys.exit(made.returncode)
    return json.loads((folder / "plan.json").read_text()), list(plan_inputs(folder, data))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("exported")
    parser.add_argument("data")
    parser.add_argument("out")
    positive = lambda text: int(text) if int(text) > 0 else parser.error(f"{text}: expected a number from 1 on")
    parser.add_argument("--workers", type=positive, default=None, help="encoders, a core each (default: the cores of this machine but one)")
    parser.add_argument("--batch-size", type=positive, default=64)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    args, options = parser.parse_known_args()

    out = Path(args.out).resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{args.out}: it is not empty; choose another folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{out.name}.partial-", dir=out.parent))  # of this run alone: another may write the same OUT
    try:
        plan, inputs = make_plan(partial / "plan", args.exported, args.data, options)
        said = encode(args, plan, inputs, partial / "rows")
        (partial / "rows").rename(out)
        print(json.dumps({"out": str(out), **said}))
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def encode(args, plan, inputs, out):
    """Encodes the inputs of a plan into a folder. Returns what was done."""
    card = json.loads((Path(plan["exported"]) / "card.json").read_text())
    if card.get("outliers"):
        print("encode.py: the columns score and flag are not written here; `convae encode` writes them", file=sys.stderr)
    workers = args.workers or max(1, (os.cpu_count() or 1) - 1)
    # A cluster of one's own has a core more than the encoders, for decoding and writing; without one Ray would wait for ever.
    own = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": max(os.cpu_count() or 1, workers + SPARE)}
    ray.init(logging_level="warning", include_dashboard=False, **own)
    cores = int(ray.cluster_resources()["CPU"])
    if args.device == "cpu" and cores < workers + SPARE:
        raise InputError(f"--workers {workers}: the cluster has {cores} cores, of which decoding and writing need {SPARE}; choose at most {max(0, cores - SPARE)}")
    ray.data.DataContext.get_current().enable_progress_bars = sys.stderr.isatty()
    labelling, known = plan["labelling"], card["classes"] or []
    blocks = min(len(inputs), max(MIN_BLOCKS, min(len(inputs) // 256, 10_000))) if labelling else len(inputs)
    items = ray.data.from_items([{"input": line} for line in inputs], override_num_blocks=blocks)
    if labelling:
        classes, indices = labelling["classes"] or [], None
    else:
        found = items.flat_map(lambda row: [{"label": label} for label in labels_of(json.loads(row["input"]))])
        classes, indices = class_indices({json.loads(row["label"]) for row in found.iter_rows()}, plan["named"], known, args.data)
    conditional = card["conditional"]
    if (conditional["encoder"] or (conditional["decoder"] and plan["errors"])) and classes != known:
        raise InputError(f"{args.data}: the model needs the class of each image, of {', '.join(known)}")
    noted = Noted.remote()
    unit = {"num_gpus": 1} if args.device == "cuda" else {"num_cpus": 1}
    items.map_batches(Prepare(card, noted, indices), batch_size=None, batch_format="pyarrow", num_cpus=0.5).map_batches(
        Encoder,
        fn_constructor_args=(plan["exported"], card, classes, plan["errors"], args.device),
        batch_size=args.batch_size,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=workers),
        **unit,
    ).write_parquet(str(out), row_group_size=GROUP_ROWS)
    bad, frames, clipped = ray.get(noted.all.remote())
    count = ray.data.read_parquet(str(out)).count() if out.is_dir() and any(out.iterdir()) else 0
    for where in list(bad.values())[:3]:
        print(f"no row for {where}", file=sys.stderr)
    allowed = 0 if plan["strict"] else plan["maxSkipped"]
    if count == 0 or len(bad) > allowed * (len(bad) + count):
        raise InputError(f"{args.data}: {len(bad)} of {len(bad) + count} images cannot be read, --max-skipped {allowed} allows fewer")
    if plan["images"] not in (None, count + len(bad)):
        raise RuntimeError(f"{count} rows and {len(bad)} unreadable images, of {plan['images']} images")
    if frames:
        print(f"encode.py: files with several frames or pages: {frames}; only the first of each is used", file=sys.stderr)
    if clipped:
        print(f"encode.py: images with numbers beyond black or white: {clipped}; these numbers are cut off", file=sys.stderr)
    return {"rows": count, "skipped": len(bad), "workers": workers}


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
