"""`ilgnet cull`: keep, maybe or reject, with reasons, and sort accordingly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from ilgnet.cli.burst_options import no_faces_option, similarity_option
from ilgnet.cli.exits import EXIT_NOTHING
from ilgnet.cli.option_records import as_record, refuse_idle
from ilgnet.cli.plan_output import (
    apply_option,
    carry_out,
    exit_code,
    failures,
    json_option,
    say_how_to_undo,
    say_problems,
)
from ilgnet.cli.printing import print_json
from ilgnet.cli.scored_input import Source, scored_input_options
from ilgnet.errors import amount
from ilgnet.library.changes.plan import HOWS, How, step_words
from ilgnet.library.choosing.bursts import frames_of_bursts
from ilgnet.library.choosing.cull import DECISIONS, CullRule, Decision
from ilgnet.library.choosing.plan_marks import SIDECAR_STYLES, CullMarks, MarkRule, SidecarStyle
from ilgnet.library.choosing.plan_transfers import TransferRule
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.library.proposals import Applied, CullProposal
from ilgnet.report.progress import track
from ilgnet.report.rows import shown
from ilgnet.zoo.records import Similarity

if TYPE_CHECKING:
    from ilgnet.explanation.frames import LostFrame

COLOURS = {"keep": "green", "maybe": "yellow", "reject": "red"}


def _rule(
    above: float | None,
    percent: float | None,
    top: int | None,
    maybe: float | None,
    per: Literal["all", "day", "burst"],
    of_burst: int | None,
    diverse: bool,
) -> CullRule:
    if sum(value is not None for value in (above, percent, top)) > 1:
        raise click.UsageError("Choose one of --above, --percent and --top.")
    if above is not None:
        refuse_idle("--percent or --top: they are counted, scores are not", "per", "diverse")
        return CullRule("score", above, above if maybe is None else maybe, per, of_burst, diverse)
    if top is not None:
        return CullRule("count", top, maybe or 0, per, of_burst, diverse)
    if percent is not None:
        return CullRule("percent", percent, maybe or 0, per, of_burst, diverse)
    return CullRule("percent", 20, 30 if maybe is None else maybe, per, of_burst, diverse)


rule_options = as_record(
    "rule",
    _rule,
    click.option(
        "--above", type=click.FloatRange(1, 10), metavar="SCORE", help="Keep from SCORE up."
    ),
    click.option("--percent", type=click.FloatRange(0, 100), metavar="P", help="Keep the best P%."),
    click.option("--top", type=click.IntRange(min=0), metavar="N", help="Keep the N best."),
    click.option(
        "--maybe",
        type=float,
        metavar="X",
        help="Set aside: from score X up, or the next X%, or the next X. The rest is rejected.  "
        "[default: 30% when nothing else is said, else none]",
    ),
    click.option(
        "--per",
        type=click.Choice(["all", "day", "burst"]),
        default="all",
        show_default=True,
        help="Count --percent and --top within all, each day, or each burst.",
    ),
    click.option(
        "--of-burst",
        type=click.IntRange(min=1),
        metavar="N",
        help="Consider only the N best of each burst, reject its others.",
    ),
    click.option(
        "--diverse", is_flag=True, help="The best of every burst comes before a second of any."
    ),
)
"""What is kept."""


def _action(
    copy: bool,
    move: bool,
    hardlink: bool,
    symlink: bool,
    mark: bool,
    labels: tuple[str, ...],
    sidecar_style: SidecarStyle,
    only: tuple[Decision, ...],
    into: Path | None,
    flat: bool,
    apply: bool,
) -> tuple[TransferRule | CullMarks | None, bool]:
    given = dict(zip((*HOWS, "mark"), (copy, move, hardlink, symlink, mark), strict=True))
    chosen = [name for name, is_given in given.items() if is_given]
    if len(chosen) > 1:
        raise click.UsageError(f"Choose one of {', '.join(f'--{name}' for name in chosen)}.")
    if not chosen:
        refuse_idle(f"one of {', '.join(f'--{name}' for name in given)}", "only", "apply")
    if not mark:
        refuse_idle("--mark", "labels", "sidecar_style")
    how: How | None = next((how for how in HOWS if how in chosen), None)
    if how is None:
        refuse_idle(f"one of {', '.join(f'--{name}' for name in HOWS)}", "into", "flat")
    if mark:
        return CullMarks(MarkRule(sidecar_style), _labels(labels), only or DECISIONS), apply
    return how and TransferRule(how, into, only or DECISIONS, flat), apply


def _labels(given: Sequence[str]) -> dict[Decision, str]:
    texts: dict[Decision, str] = {}
    for text in given:
        name, _, label = text.partition("=")
        decision: Decision | None = next((known for known in DECISIONS if known == name), None)
        if decision is None or not label:
            raise click.BadParameter(f"{text!r} is not like keep=Green", param_hint="--label")
        texts[decision] = label
    return texts


action_options = as_record(
    "action",
    _action,
    click.option("--copy", is_flag=True, help="Copy into keep/ maybe/ reject/."),
    click.option("--move", is_flag=True, help="Move into keep/ maybe/ reject/."),
    click.option("--hardlink", is_flag=True, help="Link: one file, two names."),
    click.option("--symlink", is_flag=True, help="Link by path."),
    click.option("--mark", is_flag=True, help="Write rejects (and --label) into XMP."),
    click.option(
        "--label",
        "labels",
        multiple=True,
        metavar="DECISION=TEXT",
        help="With --mark: a colour label, as keep=Green.",
    ),
    click.option(
        "--sidecar-style",
        type=click.Choice(SIDECAR_STYLES),
        default="auto",
        show_default=True,
        help="With --mark: IMG_1.xmp (adobe), IMG_1.CR2.xmp (darktable), both, or what is there.",
    ),
    click.option("--only", multiple=True, type=click.Choice(DECISIONS), help="Sort only these."),
    click.option(
        "--into",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Where keep/ maybe/ reject/ are made.  [default: the folder that is culled]",
    ),
    click.option("--flat", is_flag=True, help="No sub-folders inside keep/ maybe/ reject/."),
    apply_option,
)
"""What is done about it, and whether now."""


@click.command()
@scored_input_options
@rule_options
@click.option(
    "--ignore-stars", is_flag=True, help="Do not look at your own stars, rejects and choices."
)
@click.option(
    "--why",
    is_flag=True,
    help="Look at the pictures again and say what is worse in frames that are not the best of "
    "their burst.",
)
@click.option(
    "--faces",
    is_flag=True,
    help="Look at the pictures again: within a burst a frame whose main face is blurred, while it "
    "is sharp in another, loses 2 votes.",
)
@no_faces_option
@similarity_option
@action_options
@json_option
def cull(
    source: Source,
    rule: CullRule,
    ignore_stars: bool,
    why: bool,
    faces: bool,
    no_faces: bool,
    similarity: float | None,
    action: tuple[TransferRule | CullMarks | None, bool],
    as_json: bool,
) -> int:
    """Decide which photographs to keep, and sort them if asked.

    PATH is a file, a folder, or a table that `ilgnet score` wrote. Every decision has its reason.
    Nothing is moved or written without --apply, nothing is ever overwritten, sidecars and
    RAW+JPEG siblings go with their photograph, and `ilgnet undo` takes everything back. What you
    rejected yourself is rejected; what you gave stars is never rejected.

    \b
      ilgnet cull photos/                               decisions and reasons, nothing else
      ilgnet cull photos/ --top 1 --per burst           the best of every burst
      ilgnet cull photos/ --top 30 --of-burst 1 --why   softer, tilted, darker, eyes closed
      ilgnet cull photos/ --top 30 --of-burst 1 --move  what would be moved
      ilgnet cull photos/ --top 30 --of-burst 1 --move --apply
      ilgnet cull photos/ --percent 10 --per day --only keep --copy --into best/ --apply
      ilgnet cull scores.csv --above 6 --maybe 5 --mark --apply
    """
    what, now = action
    if not why:
        refuse_idle("--why", "no_faces")
    if faces and no_faces:
        raise click.UsageError("--faces or --no-faces?")
    bursts = rule.needs_bursts or why or faces
    if not bursts:
        refuse_idle("--per burst, --of-burst, --diverse, --why or --faces", "similarity")
    alike = None if similarity is None else Similarity.same(similarity)
    library = source.open()
    if isinstance(what, TransferRule) and what.into is None and len(library.roots) > 1:
        raise click.UsageError("Several folders are culled: say where to sort with --into DIR.")
    source.score(library, features=bursts)
    proposal = library.cull(
        rule, what, ignore_stars=ignore_stars, bursts=why, faces=faces, alike=alike
    )
    if not proposal.decisions:
        words = "Everything here is sorted already." if proposal.sorted_already else NOTHING
        click.echo(words, err=True)
        return EXIT_NOTHING
    say_problems(proposal.problems)
    lost = _lost(proposal, faces=not no_faces, show=source.show) if why else None
    applied = carry_out(proposal, show=source.show) if now else None
    if as_json:
        print_json(_document(proposal, lost, applied))
    else:
        _print(proposal, what, lost or {}, applied, quiet=source.quiet)
    return exit_code(applied, unreadable=bool(library.failures()))


NOTHING = "No photograph was scored."


def _lost(proposal: CullProposal, *, faces: bool, show: bool | None) -> dict[Path, LostFrame]:
    """What is worse in every frame that is not the best of its burst, by path."""
    from ilgnet.explanation.frames import why_frames_lost

    bursts = frames_of_bursts(decided.photograph for decided in proposal.decisions)
    total = sum(len(frames) - 1 for frames in bursts)
    found = track(why_frames_lost(bursts, faces=faces), total=total, show=show, label="Reasons")
    return {lost.photograph.path: lost for lost in found}


def _document(
    proposal: CullProposal, lost: dict[Path, LostFrame] | None, applied: Applied | None
) -> dict[str, Any]:
    def why(photo: Photograph) -> dict[str, Any]:
        frame = None if lost is None else lost.get(photo.path)
        return {} if lost is None else {"why": None if frame is None else frame.to_json()}

    return {
        "applied": applied.name if applied else None,
        "photographs": [
            {
                "path": decided.photograph.verdict.path,
                "score": round(decided.photograph.score, 4),
                "decision": decided.decision,
                "reason": decided.reason,
                "day": decided.photograph.day or None,
                "burst": decided.photograph.burst,
                "files": [str(path) for path in decided.photograph.group.files],
                **why(decided.photograph),
            }
            for decided in proposal.decisions
        ],
        "steps": [step_words(step) for step in proposal.plan.steps],
        "problems": list(proposal.problems),
        "failed": [{"path": p, "why": why} for p, why in failures(applied)] if applied else [],
    }


def _print(
    proposal: CullProposal,
    action: TransferRule | CullMarks | None,
    lost: dict[Path, LostFrame],
    applied: Applied | None,
    *,
    quiet: bool,
) -> None:
    for decided in proposal.decisions:
        decision = click.style(f"{decided.decision:6}", fg=COLOURS[decided.decision])
        photo, reason = decided.photograph, shown(decided.reason)
        if photo.path in lost:
            reason = f"{reason}; {lost[photo.path].words}"
        click.echo(f"{decision}  {photo.score:.2f}  {shown(photo.verdict.path)}  {reason}")
    if quiet:
        return
    counts = Counter(decided.decision for decided in proposal.decisions)
    click.echo(", ".join(f"{counts[decision]} {decision}" for decision in DECISIONS), err=True)
    if applied is not None:
        say_how_to_undo(applied)
    elif proposal.plan.steps:
        click.echo(f"Would {_words(proposal, action)}. Do it with --apply.", err=True)
    elif action is not None:
        click.echo("Nothing is left to do.", err=True)


def _words(proposal: CullProposal, action: TransferRule | CullMarks | None) -> str:
    files = amount(len(proposal.plan.steps), "file")
    if not isinstance(action, TransferRule):
        return f"mark {files}"
    size = f" ({proposal.bytes / 1e6:,.0f} MB to write)" if proposal.bytes else ""
    return f"{action.how} {files}{size} into {proposal.into}"
