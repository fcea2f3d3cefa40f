"""`ilgnet bursts`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ilgnet.cli.burst_options import no_faces_option, similarity_option
from ilgnet.cli.exits import EXIT_NOTHING, EXIT_OK
from ilgnet.cli.library_options import library_argument, stars_from_option
from ilgnet.cli.option_records import refuse_idle
from ilgnet.errors import amount
from ilgnet.library.choosing.bursts import USUAL, BurstRule, Group, find_bursts, with_bursts
from ilgnet.library.choosing.near_duplicates import find_near_duplicates
from ilgnet.library.open_library import Library, open_library
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.library.sidecar.statements import with_opinions
from ilgnet.report.rows import shown
from ilgnet.taste.learnt import Agreement
from ilgnet.zoo.records import Similarity

if TYPE_CHECKING:
    from ilgnet.explanation.frames import LostFrame


@click.command()
@library_argument
@click.option(
    "--gap",
    type=click.FloatRange(min=0),
    default=USUAL.gap,
    show_default=True,
    metavar="SECONDS",
    help="The longest pause between two frames of a burst.",
)
@similarity_option
@click.option(
    "--duplicates",
    is_flag=True,
    help="Also find pictures that look the same whenever they were taken: copies, edits.",
)
@click.option(
    "--duplicate-similarity",
    type=click.FloatRange(0, 1),
    metavar="COSINE",
    help="How alike near-duplicates must be.  [default: as measured for the model]",
)
@stars_from_option
@click.option("--model", metavar="NAME|DIR", help="Whose features.  [default: the last used]")
@click.option(
    "--why",
    is_flag=True,
    help="Look at the pictures again and say what is worse in the frames that lost.",
)
@click.option(
    "--faces",
    is_flag=True,
    help="Look at the pictures again: a frame whose main face is blurred, while it is sharp in "
    "another, loses 2 votes. Closed eyes do not count: see docs/explanations.md.",
)
@no_faces_option
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
def bursts(
    folder: Path,
    gap: float,
    similarity: float | None,
    duplicates: bool,
    duplicate_similarity: float | None,
    stars_from: int,
    model: str | None,
    why: bool,
    faces: bool,
    no_faces: bool,
    as_json: bool,
) -> int:
    """Group frames that were taken together, with the best of each group and why.

    DIR is a library (see `ilgnet score --library`), a folder of one, or any folder, which is then
    scored. A RAW and its JPEG are one photograph. Capture times and running numbers nominate; the
    pictures must look alike, too.

    \b
      ilgnet bursts photos/
      ilgnet bursts photos/ --gap 30 --duplicates
      ilgnet bursts photos/ --why               softer, tilted, darker, eyes closed
      ilgnet bursts photos/ --faces             a blurred main face counts
      ilgnet bursts photos/ --json | jq -r '.bursts[].photographs[0].path'

    Where you have given stars, it says how often the scores order a burst as you do.
    """
    if not duplicates:
        refuse_idle("--duplicates", "duplicate_similarity")
    if not why:
        refuse_idle("--why", "no_faces")
    if faces and no_faces:
        raise click.UsageError("--faces or --no-faces?")
    library = open_library(folder, model=model, stars_from=stars_from)
    if library.place is None:
        from ilgnet.report.progress import track

        for _ in track(library.score()):
            pass
    found = library.photographs(features=True)
    alike = _alike(library, similarity, duplicate_similarity, duplicates)
    rule = BurstRule(gap)
    if faces:
        from ilgnet.library.choosing.faces import with_faces

        found = with_faces(with_bursts(found, alike, rule))
    report = _Report(library.root, find_bursts(found, alike, rule))
    if duplicates:
        report.add_duplicates(found, alike.duplicate)
    if why:
        report.look(faces=not no_faces)
    report.rate(stars_from)
    click.echo(json.dumps(report.to_json(), indent=2) if as_json else report.text(len(found)))
    return EXIT_OK if found else EXIT_NOTHING


def _alike(
    library: Library, burst: float | None, duplicate: float | None, duplicates: bool
) -> Similarity:
    """Which features are alike: as asked for, else as the model's record says."""
    if burst is None or (duplicates and duplicate is None):
        known = library.similarity
        burst = known.burst if burst is None else burst
        return Similarity(burst, known.quick, known.duplicate if duplicate is None else duplicate)
    return Similarity(burst, burst, burst if duplicate is None else duplicate)


