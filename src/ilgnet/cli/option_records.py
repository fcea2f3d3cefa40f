"""Options that belong together reach a command as one value, checked before anything is done."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click
from click.core import ParameterSource

Command = TypeVar("Command", bound=Callable[..., Any])


def as_record(
    name: str, make: Callable[..., Any], *options: Callable[[Any], Any]
) -> Callable[[Command], Command]:
    """Give a command some options as one argument.

    Args:
        name: of the argument.
        make: from the options' values by their names to the record; raises what is wrong with them.
        options: click's decorators, in the order of `--help`.
    """

    def decorate(command: Any) -> Any:
        names: list[str] = []

        @wraps(command)
        def with_record(**given: Any) -> Any:
            record = make(**{option: given.pop(option) for option in names})
            return command(**{name: record}, **given)

        decorated: Any = with_record
        before = len(getattr(decorated, "__click_params__", ()))
        for option in reversed(options):
            decorated = option(decorated)
        added = decorated.__click_params__[before:]
        names += [parameter.name for parameter in added if parameter.expose_value]
        return decorated

    return decorate


def refuse_idle(needed: str, *names: str) -> None:
    """Refuse options that were given and have no effect.

    Args:
        needed: what would give them one, in words.
        names: of the parameters.

    Raises:
        click.UsageError: one of them was given.
    """
    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "")
        if parameter.name in names and given is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[0]} has no effect without {needed}.")
