"""`ilgnet bursts`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from ilgnet.cli.exits import EXIT_NOTHING, EXIT_OK
from ilgnet.cli.library_options import library_argument
from ilgnet.library.catalogue.catalogue import Catalogue
from ilgnet.library.catalogue.place import find_library
from ilgnet.library.choosing.bursts import USUAL, BurstRule, Group, find_bursts
from ilgnet.library.choosing.near_duplicates import NEAR_DUPLICATE, find_near_duplicates
from ilgnet.library.photograph.shots import Shot, shots
from ilgnet.library.sidecar.ratings import own_ratings
from ilgnet.report.rows import shown
from ilgnet.taste.agreement import Agreement, within_groups


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
@click.option(
    "--similarity",
    type=click.FloatRange(0, 1),
    default=USUAL.similarity,
    show_default=True,
    help="How alike the frames of a burst must be for the model.",
)
@click.option(
    "--duplicates",
    is_flag=True,
    help="Also find pictures that look the same whenever they were taken: copies, edits.",
)
@click.option(
    "--duplicate-similarity",
    type=click.FloatRange(0, 1),
    default=NEAR_DUPLICATE,
    show_default=True,
    help="How alike near-duplicates must be.",
)
@click.option("--model", metavar="NAME", help="Whose features.  [default: the last used]")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
def bursts(
    folder: Path,
    gap: float,
    similarity: float,
    duplicates: bool,
    duplicate_similarity: float,
    model: str | None,
    as_json: bool,
) -> int:
    """Group frames that were taken together, with the best of each group and why.

    DIR is a library (see `ilgnet score --library`) or a folder of one. A RAW and its JPEG are one
    shot. Capture times and running numbers nominate; the pictures must look alike, too.

    \b
      ilgnet bursts photos/
      ilgnet bursts photos/ --gap 30 --duplicates
      ilgnet bursts photos/ --json | jq -r '.bursts[].shots[0].path'

    Where you have given stars, it says how often the scores order a burst as you do.
    """
    library = find_library(folder)
    with Catalogue(library, "read") as catalogue:
        scorer = catalogue.find_model(model)
        found = shots(catalogue.entries(scorer, catalogue.within(folder)))
        features = catalogue.features(scorer, [shot.entry.sha256 for shot in found])
    report = _Report(library.root, find_bursts(found, features, BurstRule(gap, similarity)))
    if duplicates:
        report.add_duplicates(found, features, duplicate_similarity)
    report.rate()
    click.echo(json.dumps(report.to_json(), indent=2) if as_json else report.text(len(found)))
    return EXIT_OK if found else EXIT_NOTHING


@dataclass(slots=True)
class _Report:
    root: Path
    bursts: list[Group]
    duplicates: list[Group] | None = None
    agreement: Agreement | None = None

    def add_duplicates(
        self, found: Sequence[Shot], features: NDArray[np.float32], similarity: float
    ) -> None:
        """Look for near-duplicates among the best of the bursts and what is in none."""
        others = {shot.path for burst in self.bursts for shot in burst.shots[1:]}
        chosen = [index for index, shot in enumerate(found) if shot.path not in others]
        alone = [found[index] for index in chosen]
        self.duplicates = find_near_duplicates(alone, features[chosen], similarity)

    def rate(self) -> None:
        """Compare with the person's stars, where there are any."""
        inside = [shot for burst in self.bursts for shot in burst.shots]
        stars = own_ratings(self.root, inside).stars
        rated = [
            (shot.frame_score, float(stars[shot.path]), str(number))
            for number, burst in enumerate(self.bursts)
            for shot in burst.shots
            if shot.path in stars
        ]
        if rated:
            scores, ratings, groups = zip(*rated, strict=True)
            self.agreement = within_groups(np.array(scores), np.array(ratings), np.array(groups))

    def to_json(self) -> dict[str, Any]:
        record: dict[str, Any] = {"bursts": [_group(group) for group in self.bursts]}
        if self.duplicates is not None:
            record["duplicates"] = [_group(group) for group in self.duplicates]
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
        lines = [f"{len(self.bursts)} bursts among {count} shots"]
        for group in [*self.bursts, *(self.duplicates or [])]:
            best = group.shots[0]
            lines += ["", f"{group.why}", f"  best  {shown(best.path)}: {group.best}"]
            lines += [f"  {_scores(shot)}  {shown(shot.path)}" for shot in group.shots[1:]]
        if self.duplicates is not None:
            lines += ["", f"{len(self.duplicates)} groups of near-duplicates"]
        if self.agreement:
            lines += ["", f"Within bursts the scores order as your stars do: {self.agreement}"]
        return "\n".join(lines)


def _scores(shot: Shot) -> str:
    technical = shot.entry.verdict.technical
    return f"{shot.score:.2f}" if technical is None else f"{shot.score:.2f} {technical:+.2f}"


def _group(group: Group) -> dict[str, Any]:
    return {"why": group.why, "best": group.best, "shots": [_shot(shot) for shot in group.shots]}


def _shot(shot: Shot) -> dict[str, Any]:
    technical, taken = shot.entry.verdict.technical, shot.entry.taken
    return {
        "path": shot.path,
        "files": list(shot.files),
        "score": round(shot.score, 4),
        "technical": None if technical is None else round(technical, 4),
        "taken": None if taken is None else taken.isoformat(),
    }