@dataclass(slots=True)
class _Report:
    root: Path
    bursts: list[Group]
    duplicates: list[Group] | None = None
    agreement: Agreement | None = None
    lost: dict[Path, LostFrame] | None = None

    def add_duplicates(self, found: Sequence[Photograph], similarity: float) -> None:
        """Look for near-duplicates among the best of the bursts and what is in none."""
        others = {photo.path for burst in self.bursts for photo in burst.photographs[1:]}
        alone = [photo for photo in found if photo.path not in others]
        self.duplicates = find_near_duplicates(alone, similarity)

    def look(self, *, faces: bool) -> None:
        """Say what is worse in the frames that lost."""
        from ilgnet.explanation.frames import why_frames_lost
        from ilgnet.report.progress import track

        frames = [group.photographs for group in self.bursts]
        total = sum(len(burst) - 1 for burst in frames)
        found = track(why_frames_lost(frames, faces=faces), total=total, label="Reasons")
        self.lost = {lost.photograph.path: lost for lost in found}

    def rate(self, stars_from: int) -> None:
        """Compare with the person's stars, where there are any."""
        rated = [
            (photo.frame_score, float(photo.opinion.rating), str(number))
            for number, burst in enumerate(self.bursts)
            for photo in with_opinions(burst.photographs, stars_from)
            if photo.opinion.rating is not None and not photo.opinion.is_doubtful
        ]
        if rated:
            from ilgnet.taste.agreement import agreement_of, pairs_in_groups

            scores, ratings, groups = map(np.array, zip(*rated, strict=True))
            self.agreement = agreement_of(pairs_in_groups(scores, ratings, groups))

    def to_json(self) -> dict[str, Any]:
        record: dict[str, Any] = {"bursts": [self._group(group) for group in self.bursts]}
        if self.duplicates is not None:
            record["duplicates"] = [self._group(group) for group in self.duplicates]
        agreed = self.agreement
        record["agreement_with_stars"] = agreed and {
            "share": agreed.share.value,
            "low": None if np.isnan(agreed.share.low) else agreed.share.low,
            "high": None if np.isnan(agreed.share.high) else agreed.share.high,
            "pairs": agreed.pairs,
            "bursts": agreed.groups,
        }
        return record

    def text(self, count: int) -> str:
        lines = [f"{amount(len(self.bursts), 'burst')} among {amount(count, 'photograph')}"]
        for group in [*self.bursts, *(self.duplicates or [])]:
            best, *others = group.photographs
            lines += ["", f"{group.why}", f"  best  {shown(self._name(best.path))}: {group.best}"]
            lines += [
                f"  {_scores(photo)}  {shown(self._name(photo.path))}{self._why(photo)}"
                for photo in others
            ]
        if self.duplicates is not None:
            lines += ["", f"{amount(len(self.duplicates), 'group')} of near-duplicates"]
        if self.agreement:
            lines += ["", f"Within bursts the scores order as your stars do: {self.agreement}"]
        return "\n".join(lines)

    def _group(self, group: Group) -> dict[str, Any]:
        photographs = [self._photograph(photo) for photo in group.photographs]
        return {"why": group.why, "best": group.best, "photographs": photographs}

    def _why(self, photo: Photograph) -> str:
        """What is worse in it, as the end of a line."""
        lost = (self.lost or {}).get(photo.path)
        return f": {behind_words(lost)}; {lost.words}" if lost else ""

    def _photograph(self, photo: Photograph) -> dict[str, Any]:
        technical, taken = photo.verdict.technical, photo.capture.taken
        return {
            "path": self._name(photo.path),
            "files": [self._name(path) for path in photo.group.pictures],
            "score": round(photo.score, 4),
            "technical": None if technical is None else round(technical, 4),
            "taken": None if taken is None else taken.isoformat(),
            **({} if self.lost is None else {"why": _why_json(self.lost.get(photo.path))}),
        }

    def _name(self, path: Path) -> str:
        """A path from the library's folder."""
        return path.relative_to(self.root).as_posix()


def _scores(photo: Photograph) -> str:
    technical = photo.verdict.technical
    return f"{photo.score:.2f}" if technical is None else f"{photo.score:.2f} {technical:+.2f}"


def behind_words(lost: LostFrame) -> str:
    """By how much a frame is behind the best, and of what that is made."""
    parts = {"score": lost.score, "technical": lost.technical, "blurred face": lost.face or None}
    known = [f"{name} {votes:.2f}" for name, votes in parts.items() if votes is not None]
    made_of = f" ({', '.join(known)})" if len(known) > 1 else ""
    return f"behind by {lost.behind:.2f}{made_of}"


def _why_json(lost: LostFrame | None) -> dict[str, Any] | None:
    return None if lost is None else lost.to_json()
