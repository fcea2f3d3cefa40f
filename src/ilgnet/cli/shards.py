"""`ilgnet shards`: collections that outgrow one machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ilgnet.cli.exits import EXIT_OK, EXIT_UNREADABLE
from ilgnet.cli.options import progress_options
from ilgnet.errors import FAILURE_CODES, amount
from ilgnet.report.output import open_output
from ilgnet.report.progress import track
from ilgnet.shards.filter import FATES, Filter, Found, Wanted, read_listed
from ilgnet.shards.job import Job
from ilgnet.shards.page import render_page
from ilgnet.shards.parts import Status, merge, open_parts, status
from ilgnet.shards.plan import ROWS_A_SHARD, Columns, plan
from ilgnet.shards.score import Stats
from ilgnet.shards.selection import check_list_name, report_json, write_list, write_tars
from ilgnet.shards.stores import Folder
from ilgnet.shards.work import Share, unfinished, work
from ilgnet.shards.worker import Terms
from ilgnet.zoo.records import DEFAULT_MODEL

job_argument = click.argument("job", metavar="JOB")
partial_option = click.option("--partial", is_flag=True, help="Take the parts that are there.")
json_option = click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")


@click.group()
def shards() -> None:
    """Score millions of pictures on any number of machines; needs pip install 'ilgnet[shards]'.

    \b
      ilgnet shards plan data/*.tar -o job/       what is to be done
      ilgnet shards work job/                     do it, on every core; again after a stop
      ilgnet shards status job/                   how far it is
      ilgnet shards filter job/ --top-percent 10 -o best.parquet
      ilgnet shards merge job/ -o all.parquet     every row, in one file

    JOB and inputs may be local folders or addresses such as s3://bucket/job.
    """


@shards.command("plan")
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("--output", "-o", "job", required=True, metavar="JOB", help="The job's folder.")
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    default=ROWS_A_SHARD,
    show_default=True,
    metavar="N",
    help="Pictures of a shard, where they are listed; a tar is a shard.",
)
@click.option("--features", is_flag=True, help="Keep the model's features with every row.")
@click.option(
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="NAME|DIR",
    help="A built-in model (see `ilgnet models`) or a model folder.",
)
@click.option("--address-column", metavar="NAME", help="Of a manifest.  [default: found by name]")
@click.option("--picture-column", metavar="NAME", help="Of Parquet files with pictures inside.")
@click.option("--key-column", metavar="NAME", help="What a picture is called, in both.")
def plan_command(
    inputs: tuple[str, ...],
    job: str,
    rows: int,
    features: bool,
    model: str,
    address_column: str | None,
    picture_column: str | None,
    key_column: str | None,
) -> None:
    """Divide a collection into shards. Nothing is scored yet.

    \b
      ilgnet shards plan photos/ -o job/
      ilgnet shards plan 's3://bucket/laion/{00000..00999}.tar' -o s3://bucket/job
      ilgnet shards plan list.csv --address-column url --key-column id -o job/
      ilgnet shards plan train-*.parquet -o job/       pictures inside, as Hugging Face keeps them

    INPUT is a folder, a WebDataset tar, a manifest (CSV, TSV, JSON Lines, Parquet; plain or gzip),
    a Parquet file with pictures, or a pattern. Planning again, with more inputs or another model,
    keeps the parts that still hold.
    """
    columns = Columns(address_column, picture_column, key_column)
    found = plan(inputs, Job.of(model, features=features), job, rows=rows, columns=columns)
    known = f"{amount(found.listed, 'picture')} listed" if found.listed else ""
    tars = amount(found.tars, "tar") if found.tars else ""
    click.echo(f"{amount(found.shards, 'shard')}: {', '.join(filter(None, [known, tars]))}")
    for what, count in found.passed_over.most_common():
        click.echo(f"passed over: {count:,} {what}")


def share_of(_context: click.Context, _option: click.Parameter, text: str | None) -> Share | None:
    """I/N, as in 0/8."""
    if text is None:
        return None
    index, slash, of = text.partition("/")
    if not (slash and index.isdecimal() and of.isdecimal() and int(index) < int(of)):
        raise click.BadParameter(f"{text!r} is not I/N with I from 0 to N-1, as in 0/8")
    return Share(int(index), int(of))


@shards.command("work")
@job_argument
@click.option("--shard", "share", callback=share_of, metavar="I/N", help="Only every Nth, from I.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes.  [default: all cores of this machine, or of the cluster]",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Of each process: more where one GPU serves them.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="For one picture, to come and to be decoded.",
)
@click.option(
    "--again",
    type=click.Choice(list(FAILURE_CODES)),
    multiple=True,
    metavar="CODE",
    help="Also redo shards with such failures, such as timeout; may be repeated.",
)
@click.option(
    "--model", metavar="NAME|DIR", help="The planned model, where it lies elsewhere here."
)
@click.option(
    "--ray",
    "cluster",
    is_flag=False,
    flag_value="auto",
    metavar="ADDRESS",
    help="On a Ray cluster: its address, `auto` for the one this machine is in, `local` for a new "
    "one here. Needs pip install 'ilgnet[ray]'.",
)
@click.option(
    "--gpus",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="N",
    help="Of a Ray cluster for each worker; 0.5 puts two on one.",
)
@click.option("--gpu/--no-gpu", default=True, help="Use a GPU where there is one.  [default: yes]")
@progress_options
def work_command(
    job: str,
    share: Share | None,
    workers: int | None,
    again: Sequence[str],
    cluster: str | None,
    gpus: float,
    quiet: bool,
    progress: bool | None,
    **terms: Any,
) -> int:
    """Score the shards that have no part yet. May be stopped and started at any time.

    \b
      ilgnet shards work job/                          on every core of this machine
      ilgnet shards work s3://bucket/job               on as many machines as you like
      ilgnet shards work job/ --shard 3/16             the fourth of 16 shares, for any scheduler
      ilgnet shards work s3://bucket/job --ray auto    on the Ray cluster this machine is in
      ilgnet shards work job/ --again timeout          once the store answers again

    A bad picture has a row with the reason, and so has a damaged tar. A picture that hangs or ends
    the decoder costs its process, which is started again. Exit code 3 says that there are such
    rows; 1 that shards are left: run it again.
    """
    how = Terms(job, **terms)
    todo = unfinished(Folder(job), share, again)
    if cluster:
        from ilgnet.shards.ray import work_on_ray

        working = work_on_ray(
            how, todo, address=cluster, actors=workers, gpus=gpus, again=bool(again)
        )
    else:
        working = work(how, todo, workers=workers, again=bool(again))
    done = track(working, total=len(todo), show=False if quiet else progress, label="Shards")
    return say_done(list(done), quiet)


def say_done(done: list[Stats], quiet: bool) -> int:
    """The last line and the exit code."""
    pictures, failed = sum(s.pictures for s in done), sum(s.failed for s in done)
    if not quiet:
        click.echo(
            f"{amount(len(done), 'shard')}, {amount(pictures, 'picture')}, {failed:,} failed",
            err=True,
        )
    return EXIT_UNREADABLE if failed else EXIT_OK


@shards.command("status")
@job_argument
@click.option("--failures", is_flag=True, help="Count failures by their code; reads every part.")
@json_option
def status_command(job: str, failures: bool, as_json: bool) -> None:
    """Say how far a job is and what it has cost.

    \b
      ilgnet shards status job/
      ilgnet shards status s3://bucket/job --failures
    """
    found = status(job, failures=failures)
    click.echo(json.dumps(asdict(found), indent=2) if as_json else status_text(found))


def status_text(found: Status) -> str:
    """A few lines for people."""
    lines = [f"{found.finished:,} of {found.shards:,} shards finished"]
    if found.pictures:
        each = 1000 * found.cpu / found.pictures
        hours = f"{found.cpu / 3600:,.2f} hours" if found.cpu >= 360 else f"{found.cpu:.1f} s"
        size = (
            f"{found.bytes / 1e9:,.1f} GB" if found.bytes >= 1e9 else f"{found.bytes / 1e6:.1f} MB"
        )
        lines += [
            f"{amount(found.pictures, 'picture')}, {found.failed:,} failed; {size} read",
            f"{hours} of core time, {each:.1f} ms a picture; "
            f"at most {found.peak_memory / 1024**2:,.0f} MiB in a process",
            "by " + ", ".join(f"{host}: {n:,}" for host, n in sorted(found.hosts.items())),
        ]
    if found.restarts:
        lines.append(f"{found.restarts:,} times a process had to be started again")
    if found.failures is not None:
        lines += [f"{n:>9,} {code}" for code, n in sorted(found.failures.items())]
        lines += [] if found.failures else ["no failures"]
    return "\n".join(lines)


@shards.command("merge")
@job_argument
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="The Parquet file to make or replace.",
)
@partial_option
def merge_command(job: str, output: Path, partial: bool) -> None:
    """Put every row of a finished job into one Parquet file, in the order of the plan.

    \b
      ilgnet shards merge job/ -o all.parquet
    """
    click.echo(f"{amount(merge(job, output, partial=partial), 'row')} in {output}")


@shards.command("filter")
@job_argument
@click.option("--where", metavar="CONDITION", help="As in 'width >= 512 and technical > -0.5'.")
@click.option("--min-score", type=click.FloatRange(1, 10), metavar="SCORE", help="Mean vote.")
@click.option(
    "--without",
    multiple=True,
    metavar="LIST",
    help="Leave out what is in LIST, by its bytes or its look: a merged job, or a text file of "
    "hashes, as models have in trained_on/; may be repeated.",
)
@click.option("--unique", is_flag=True, help="Of pictures with the same bytes take the first.")
@click.option(
    "--unlike",
    is_flag=True,
    help="Of pictures that look the same take the first; holds 70 bytes a row.",
)
@click.option(
    "--top-percent",
    type=click.FloatRange(0, 100),
    metavar="P",
    help="The best P % of those that meet the conditions above.",
)
@click.option("--sample", type=click.IntRange(min=0), metavar="N", help="N of those, at random.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the sample.")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="List them: .parquet (every column), .csv, .jsonl or .txt (the keys).",
)
@click.option("--tars", metavar="DIR", help="Write them into WebDataset tars, at any address.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a page: distributions, samples of each band, failures.",
)
@click.option(
    "--samples",
    type=click.IntRange(min=0),
    default=6,
    show_default=True,
    metavar="N",
    help="Pictures of each band on the page; 0 shows none.",
)
@partial_option
@json_option
def filter_command(
    job: str,
    output: Path | None,
    tars: str | None,
    report: Path | None,
    samples: int,
    partial: bool,
    as_json: bool,
    without: tuple[str, ...],
    **wanted: Any,
) -> None:
    """Take some of what was scored; nothing is scored again. Says what became of every row.

    \b
      ilgnet shards filter job/ --min-score 5.5                     how many would that be?
      ilgnet shards filter job/ --top-percent 10 -o best.parquet
      ilgnet shards filter job/ --where "width >= 512 and height >= 512" --tars best/
      ilgnet shards filter job/ --unique --without test.parquet -o train.txt
      ilgnet shards filter job/ --top-percent 1 --sample 1000 --report page.html

    Conditions apply in the order of the options. Tars hold the samples as they were, texts too.
    """
    if output:
        check_list_name(output)
    asked = Wanted(without=read_listed(without), **wanted)
    chosen = Filter(open_parts(job, partial=partial), asked)
    click.echo(report_json(chosen) if as_json else fates_text(chosen.found))
    if output:
        click.echo(f"{amount(write_list(chosen, output), 'row')} in {output}", err=True)
    if tars:
        click.echo(f"{amount(write_tars(chosen, tars), 'picture')} in {tars}", err=True)
    if report:
        with open_output(report) as stream:
            stream.write(render_page(chosen, samples=samples).encode())


def fates_text(found: Found) -> str:
    """A line for each fate that there is."""
    lines = [f"{found.rows:>13,} rows"]
    lines += [
        f"{found.fates[fate]:>13,} {text}" for fate, text in FATES.items() if found.fates[fate]
    ]
    lines += [f"{count:>13,} failed: {code}" for code, count in sorted(found.failures.items())]
    lines += [f"{count:>13,} are in {name}" for name, count in found.in_lists.items()]
    if found.threshold is not None:
        lines.append(f"{found.threshold:>13.4f} is the lowest score taken")
    return "\n".join(lines)
