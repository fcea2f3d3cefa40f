"""Speed, memory and faithfulness of scoring, measured side by side in one run.

    python benchmarks/speed/run.py [--rounds 5] [--each 24] [--many 10000] [--work FOLDER]

Compares `Scorer.score_many` with the plain script that people write (Pillow decodes the whole
picture, PyTorch runs eagerly, one picture at a time), and with the bound that scaled decoding and
the model together set on these cores: 1 / (1 / decode + 1 / model). Within a round all are timed
one after the other; what counts are the ratios, of which the medians over the rounds are printed.

The figures go to benchmarks/speed/results/, named by their conditions, and page.py writes README.md
beside that folder from all that is there; --results takes them elsewhere. Takes about ten minutes
on two cores, which should have nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import spearmanr

from ilgnet.images.decode import read_image
from ilgnet.images.preprocess import prepare, resize_rgb
from ilgnet.models.ilgnet import ILGNet
from ilgnet.scoring import BATCH, Scorer, load, usable_cores
from ilgnet.training.start import torch_network
from ilgnet.values import VOTES

sys.path.insert(0, str(Path(__file__).parent))
from page import RESULTS, write_page
from pictures import make_pictures

BATCHES_A_THREAD = 12
"""So many in a timed run of scoring that the threads end together, but for a few per cent."""

# Runs a command and tells its peak. Asked of a child of this process, the system would answer with
# the peak of this process, PyTorch included: a child begins as a copy of its parent.
WATCHED = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--each", type=int, default=24, help="pictures of each size")
    parser.add_argument("--many", type=int, default=10_000, help="pictures of the memory run")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "ilgnet-speed")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures go")
    options = parser.parse_args()

    files = make_pictures(options.work / "pictures", options.each)
    scorer = load()
    network = torch_network(scorer.weights).eval()
    every = [path for paths in files.values() for path in paths]
    result: dict[str, Any] = {"conditions": conditions(scorer, files, options.rounds)}
    result["speed"] = {
        size: compare(scorer, network, paths, options.rounds) for size, paths in files.items()
    }
    result["scores"] = parity(scorer, network, every)
    result["first score"] = first_score(files["12MP"][0])
    result["memory"] = memory(every, options.many, options.work)
    print(json.dumps(result, indent=2))
    options.results.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", f"{cpu()} {usable_cores()} cores".lower()).strip("-")
    text = json.dumps(result, indent=2) + "\n"
    (options.results / f"{name}.json").write_text(text, encoding="utf-8")
    write_page(options.results)


def conditions(scorer: Scorer, files: dict[str, list[Path]], rounds: int) -> dict[str, Any]:
    """What the figures hold for."""
    packages = ("numpy", "pillow", "simplejpeg", "onnxruntime", "torch")
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": cpu(),
        "cores": usable_cores(),
        "load before": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "packages": {name: version(name) for name in packages},
        "model": scorer.weights.name,
        "architecture": scorer.weights.architecture,
        "preprocess": scorer.weights.preprocess.fingerprint(),
        "rounds": rounds,
        "pictures": {size: file_sizes(paths) for size, paths in files.items()},
    }


def file_sizes(paths: list[Path]) -> dict[str, float]:
    """How many files, and their megabytes."""
    sizes = [path.stat().st_size / 1e6 for path in paths]
    return {
        "files": len(sizes),
        "smallest MB": round(min(sizes), 2),
        "median MB": round(median(sizes), 2),
        "largest MB": round(max(sizes), 2),
    }


def cpu() -> str:
    """The processor's name."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    found = re.search(r"model name\s*: (.+)", text)
    return found[1] if found else platform.processor()


def compare(scorer: Scorer, network: ILGNet, paths: list[Path], rounds: int) -> dict[str, Any]:
    """Rates in pictures a second and their ratios, medians over the rounds."""
    wanted = max(len(paths), BATCHES_A_THREAD * BATCH * scorer.threads)
    many = list(islice(cycle(paths), wanted))
    batch = np.stack([prepared(scorer, path) for path in islice(cycle(paths), BATCH)])
    batches = [batch] * (wanted // BATCH)
    measured: list[dict[str, float]] = []
    for _ in range(rounds + 1):
        measured.append(
            {
                "plain script": rate(lambda: plain_script(scorer, network, paths), len(paths)),
                "decode": rate(lambda: decode_only(scorer, many), wanted),
                "ilgnet": rate(lambda: list(scorer.score_many(many)), wanted),
                "model": rate(lambda: model_only(scorer, batches), len(batches) * BATCH),
                "decode and resize": rate(lambda: decode_and_resize(scorer, many), wanted),
            }
        )
    del measured[0]  # the first round warms caches
    for rates in measured:
        rates["bound"] = 1 / (1 / rates["decode"] + 1 / rates["model"])
        rates["bound with resizing"] = 1 / (1 / rates["decode and resize"] + 1 / rates["model"])
    return {
        "pictures a second": {
            name: round(median(rates[name] for rates in measured), 2) for name in measured[0]
        },
        "times the plain script": ratio(measured, "plain script"),
        "share of the bound": ratio(measured, "bound"),
        "share of the bound with resizing": ratio(measured, "bound with resizing"),
    }


def ratio(measured: list[dict[str, float]], other: str) -> dict[str, float]:
    """Scoring's rate over another's, round by round: median, least and greatest."""
    ratios = [rates["ilgnet"] / rates[other] for rates in measured]
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


def plain_script(scorer: Scorer, network: ILGNet, paths: list[Path]) -> list[float]:
    """What people write: open, decode in full, resize, run, one picture at a time."""
    preprocess = scorer.weights.preprocess
    scores = []
    for path in paths:
        image = Image.open(path).convert("RGB")
        image = image.resize(preprocess.resized(*image.size), Image.Resampling.BICUBIC)
        pixels = torch.from_numpy(prepare(np.asarray(image), preprocess))[None]
        with torch.inference_mode():
            votes = network(pixels).probabilities
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


def model_only(scorer: Scorer, batches: list[NDArray[np.float32]]) -> None:
    """The second half of the bound: the network alone, in the batches that scoring uses."""
    side_by_side(scorer.engine.run, batches)


def prepared(scorer: Scorer, path: Path) -> NDArray[np.float32]:
    """The network's input of one picture, float32 (3, h, w)."""
    preprocess = scorer.weights.preprocess
    return prepare(read_image(path, min_side=preprocess.decode_side).rgb, preprocess)


def parity(scorer: Scorer, network: ILGNet, paths: list[Path]) -> dict[str, float]:
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
    return {"median s": round(median(seconds), 2), "max s": round(max(seconds), 2)}


def memory(paths: list[Path], many: int, work: Path) -> dict[str, float]:
    """Peak resident memory of the command over many pictures (links to the same files)."""
    folder = work / f"many-{many}"
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(many):
        link = folder / f"{index:06d}.jpg"
        if not link.exists():
            os.link(paths[index % len(paths)], link)
    score = [sys.executable, "-m", "ilgnet", "score", str(folder), "--jsonl", "-q"]
    watched = [sys.executable, "-c", WATCHED, *score]
    begin = time.perf_counter()
    done = subprocess.run(watched, check=True, capture_output=True)
    seconds = time.perf_counter() - begin
    kilobytes = 1 if sys.platform == "linux" else 1 / 1024
    return {
        "pictures": many,
        "rows": done.stdout.count(b"\n"),
        "peak resident MB": round(int(done.stderr) * kilobytes / 1024, 1),
        "pictures a second": round(many / seconds, 2),
    }


if __name__ == "__main__":
    main()
