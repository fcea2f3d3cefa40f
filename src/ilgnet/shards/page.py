"""What a filter found, as one self-contained page: scores, samples of each band, failures."""

from __future__ import annotations

import base64
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ilgnet.errors import FAILURE_CODES, ImageError
from ilgnet.images.decode import read_image
from ilgnet.report.plain_page import plain_style
from ilgnet.report.rows import shown
from ilgnet.shards.filter import FATES, Fate, Filter, index_score
from ilgnet.shards.job import Shard
from ilgnet.shards.pictures import read_shard

BANDS: Final = (1.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 10.0)
"""Edges of the bands of scores: most photographs lie between 4 and 7."""

PERCENTS: Final = (1, 5, 10, 25, 50, 75, 90, 95, 99)
THUMBNAIL: Final = 160
BARS: Final = 90


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture of a band."""

    shard: Shard
    row: int
    key: str
    score: float
    fate: Fate


def render_page(chosen: Filter, *, samples: int = 6) -> str:
    """The page.

    Args:
        chosen: the filter.
        samples: pictures shown of each band of scores; 0 shows nobody's pictures. Taken by hash,
            so the same job shows the same ones; their shards are read again.
    """
    found = chosen.found
    title = f"{found.fates[Fate.TAKEN]:,} of {found.rows:,} pictures"
    style = plain_style() + files("ilgnet.shards").joinpath("page.css").read_text(encoding="utf-8")
    parts = [
        f"<h1>{title}</h1>",
        _conditions(chosen),
        _table("What became of the rows", ("rows", "share"), _fates(chosen)),
        _histogram(found.scores, found.taken),
        _table("Percentiles of the scores", ("all scored", "taken"), _percentiles(chosen)),
        _bands(chosen, samples) if samples else "",
        _table("Failures", ("code", "rows", "meaning"), _failures(chosen)),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{style}</style></head>\n"
        f"<body><main>\n{chr(10).join(filter(None, parts))}\n</main></body></html>\n"
    )


def _conditions(chosen: Filter) -> str:
    wanted, parts = chosen.wanted, chosen.parts
    terms = {
        "job": parts.folder.address,
        "model": f"{parts.job.model}, digest {parts.job.digest}",
        "parts": f"{len(parts.shards):,}" + (f", {parts.missing:,} missing" * bool(parts.missing)),
        "where": wanted.where,
        "lowest score": wanted.min_score,
        "without": ", ".join(f"{n}: {k:,} rows" for n, k in chosen.found.in_lists.items()),
        "unique": "the first of those with the same bytes" if wanted.unique else None,
        "unlike": "the first of those that look the same" if wanted.unlike else None,
        "top": wanted.top_percent is not None
        and f"{wanted.top_percent:g} %, from a score of {chosen.found.threshold}",
        "sample": wanted.sample is not None and f"{wanted.sample:,}, seed {wanted.seed}",
    }
    rows = (f"<dt>{n}</dt><dd>{escape(shown(str(v)))}</dd>" for n, v in terms.items() if v)
    return f"<dl>{''.join(rows)}</dl>"


def _table(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    first = "" if len(rows and rows[0]) == len(head) else "<th></th>"
    cells = "".join(f"<th>{name}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<h2>{title}</h2><div class="wide"><table><thead><tr>{first}{cells}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _fates(chosen: Filter) -> list[tuple[str, ...]]:
    rows = max(chosen.found.rows, 1)
    return [
        (text, f"{chosen.found.fates[fate]:,}", f"{100 * chosen.found.fates[fate] / rows:.2f} %")
        for fate, text in FATES.items()
    ]


def _failures(chosen: Filter) -> list[tuple[str, ...]]:
    """Every code, those that did not occur too."""
    return [
        (code, f"{chosen.found.failures[code]:,}", text) for code, text in FAILURE_CODES.items()
    ]


def _percentiles(chosen: Filter) -> list[tuple[str, ...]]:
    return [
        (f"{percent} %", _percentile(chosen.found.scores, percent), _percentile(taken, percent))
        for taken in [chosen.found.taken]
        for percent in PERCENTS
    ]


def _percentile(counts: NDArray[np.int64], percent: float) -> str:
    total = int(counts.sum())
    if not total:
        return "–"
    place = int(np.searchsorted(np.cumsum(counts), total * percent / 100))
    return f"{index_score(min(place, len(counts) - 1)):.2f}"


def _histogram(scores: NDArray[np.int64], taken: NDArray[np.int64]) -> str:
    """Bars a tenth of a vote wide: all that were scored, and over them those taken."""
    edges = np.linspace(0, len(scores), BARS + 1).astype(int)
    every = np.add.reduceat(scores, edges[:-1])
    chosen = np.add.reduceat(taken, edges[:-1])
    most = max(int(every.max()), 1)
    bars = []
    for index, (one, other) in enumerate(zip(every, chosen, strict=True)):
        for count, name in ((one, "all"), (other, "mark")):
            height = 200 * count / most
            bars.append(
                f'<rect class="{name}" x="{10 * index}" y="{200 - height:.1f}" width="9" '
                f'height="{height:.1f}"/>'
            )
    ticks = "".join(
        f'<text x="{100 * (vote - 1)}" y="218" text-anchor="middle">{vote}</text>'
        for vote in range(1, 11)
    )
    return (
        "<h2>Scores</h2><figure>"
        f'<svg viewBox="-10 -5 920 230" role="img" aria-label="Distribution of scores">'
        f"{''.join(bars)}{ticks}</svg>"
        "<figcaption>Mean vote, 1 to 10: all that were scored, and in colour those taken."
        "</figcaption></figure>"
    )


def _bands(chosen: Filter, count: int) -> str:
    bands = _samples(chosen, count)
    pictures = dict(_thumbnails(chosen, [s for band in bands for s in band]))
    grids = []
    for index, band in enumerate(bands):
        low, high = BANDS[index], BANDS[index + 1]
        if not band:
            continue
        cards = "".join(_card(sample, pictures.get(sample)) for sample in band)
        grids.append(f'<h3>{low:g} to {high:g}</h3><div class="grid">{cards}</div>')
    return f"<h2>Samples by score</h2>{''.join(grids)}" if grids else ""


def _samples(chosen: Filter, count: int) -> list[list[Sample]]:
    """Of each band the pictures with the lowest hashes, best first."""
    heaps: list[list[tuple[int, int, Sample]]] = [[] for _ in BANDS[1:]]
    number = 0
    for shard, first, batch, fates in chosen.rows():
        hashes = chosen.hashes(batch)
        scores = batch.column("score").to_numpy(zero_copy_only=False)
        bands = np.minimum(np.searchsorted(BANDS, scores, "right") - 1, len(heaps) - 1)
        for row in np.flatnonzero(~np.isnan(scores)).tolist():
            heap, rank = heaps[bands[row]], -int(hashes[row])
            if len(heap) == count and rank < heap[0][0]:
                continue
            key = batch.column("key")[row].as_py()
            sample = Sample(shard, first + row, key, float(scores[row]), Fate(int(fates[row])))
            number += 1
            (heapq.heappush if len(heap) < count else heapq.heappushpop)(
                heap, (rank, number, sample)
            )
    return [sorted((s for *_, s in heap), key=lambda s: -s.score) for heap in heaps]


def _thumbnails(chosen: Filter, samples: list[Sample]) -> Iterator[tuple[Sample, bytes]]:
    by_shard: dict[str, dict[int, Sample]] = {}
    for sample in samples:
        by_shard.setdefault(sample.shard.name, {})[sample.row] = sample
    for wanted in by_shard.values():
        shard = next(iter(wanted.values())).shard
        for row, (where, data) in enumerate(read_shard(chosen.parts.folder, shard)):
            if row in wanted:
                sample = wanted.pop(row)
                if isinstance(data, bytes) and (thumbnail := _thumbnail(data, where.name)):
                    yield sample, thumbnail
            if not wanted:
                break


def _thumbnail(data: bytes, name: str) -> bytes | None:
    try:
        image = Image.fromarray(read_image(data, min_side=THUMBNAIL, name=name).rgb)
    except ImageError:
        return None
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    stream = BytesIO()
    image.save(stream, "WEBP", quality=70)
    return stream.getvalue()


def _card(sample: Sample, picture: bytes | None) -> str:
    key = escape(shown(sample.key), quote=True)
    source = base64.b64encode(picture).decode() if picture else ""
    image = f'<img alt="" src="data:image/webp;base64,{source}">' if picture else "<i>gone</i>"
    kind = "taken" if sample.fate == Fate.TAKEN else "left"
    return (
        f'<figure class="{kind}" title="{key}: {FATES[sample.fate]}">'
        f"{image}<figcaption>{sample.score:.2f} {key}</figcaption></figure>"
    )
