"""Planning what is written into XMP: which sidecars or JPEGs, and what of the person's stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from ilgnet.errors import LibraryError, in_words
from ilgnet.images.foreign import foreign_folder
from ilgnet.library.changes.file_operations import READ_ONLY, is_read_only
from ilgnet.library.changes.plan import Edit, Plan
from ilgnet.library.choosing.cull import DECISIONS, Decided, Decision
from ilgnet.library.photograph.companions import folded
from ilgnet.library.photograph.file_groups import Style, sidecar_path
from ilgnet.library.photograph.opinion import REJECTED, Opinion
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.library.sidecar.embed import replace_embedded
from ilgnet.library.sidecar.statements import JPEG_EXTENSIONS, Statements, read_statements
from ilgnet.library.sidecar.write import Merged, merge_notes, new_sidecar, rating_words
from ilgnet.library.sidecar.xmp import Notes, read_sidecar
from ilgnet.values import Verdict

SidecarStyle = Literal["auto", "adobe", "darktable", "both"]
SIDECAR_STYLES: Final[tuple[SidecarStyle, ...]] = ("auto", "adobe", "darktable", "both")


@dataclass(frozen=True, slots=True)
class MarkRule:
    """Where marks go.

    Attributes:
        style: how sidecars are named; "auto" follows what exists.
        embed: write into JPEGs themselves instead of beside them.
        overwrite: replace the person's own ratings and labels too.
        stars_from: the lowest number of stars that counts as the person's opinion.
    """

    style: SidecarStyle = "auto"
    embed: bool = False
    overwrite: bool = False
    stars_from: int = 1


BESIDE: Final = MarkRule()


@dataclass(frozen=True, slots=True)
class CullMarks:
    """Decisions that are written into XMP.

    Attributes:
        rule: where.
        labels: a colour label for a decision.
        only: the decisions that are written.
    """

    rule: MarkRule = BESIDE
    labels: Mapping[Decision, str] = field(default_factory=dict)
    only: tuple[Decision, ...] = DECISIONS

    def notes(self, decided: Decided) -> Notes:
        """A reject is -1; what we rejected before and no longer do is unrated again."""
        rating = REJECTED if decided.decision == "reject" else None
        if rating is None and decided.photograph.opinion.ours == REJECTED:
            rating = 0
        label = self.labels.get(decided.decision)
        return notes_of(decided.photograph.verdict, now(), rating, label)


@dataclass(frozen=True, slots=True)
class Mark:
    """What was planned for one file.

    Attributes:
        path: the sidecar, or the JPEG itself.
        picture: the photograph.
        notes: what it is given.
        outcome: "new", "change", "same" for nothing to do, or "failed".
        words: what of the person's stays, or why it failed.
    """

    path: Path
    picture: Path
    notes: Notes
    outcome: Literal["new", "change", "same", "failed"]
    words: str = ""


@dataclass(frozen=True, slots=True)
class MarkPlan:
    """A plan of edits, with a line for every file.

    Attributes:
        plan: the edits.
        marks: one for every file that was looked at.
        problems: what a person should know, in words: disagreements and damage.
    """

    plan: Plan
    marks: tuple[Mark, ...]
    problems: tuple[str, ...]


def plan_marks(
    wanted: Iterable[tuple[Photograph, Notes]],
    rule: MarkRule,
    roots: Iterable[Path],
    command: str,
    known: Mapping[Path, Statements] | None = None,
) -> MarkPlan:
    """Plan to give photographs ratings, labels and notes. Files are read, none is changed.

    A RAW and JPEG pair is one photograph and gets one rating. Sidecars that disagree keep what
    they say, and the disagreement is a problem to look at.

    Args:
        wanted: the photographs with what they are given.
        rule: where it is written.
        roots: the folders outside of which nothing is changed.
        command: whose plan it is.
        known: what the photographs' files say, as far as it has been read.
    """
    marks: list[Mark] = []
    edits: list[Edit] = []
    problems: list[str] = []
    for group, (photo, notes) in enumerate(wanted):
        if (owner := foreign_folder(photo.path)) is not None:
            problems.append(f"{photo.path} is left alone: {owner} belongs to another program")
            continue
        said = (known or {}).get(photo.path) or read_statements(photo.group)
        opinion = said.opinion(rule.stars_from)
        if photo.choice is not None:
            opinion = opinion.after(photo.choice)
        problems += opinion.problems
        kept = ""
        chosen = None if photo.choice is None else photo.choice.rating
        if chosen is not None:
            notes = replace(notes, rating=chosen, own=True)
        if not rule.overwrite:
            notes, kept = _sparing(notes, opinion)
        targets, shared = _targets(photo, rule)
        problems += shared
        for path in targets:
            mark, edit = _plan_file(path, said, photo, notes, rule, group)
            mark = replace(mark, words="; ".join(filter(None, (kept, mark.words))))
            marks.append(mark)
            edits += [edit] if edit else []
    plan = Plan(command, tuple(str(root.resolve()) for root in roots), (), tuple(edits))
    return MarkPlan(plan, tuple(marks), tuple(dict.fromkeys(problems)))


def _sparing(notes: Notes, opinion: Opinion) -> tuple[Notes, str]:
    """A rating in one place is a decision on the photograph: the others get none of ours.

    Returns:
        What is left to write, and what of the person's stays, in words.
    """
    kept = []
    if opinion.rating is not None and notes.rating is not None and not notes.own:
        kept += [f"your own {rating_words(opinion.rating)}"]
        notes = replace(notes, rating=None)
    if opinion.label is not None and notes.label is not None:
        kept += [f"your own label {opinion.label}"]
        notes = replace(notes, label=None)
    return notes, f"{' and '.join(kept)} kept" if kept else ""


def _targets(photo: Photograph, rule: MarkRule) -> tuple[list[Path], list[str]]:
    """The files to write, and what to tell the person about the choice."""
    pictures = photo.group.pictures
    embedded = [p for p in pictures if rule.embed and p.suffix.lower() in JPEG_EXTENSIONS]
    beside = [path for path in pictures if path not in embedded]
    if not beside:
        return embedded, []
    existing = list(photo.group.sidecars)
    if rule.style == "auto" and existing:
        return embedded + existing, []
    styles = _styles(photo, rule)
    problems = []
    if "adobe" in styles and photo.group.shares_stem:
        names = sidecar_path(photo.path, "adobe")
        problems.append(
            f"{names} would belong to more than one photograph, so {photo.path.name} gets "
            f"{photo.path.name}.xmp, as darktable names it"
        )
        styles = frozenset({"darktable"})
    targets = [sidecar_path(path, style) for style in sorted(styles) for path in beside]
    return embedded + [_as_spelt(path, existing) for path in dict.fromkeys(targets)], problems


def _styles(photo: Photograph, rule: MarkRule) -> frozenset[Style]:
    if rule.style == "both":
        return frozenset({"adobe", "darktable"})
    if rule.style != "auto":
        return frozenset({rule.style})
    if len(photo.group.styles) == 1:
        return photo.group.styles
    # Adobe's programs read sidecars of RAW files alone; darktable and digiKam of all.
    return frozenset({"adobe" if photo.group.has_raw else "darktable"})


def _as_spelt(path: Path, existing: list[Path]) -> Path:
    """The sidecar that exists, though it may be spelt .XMP, or its umlauts as two letters."""
    alike = (there for there in existing if folded(there.name) == folded(path.name))
    return next(alike, path)


def _plan_file(
    path: Path, said: Statements, photo: Photograph, notes: Notes, rule: MarkRule, group: int
) -> tuple[Mark, Edit | None]:
    try:
        before, merged = _merged(path, said, notes, rule)
    except (LibraryError, OSError) as error:
        return Mark(path, photo.path, notes, "failed", in_words(error)), None
    words = ", ".join(f"{kept} kept" for kept in merged.kept)
    if merged.data == before:
        return Mark(path, photo.path, notes, "same", words), None
    if before is not None and is_read_only(path):
        return Mark(path, photo.path, notes, "failed", READ_ONLY), None
    outcome: Literal["new", "change"] = "new" if before is None else "change"
    real = path.parent.resolve() / path.name if not path.is_symlink() else path.resolve()
    if (owner := foreign_folder(real)) is not None:
        leads = f"it leads into {owner}, which belongs to another program"
        return Mark(path, photo.path, notes, "failed", leads), None
    edit = Edit.between(real, before, merged.data, group)
    return Mark(path, photo.path, notes, outcome, words), edit


def _merged(
    path: Path, said: Statements, notes: Notes, rule: MarkRule
) -> tuple[bytes | None, Merged]:
    """What a file holds, and what it would hold.

    Raises:
        LibraryError: one of the photograph's files cannot be read, so what the person said is not
            known; or this one cannot be edited.
    """
    for error in (said.unreadable.get(path), *said.unreadable.values()):
        if error is not None:
            raise error
    options: dict[str, Any] = {"overwrite": rule.overwrite, "stars_from": rule.stars_from}
    if path in said.group.pictures:
        data, inside = path.read_bytes(), said.files[path]
        merged = merge_notes(inside, notes, **options)
        old = None if inside.packet is None else inside.packet.data
        return data, replace(merged, data=replace_embedded(data, old, merged.data, path))
    present = said.files.get(path) or (read_sidecar(path) if path.exists() else None)
    if present is not None and present.packet is not None:
        return present.packet.data, merge_notes(present, notes, **options)
    pictures = [said.files[picture] for picture in said.pictures_of(path)]
    return None, merge_notes(new_sidecar(path, pictures), notes, **options)


def notes_of(
    verdict: Verdict, date: str, rating: int | None = None, label: str | None = None
) -> Notes:
    """What is noted of a photograph in XMP."""
    return Notes(verdict.score, verdict.percentile, verdict.model, date, rating, label)


def now() -> str:
    """This moment with its time zone, to the second, ISO 8601."""
    return datetime.now().astimezone().isoformat(timespec="seconds")
