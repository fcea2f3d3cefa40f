"""Score pictures of 150 and 200 megapixels, and see how much memory that takes.

    python benchmarks/large_pictures/run.py [--folder DIR] [--sizes 14336x11264 16384x12288]

Each is made in code, in a process of its own (which takes more memory than reading it), and scored
by `ilgnet score` with two threads. The peak is that of the whole process, VmHWM on Linux. The
figures go to benchmarks/large_pictures/results.json and README.md beside it; exit code 1 where
a picture is not scored, or takes more than the stated limit of decision 0083.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LIMIT_MB = 3000
TILE = 1024
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "JPEG.jpg": ("JPEG", {"quality": 90}),
    "PNG.png": ("PNG", {"compress_level": 1}),
    "TIFF, 8-bit, LZW.tif": ("TIFF", {"compression": "tiff_lzw"}),
    "TIFF, 16-bit, deflate.tif": ("deep", {}),
    "HEIC, tiles of 1024.heic": ("grid", {}),
    "AVIF.avif": ("AVIF", {"quality": 50, "speed": 10}),
}

SCORE = """
import json, sys
from ilgnet.cli.main import main
sys.argv = ["ilgnet", "score", sys.argv[1], "--jsonl", "--quiet", "--threads", "2"]
try:
    main()
finally:
    sys.stdout.flush()
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(json.dumps({"peak_mb": int(peak.split()[1]) // 1024}), flush=True)
"""


def main() -> None:
    """Make, score, write down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--folder", type=Path, help="for the pictures; a temporary one if not given"
    )
    parser.add_argument("--sizes", nargs="+", default=["14336x11264", "16384x12288"])
    parser.add_argument("--make", nargs=3, metavar=("KIND", "SIZE", "PATH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make(*options.make)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        rows = [measured(kind, size, folder) for size in options.sizes for kind in KINDS]
    result = {
        "limit_mb": LIMIT_MB,
        "conditions": {
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            **{name: version(name) for name in ("pillow", "pillow_heif", "simplejpeg")},
        },
        "rows": rows,
    }
    (HERE / "results.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (HERE / "README.md").write_text(page(result), encoding="utf-8")
    sys.exit(any(row["score"] is None or row["peak_mb"] > LIMIT_MB for row in rows))


def make(kind: str, size: str, path: str) -> None:
    """Write a picture with soft colours and some texture."""
    import numpy as np
    from PIL import Image

    width, height = map(int, size.split("x"))
    format, options = KINDS[kind]
    x, y = (
        np.linspace(0, 200, width, dtype=np.float32),
        np.linspace(0, 200, height, dtype=np.float32)[:, None],
    )
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[..., 0], rgb[..., 1], rgb[..., 2] = x, y, (x + y) / 2
    rgb[::64, :, 1] += 40
    if format == "deep":
        import tifffile

        tifffile.imwrite(path, rgb.astype(np.uint16) * 257, compression="zlib", rowsperstrip=64)
        return
    if format == "grid":
        sys.path.insert(0, str(HERE.parents[1]))
        from tests.images.heic_grid import heic_grid

        tile = Image.fromarray(rgb).resize((TILE, TILE))
        Path(path).write_bytes(heic_grid(tile, width // TILE, height // TILE))
        return
    Image.fromarray(rgb).save(path, format, **options)


def measured(kind: str, size: str, folder: Path) -> dict[str, Any]:
    """What became of one picture."""
    path = folder / f"picture{Path(kind).suffix}"
    subprocess.run([sys.executable, __file__, "--make", kind, size, str(path)], check=True)
    done = subprocess.run(
        [sys.executable, "-c", SCORE, str(path)], capture_output=True, text=True, check=False
    )
    path.unlink()
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    row = {"kind": Path(kind).stem, "size": size, "score": lines[0]["score"], **lines[-1]}
    print(row, flush=True)
    return row


def page(result: dict[str, Any]) -> str:
    """The figures, for people."""
    sizes = list(dict.fromkeys(row["size"] for row in result["rows"]))
    peaks = {(row["kind"], row["size"]): row for row in result["rows"]}
    kinds = [Path(kind).stem for kind in KINDS]

    def megapixels(size: str) -> str:
        width, height = map(int, size.split("x"))
        return f"{size} ({width * height / 1e6:.0f} megapixels)"

    def cell(kind: str, size: str) -> str:
        row = peaks.get((kind, size))
        if row is None:
            return "not measured"
        return (
            f"{row['peak_mb']:,}" if row["score"] is not None else f"{row['peak_mb']:,}, no score"
        )

    conditions = ", ".join(f"{name} {value}" for name, value in result["conditions"].items())
    table = "\n".join(
        f"| {kind} | {' | '.join(cell(kind, size) for size in sizes)} |" for kind in kinds
    )
    return f"""# Large pictures

    python benchmarks/large_pictures/run.py

Peak resident memory of `ilgnet score` with two threads on one picture, in MB; the stated limit
is {result["limit_mb"]:,} (decision [0083](../../docs/decisions/0083-limits-of-decoding.md)).
{conditions}. Written by [run.py](run.py) from [results.json](results.json);
`tests/images/test_memory.py` holds the memory for each pixel.

| | {" | ".join(map(megapixels, sizes))} |
|---|{"---:|" * len(sizes)}
{table}
"""


if __name__ == "__main__":
    main()
