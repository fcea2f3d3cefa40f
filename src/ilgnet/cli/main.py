"""The `ilgnet` command: a table of sub-commands, each imported only when it is called."""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module
from typing import Any, Final

import click

from ilgnet.cli.exits import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK
from ilgnet.errors import IlgnetError, in_words
from ilgnet.images.overheard import listen

COMMANDS: Final = {
    "score": ("ilgnet.cli.score:score", "Score photographs: one row a picture."),
    "rank": ("ilgnet.cli.score:rank", "List photographs best first."),
    "explain": ("ilgnet.cli.explain:explain", "Say why photographs have their scores."),
    "compare": ("ilgnet.cli.compare:compare", "Say why one photograph scores higher than another."),
    "library": ("ilgnet.cli.library:library", "What is known of a folder of photographs."),
    "bursts": ("ilgnet.cli.bursts:bursts", "Group frames taken together; name the best of each."),
    "taste": ("ilgnet.cli.taste:taste", "Learn what you like from your stars and rejects."),
    "cull": ("ilgnet.cli.cull:cull", "Keep, maybe or reject, with reasons; sort if asked."),
    "stars": ("ilgnet.cli.stars:stars", "Write stars, labels and scores into XMP."),
    "undo": ("ilgnet.cli.undo:undo", "Take back at once what cull or stars did."),
    "shards": ("ilgnet.cli.shards:shards", "Score and filter millions, on many machines."),
    "serve": ("ilgnet.cli.serve:serve", "Score pictures over HTTP."),
    "models": ("ilgnet.cli.models:models", "List the models and what each was measured at."),
    "doctor": ("ilgnet.cli.doctor:doctor", "Say what is installed and what it can decode."),
    "data": ("ilgnet.cli.data:data", "Check, divide and compare rated pictures."),
    "evaluate": ("ilgnet.cli.evaluate:evaluate", "Measure a model on rated pictures."),
    "train": ("ilgnet.cli.train:train", "Train a model, or teach one your own taste."),
    "convert": ("ilgnet.cli.convert:convert", "Turn weights from one form into another."),
    "demo": ("ilgnet.cli.demo:demo", "Score the sample photographs and write a report."),
}
"""Name -> (where the command is, its line in --help)."""


class ReaderLeft(Exception):  # noqa: N818 - reads as what it says
    """Whoever read our output (head, less) has had enough; that is no error of ours."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, so that --help stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which people need them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run; click would count a reader that leaves as a failure."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderLeft from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in --help, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: ilgnet demo",
)
@click.version_option(package_name="ilgnet", prog_name="ilgnet")
def ilgnet() -> None:
    """Look at photographs and say how good they look, why, and which to keep.

    Everything runs on this machine; nothing is downloaded or sent.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with one of the codes in `ilgnet.cli.exits`."""
    _open_standard_streams()
    # Of odd tags in a picture that is read all the same; the rows say what could not be.
    warnings.filterwarnings("ignore", module="PIL")
    listen()
    try:
        code = ilgnet.main(arguments, prog_name="ilgnet", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        # click turns Ctrl+C into its Abort; the notes say what is left of the work.
        notes = getattr(error.__cause__ or error, "__notes__", [])
        click.echo("\n".join(["Interrupted.", *notes]), err=True)
        sys.exit(EXIT_INTERRUPTED)
    except ReaderLeft:
        from ilgnet.report.output import discard_output

        discard_output()
        sys.exit(EXIT_OK)
    except (IlgnetError, OSError) as error:
        # An OSError that got here is about our own output: a full disk, a folder that vanished.
        words = str(error) if isinstance(error, IlgnetError) else _of_the_system(error)
        click.echo("\n".join([f"Error: {words}", *getattr(error, "__notes__", [])]), err=True)
        sys.exit(EXIT_FAILURE)


def _open_standard_streams() -> None:
    """Those that whoever started us has closed, as some schedulers do, lead to the null device."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, open(number, mode, encoding="utf-8"))  # noqa: SIM115


def _of_the_system(error: OSError) -> str:
    return f"{error.filename}: {in_words(error)}" if error.filename else in_words(error)


if __name__ == "__main__":
    main()
