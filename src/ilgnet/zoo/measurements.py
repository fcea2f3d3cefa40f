"""What was measured of weights: figures with their intervals, and the conditions they are of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    Attributes:
        value: what was measured.
        interval: the 95 % interval, low and high; None where there is none.
        deviation_over_seeds: standard deviation over repetitions with other random numbers.
        pairs: how many pairs of pictures it is a share of.
    """

    value: float
    interval: tuple[float, float] | None = None
    deviation_over_seeds: float | None = None
    pairs: int | None = None

    def to_json(self) -> float | dict[str, Any]:
        """The stored form: the bare number where nothing else is known."""
        rest = {
            "interval": None if self.interval is None else list(self.interval),
            "deviation_over_seeds": self.deviation_over_seeds,
            "pairs": self.pairs,
        }
        known = {key: value for key, value in rest.items() if value is not None}
        return {"value": self.value, **known} if known else self.value

    @classmethod
    def from_json(cls, entry: float | Mapping[str, Any]) -> Figure:
        """From the stored form."""
        if not isinstance(entry, Mapping):
            return cls(entry)
        low_high = entry.get("interval")
        rest = {key: value for key, value in entry.items() if key != "interval"}
        return cls(**rest, interval=None if low_high is None else (low_high[0], low_high[1]))


Figures: TypeAlias = "dict[str, Figure | Figures]"
"""Figures by name; what is measured of several things, such as categories, has its own table."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement.

    Attributes:
        figures: what was found.
        conditions: how, in words.
        images: how many pictures it is of; None where that does not apply.
        fingerprint: of their list; "" where none is known.
        majority_rate: accuracy of always giving the more frequent answer; None without labels.
    """

    figures: Figures = field(default_factory=dict)
    conditions: str = ""
    images: int | None = None
    fingerprint: str = ""
    majority_rate: float | None = None

    def figure(self, *names: str) -> Figure:
        """One figure, by its name and the names of the tables that it is in.

        Raises:
            KeyError: it was not measured.
        """
        found: Figure | Figures = self.figures
        for name in names:
            found = {} if isinstance(found, Figure) else found
            found = found[name]
        if not isinstance(found, Figure):
            raise KeyError(names)
        return found

    def flat(self) -> Iterator[tuple[tuple[str, ...], Figure]]:
        """Every figure with its name, preceded by the names of the tables that it is in."""
        return _flat(self.figures)

    def to_json(self) -> dict[str, Any]:
        """The stored form: conditions and figures side by side."""
        about = {name: getattr(self, name) for name in CONDITIONS}
        known = {key: value for key, value in about.items() if value not in ("", None)}
        return known | _figures_to_json(self.figures)

    @classmethod
    def from_json(cls, section: Mapping[str, Any]) -> Measurement:
        """From the stored form: what is no condition is a figure.

        Raises:
            TypeError: a figure is no number.
        """
        about = {name: section[name] for name in CONDITIONS if name in section}
        rest = {name: value for name, value in section.items() if name not in CONDITIONS}
        return cls(_figures_from_json(rest), **about)


CONDITIONS: Final = ("conditions", "images", "fingerprint", "majority_rate")


def _flat(
    figures: Figures, before: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Figure]]:
    for name, found in figures.items():
        if isinstance(found, Figure):
            yield (*before, name), found
        else:
            yield from _flat(found, (*before, name))


def _figures_to_json(figures: Figures) -> dict[str, Any]:
    return {
        name: found.to_json() if isinstance(found, Figure) else _figures_to_json(found)
        for name, found in figures.items()
    }


def _figures_from_json(section: Mapping[str, Any]) -> Figures:
    figures: Figures = {}
    for name, value in section.items():
        if isinstance(value, Mapping) and "value" not in value:
            figures[name] = _figures_from_json(value)
        elif value is None:
            continue  # written before figures that are not defined were left out
        elif isinstance(value, Mapping | int | float):
            figures[name] = Figure.from_json(value)
        else:
            raise TypeError(f"the figure {name!r} is {value!r}, which is no number")
    return figures
