"""Speed, memory and faithfulness of scoring, measured side by side in one run.

    python benchmarks/speed/run.py [--rounds 5] [--many 10000] [--work FOLDER]

Compares `Scorer.score_many` with the plain script that people write (Pillow decodes the whole
picture, PyTorch runs eagerly, one picture at a time), and with the bound that scaled decoding and
the model together set on these cores: 1 / (1 / decode + 1 / model). Within a round the four are
timed one after the other; what counts are the ratios, of which the medians are printed. The results
go to benchmarks/speed/results/, named by their conditions.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy.stats import spearmanr

from ilgnet.engines.open import open_engine
from ilgnet.images.decode import read_image
from ilgnet.images.preprocess import normalise, prepare, resize_rgb
from ilgnet.scoring import BATCH, Scorer, load, usable_cores
from ilgnet.values import VOTES

sys.path.insert(0, str(Path(__file__).parent))
from pictures import make_pictures

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--each", type=int, default=24, help="pictures of each size")
    parser.add_argument("--many", type=int, default=10_000, help="pictures of the memory run")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "ilgnet-speed")
    options = parser.parse_args()

    files = make_pictures(options.work / "pictures", options.each)
    scorer = load()
    network = open_engine(scorer.weights, "torch").network
    result: dict[str, Any] = {"conditions": conditions(scorer, files)}
    for size, paths in files.items():
        result[size] = compare(scorer, network, paths, options.rounds)
        print(size, json.dumps(result[size], indent=2))
    every = [path for paths in files.values() for path in paths]
    result["same scores as full decode with PyTorch in float32"] = parity(scorer, network, every)
    result["start to first score"] = first_score(files["12MP"][0])
    if options.many:
        result["memory"] = memory(files["12MP"], options.many, options.work)
    print(json.dumps(result, indent=2))
    RESULTS.mkdir(exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", f"{cpu()} {usable_cores()} cores".lower()).strip("-")
    (RESULTS / f"speed-{name}.json").write_text(json.dumps(result, indent=2) + "\n")


def conditions(scorer: Scorer, files: dict[str, list[Path]]) -> dict[str, Any]:
    """What the figures hold for."""
    megabytes = {
        size: round(sum(path.stat().st_size for path in paths) / len(paths) / 1e6, 2)
        for size, paths in files.items()
    }
    packages = ("numpy", "pillow", "simplejpeg", "onnxruntime", "torch")
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": cpu(),
        "cores": usable_cores(),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "packages": {name: version(name) for name in packages},
        "model": scorer.weights.name,
        "preprocess": scorer.weights.preprocess.fingerprint(),
        "mean file size in MB": megabytes,
    }


def cpu() -> str:
    """The processor's name."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    found = re.search(r"model name\s*: (.+)", text)
    return found[1] if found else platform.processor()


