"""The HTML report: one file with everything in it, to look at offline and to hand on.

The best pictures are plain HTML, which shows without the script as well. The others wait in a
template, where a browser neither decodes nor lays them out; the script brings them in as they are
scrolled to, and adds sorting, filtering, the histogram and the large view. A
Content-Security-Policy with the hashes of the file's own style and script forbids everything else:
no address is ever contacted, and no file name can become code. The file is written card by card;
pictures are never held together.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from html import escape
from importlib.metadata import version
from importlib.resources import files
from math import ceil
from pathlib import Path, PurePosixPath, PureWindowsPath
from statistics import fmean
from string import Template
from typing import Any, BinaryIO, Final

from ilgnet.report.output import open_output
from ilgnet.report.panel_html import Panel, panel_html
from ilgnet.report.progress import track
from ilgnet.report.rows import best_first, row, shown, with_run_percentiles
from ilgnet.report.thumbnails import FirstDecode, thumbnail_side, thumbnail_size, thumbnails
from ilgnet.values import Failure, ImageSource, Outcome, Verdict
from ilgnet.zoo.records import licence_of

_ASSETS: Final = files("ilgnet.report") / "assets"
FIRST_CARDS: Final = 60
"""So many cards are on the page from the start."""

_WIDEST, _TALLEST = 3.0, 0.5
"""Beyond these ratios a card shows the middle of its picture; the large view shows all of it."""


def write_gallery(
    outcomes: Iterable[Outcome],
    target: Path | None,
    *,
    open_picture: Callable[[str], ImageSource] = lambda path: path,
    explain: Callable[[str, ImageSource], Panel | None] | None = None,
    title: str | None = None,
    threads: int | None = None,
    show_progress: bool | None = False,
    first: FirstDecode | None = None,
) -> None:
    """Write the gallery of a run, best first.

    Args:
        outcomes: the run, in any order.
        target: the file to make or replace, see `open_output`; None is standard output.
        open_picture: from an outcome's path to what `read_image` takes; the path itself by default.
        explain: from a path, and what `read_image` takes for it, to why the picture has its score,
            which its large view then shows; None says nothing of that.
        title: the page's heading; None counts the photographs.
        threads: pictures decoded side by side; None takes every core.
        show_progress: as `show` of `ilgnet.report.progress.track`.
        first: what the run kept of the pictures that it decoded.

    Raises:
        IlgnetError: the target cannot be written.
    """
    run = best_first(with_run_percentiles(outcomes))
    verdicts = [outcome for outcome in run if isinstance(outcome, Verdict)]
    side = thumbnail_side(len(verdicts))
    head, middle, tail = _frame(run, title)
    pictures = thumbnails(verdicts, open_picture, side, threads, first)
    with open_output(target) as stream:
        _write(stream, head)
        for number, (verdict, thumbnail) in enumerate(
            track(pictures, total=len(verdicts), show=show_progress, label="Gallery")
        ):
            if number == FIRST_CARDS:
                _write(stream, middle)
            panel = None
            if explain is not None and thumbnail is not None:
                panel = explain(verdict.path, open_picture(verdict.path))
            _write(stream, _card(verdict, thumbnail, side, panel))
        _write(stream, tail if len(verdicts) > FIRST_CARDS else middle + tail)


def _write(stream: BinaryIO, text: str) -> None:
    stream.write(text.encode("utf-8"))


def _frame(run: Sequence[Outcome], title: str | None) -> tuple[str, str, str]:
    """The page before, between and after its two places for cards."""
    verdicts = [outcome for outcome in run if isinstance(outcome, Verdict)]
    failures = [outcome for outcome in run if isinstance(outcome, Failure)]
    style, script = _asset("gallery.css"), _asset("compare.js") + _asset("gallery.js")
    ratios = _ratio_rules(verdicts)
    high = sum(verdict.verdict == "high" for verdict in verdicts)
    heading = shown(title) if title else _count(len(verdicts), "photograph")
    page = Template(_asset("gallery.html")).substitute(
        policy=_policy([style, ratios], script),
        title=escape(heading),
        summary=escape(_summary(verdicts, failures)),
        style=style,
        ratios=ratios,
        amount=_amount(len(verdicts)),
        failures="".join(map(_failure, failures)),
        scored=len(verdicts),
        failed=len(failures),
        high_count=f"{high:,}",
        low_count=f"{len(verdicts) - high:,}",
        failed_count=f"{len(failures):,}",
        first=min(FIRST_CARDS, len(verdicts)),
        made_by=escape(_made_by(verdicts)),
        rows=_rows(verdicts),
        script=script,
    )
    head, _, rest = page.partition("<!-- first cards -->")
    middle, _, tail = rest.partition("<!-- other cards -->")
    return head, middle, tail


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _policy(styles: Sequence[str], script: str) -> str:
    return (
        "default-src 'none'; img-src data:; "
        f"style-src {' '.join(map(_hash, styles))}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _amount(pictures: int) -> str:
    """The class that decides how large pictures are shown at first."""
    return "few" if pictures <= 12 else "some" if pictures <= 120 else "many"


def _ratio(verdict: Verdict) -> int:
    """Width to height in per cent, within what a row of cards can hold."""
    return round(100 * min(max(verdict.width / verdict.height, _TALLEST), _WIDEST))


def _ratio_rules(verdicts: Iterable[Verdict]) -> str:
    """A rule for each shape that occurs: the policy allows no style on an element itself."""
    shapes = sorted(Counter(map(_ratio, verdicts)))
    return "".join(f".r{shape}{{--r:{shape / 100:g}}}" for shape in shapes)


def _card(verdict: Verdict, thumbnail: bytes | None, side: int, panel: Panel | None) -> str:
    name = escape(file_name(verdict.path))
    rank = rank_in_words(verdict.percentile)
    width, height = thumbnail_size(verdict.width, verdict.height, side)
    alt = f"{name}, score {verdict.score:.2f}, {verdict.verdict}, {rank}"
    if thumbnail is None:
        picture = f'<span class="gone" role="img" aria-label="{alt}">No longer readable</span>'
    else:
        data = base64.b64encode(thumbnail).decode()
        picture = (
            f'<img src="data:image/webp;base64,{data}" alt="{alt}" '
            f'width="{width}" height="{height}" loading="lazy" decoding="async">'
        )
    return (
        f'<li class="card r{_ratio(verdict)}">'
        f'<button class="photo" type="button">{picture}</button>'
        f'<p class="numbers"><b class="{verdict.verdict}">{verdict.score:.2f}</b>'
        f'{_votes_drawing(verdict.votes)}<span class="rank">{rank}</span></p>'
        f'<p class="name" title="{escape(shown(verdict.path))}">{name}</p>'
        f"{panel_html(panel) if panel else ''}</li>\n"
    )


def _votes_drawing(votes: Sequence[float] | None) -> str:
    """Ten bars, 59 x 18; votes of 6 and more stand out."""
    if votes is None:
        return ""
    top = max(votes)
    bars = [
        f"M{6 * place} 18v{-max(1.0, 18 * vote / top):.3g}h5V18z"
        for place, vote in enumerate(votes)
    ]
    return (
        '<svg class="votes" viewBox="0 0 59 18" aria-hidden="true">'
        f'<path d="{"".join(bars[:5])}"/><path class="good" d="{"".join(bars[5:])}"/></svg>'
    )


def _failure(failure: Failure) -> str:
    return (
        f'<li><span class="path">{escape(shown(failure.path))}</span>'
        f'<span class="reason">{escape(shown(failure.message))}</span>'
        f"<code>{escape(failure.code)}</code></li>\n"
    )


def _rows(verdicts: Iterable[Verdict]) -> str:
    """The rows of the cards for the script, as JSON that no HTML parser can mistake for HTML.

    `path` is exact, to be copied and saved; `name` and `folder` are for looking at.
    """
    rows: list[dict[str, Any]] = []
    for verdict in verdicts:
        name = file_name(verdict.path)
        folder = shown(verdict.path).removesuffix(name)
        rows.append({**row(verdict), "name": name, "folder": folder})
    return json.dumps(rows, separators=(",", ":")).replace("<", "\\u003c")


def file_name(path: str) -> str:
    """The last part of a path of either kind, fit to be shown."""
    windows = "\\" in path and "/" not in path
    name = PureWindowsPath(path).name if windows else PurePosixPath(path).name
    return shown(name or path)


def rank_in_words(percentile: float) -> str:
    """Where a percentile is: "top 3%" or "bottom 20%"."""
    if percentile >= 50:
        return f"top {max(1, ceil(100 - percentile))}%"
    return f"bottom {max(1, ceil(percentile))}%"


def _count(number: int, noun: str) -> str:
    amount = f"{number:,}" if number else "No"
    return f"{amount} {noun}{'' if number == 1 else 's'}"


def _summary(verdicts: Sequence[Verdict], failures: Sequence[Failure]) -> str:
    parts = []
    if verdicts:
        scores = [verdict.score for verdict in verdicts]
        if len(scores) > 1:
            parts.append(f"scores from {min(scores):.2f} to {max(scores):.2f}")
        parts.append(f"mean {fmean(scores):.2f}")
    if failures:
        parts.append(f"{_count(len(failures), 'file')} could not be scored")
    return ", ".join(parts)


def _made_by(verdicts: Sequence[Verdict]) -> str:
    """Program, models and, of those that are known by name, what their licences allow."""
    models = sorted({(verdict.model, verdict.preprocess) for verdict in verdicts})
    said = []
    for name, preprocess in models:
        licence = licence_of(name)
        said.append(
            f" with {name}, preprocessing {preprocess}"
            + (f", licence of the weights: {licence}" if licence else "")
        )
    return f"Made by ILGNet {version('ilgnet')}" + ";".join(said)