def compare(
    scorer: Scorer, network: torch.nn.Module, paths: list[Path], rounds: int
) -> dict[str, Any]:
    """Rates in pictures a second and their ratios, medians over the rounds."""
    few = paths[: max(4, len(paths) // 4)]
    measured: list[dict[str, float]] = []
    for _ in range(rounds + 1):
        rates = {
            "plain": rate(lambda: plain_script(scorer, network, few), len(few)),
            "ours": rate(lambda: list(scorer.score_many(paths)), len(paths)),
            "decode": rate(lambda: decode_only(scorer, paths), len(paths)),
            "decode and resize": rate(lambda: decode_and_resize(scorer, paths), len(paths)),
            "model": model_rate(scorer, paths),
        }
        measured.append(rates)
    measured = measured[1:]  # the first round warms caches
    bound = [1 / (1 / r["decode"] + 1 / r["model"]) for r in measured]
    resized = [1 / (1 / r["decode and resize"] + 1 / r["model"]) for r in measured]
    ours = [r["ours"] for r in measured]
    return {
        "pictures a second": {
            name: round(median(r[name] for r in measured), 2) for name in measured[0]
        },
        "times the plain script": ratio(ours, [r["plain"] for r in measured]),
        "share of the bound (decode, model)": ratio(ours, bound),
        "share of the bound (decode and resize, model)": ratio(ours, resized),
    }


def ratio(numerators: list[float], denominators: list[float]) -> dict[str, float]:
    """Round by round: median, least and greatest."""
    ratios = [a / b for a, b in zip(numerators, denominators, strict=True)]
    return {
        "median": round(median(ratios), 3),
        "min": round(min(ratios), 3),
        "max": round(max(ratios), 3),
    }


def rate(work: Callable[[], object], pictures: int) -> float:
    """Pictures a second."""
    begin = time.perf_counter()
    work()
    return pictures / (time.perf_counter() - begin)


def plain_script(scorer: Scorer, network: torch.nn.Module, paths: list[Path]) -> list[float]:
    """What people write: open, decode in full, resize, run, one picture at a time."""
    preprocess = scorer.weights.preprocess
    scores = []
    for path in paths:
        image = Image.open(path).convert("RGB")
        image = image.resize(preprocess.resized(*image.size), Image.Resampling.BICUBIC)
        pixels = torch.from_numpy(normalise(np.asarray(image), preprocess))[None]
        with torch.inference_mode():
            votes = torch.softmax(network(pixels).logits, dim=1)
        scores.append(float(votes[0].double() @ torch.from_numpy(VOTES)))
    return scores


def side_by_side(work: Callable[[Any], object], items: list[Any]) -> None:
    """Run on all cores, as scoring does."""
    with ThreadPoolExecutor(usable_cores()) as pool:
        list(pool.map(work, items))


def decode_only(scorer: Scorer, paths: list[Path]) -> None:
    """The first half of the bound."""
    side = scorer.weights.preprocess.decode_side
    side_by_side(lambda path: read_image(path, min_side=side), paths)


def decode_and_resize(scorer: Scorer, paths: list[Path]) -> None:
    """The first half of the bound, resizing counted to it."""
    preprocess = scorer.weights.preprocess
    side = preprocess.decode_side
    side_by_side(lambda path: resize_rgb(read_image(path, min_side=side).rgb, preprocess), paths)


def model_rate(scorer: Scorer, paths: list[Path]) -> float:
    """The second half of the bound: the network alone, in the batches that scoring uses."""
    preprocess = scorer.weights.preprocess
    pixels = prepare(read_image(paths[0], min_side=preprocess.decode_side).rgb, preprocess)
    batch = np.stack([pixels] * BATCH)
    batches = [batch] * max(8, len(paths) // BATCH)
    return rate(lambda: side_by_side(scorer.engine.run, batches), len(batches) * BATCH)


def parity(scorer: Scorer, network: torch.nn.Module, paths: list[Path]) -> dict[str, float]:
    """Scores against those of the plain script."""
    plain = np.array(plain_script(scorer, network, paths))
    ours = np.array([scorer.score(path).score for path in paths])
    return {
        "pictures": len(paths),
        "spearman": round(float(spearmanr(plain, ours).statistic), 5),
        "largest difference in votes": round(float(np.abs(plain - ours).max()), 4),
    }


def first_score(path: Path) -> dict[str, float]:
    """Seconds of a whole process that scores one picture."""
    command = [sys.executable, "-m", "ilgnet", "score", str(path), "--jsonl", "-q"]
    seconds = []
    for _ in range(7):
        begin = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - begin)
    return {"median seconds": round(median(seconds), 2), "max seconds": round(max(seconds), 2)}


def memory(paths: list[Path], many: int, work: Path) -> dict[str, float]:
    """Peak resident memory of the command over many pictures (links to the same few)."""
    folder = work / f"many-{many}"
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(many):
        link = folder / f"{index:06d}.jpg"
        if not link.exists():
            os.link(paths[index % len(paths)], link)
    command = [sys.executable, "-m", "ilgnet", "score", str(folder), "--jsonl", "-q"]
    begin = time.perf_counter()
    rows = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        rows = sum(1 for _ in process.stdout)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "pictures": many,
        "rows": rows,
        "peak resident MB": round(peak, 1),
        "pictures a second": round(many / seconds, 2),
    }


if __name__ == "__main__":
    main()
