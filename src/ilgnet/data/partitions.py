"""Who is learned from and who is tested on: AVA1 and AVA2.

Pictures are shuffled by a hash of the seed and their id. That order depends on nothing else, be it
the order of the file or a random generator's version, so anybody can make the same lists again, in
any language.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ilgnet.atomic import write_whole
from ilgnet.data.ava import Ava
from ilgnet.data.lists import ImageList, write_list
from ilgnet.errors import DataError
from ilgnet.values import HIGH_ABOVE


@dataclass(frozen=True, slots=True)
class Partition:
    """Lists that share no picture, and how they were made.

    Attributes:
        lists: by part, "train", "test" and where asked for "val".
        rule: the arguments that make the same lists again.
    """

    lists: dict[str, ImageList]
    rule: dict[str, object]


def shuffled(ids: Iterable[str], seed: int) -> list[str]:
    """The ids in the order of SHA-256("<seed>:<id>")."""
    return sorted(ids, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())


def ava1(
    ava: Ava,
    *,
    delta: float = 0.0,
    test: tuple[int, int] | int = 20_000,
    val: int = 0,
    seed: int = 0,
) -> Partition:
    """AVA1: every picture, high when its mean vote is greater than 5.

    Test and validation lists keep every kind of picture; only the training list is thinned by
    `delta`, as in Murray et al. 2012: high above 5 + delta, low at 5 - delta or below.

    Args:
        ava: the whole data set.
        delta: half the width of the band around 5 that is not trained on, in votes.
        test: pictures in the test list, drawn with AVA's own share of high ones; or how many low
            and how many high ones: (4000, 16000) is the make-up of the published list.
        val: pictures in the validation list, with AVA's own share of high ones.
        seed: another seed, other lists.
    """
    if delta < 0:
        raise DataError(f"delta must not be negative, got {delta}")
    means = dict(zip(ava.files, ava.means.tolist(), strict=True))
    pools = {
        high: shuffled((name for name, mean in means.items() if (mean > HIGH_ABOVE) == high), seed)
        for high in (False, True)
    }
    wanted = test if isinstance(test, tuple) else _shares(test, pools)
    tested = _draw(pools, wanted, "test")
    validated = _draw(pools, _shares(val, pools), "validation")
    learned = [
        name
        for name in (*pools[False], *pools[True])
        if means[name] > HIGH_ABOVE + delta or means[name] <= HIGH_ABOVE - delta
    ]
    labels = {name: mean > HIGH_ABOVE for name, mean in means.items()}
    rule = {"scheme": "ava1", "delta": delta, "test": list(wanted), "val": val, "seed": seed}
    return _partition(
        "AVA1", {"train": learned, "val": validated, "test": tested}, labels, rule, seed
    )


def ava2(ava: Ava, *, share: float = 0.1, val: int = 0, seed: int = 0) -> Partition:
    """AVA2: the best and the worst tenth by mean vote, in two random halves.

    Pictures of equal mean vote are told apart by their image id.

    Args:
        ava: the whole data set.
        share: of the pictures at either end, 0..0.5.
        val: pictures that are taken out of the training half for validation.
        seed: another seed, other halves.
    """
    if not 0 < share <= 0.5:
        raise DataError(f"the share at either end lies between 0 and 0.5, got {share}")
    order = np.lexsort((ava.ids, ava.means))
    count = round(share * len(order))
    if count < 1:
        raise DataError(
            f"a share of {share:g} is less than half a picture of {len(order):,} at either end; "
            f"take at least {0.5 / len(order):.2g}, or more pictures"
        )
    files = ava.files
    labels = {files[i]: False for i in order[:count]} | {files[i]: True for i in order[-count:]}
    names = shuffled(labels, seed)
    # The half that comes first is the test half, as in `ava1`: with one seed, no picture that AVA2
    # trains on is in AVA1's test list.
    tested, learned = names[: len(names) // 2], names[len(names) // 2 :]
    if val >= len(learned):
        raise DataError(f"{val} validation pictures leave none of {len(learned)} to learn from")
    parts = {"train": learned[val:], "val": learned[:val], "test": tested}
    for part in ("train", "test"):
        if len({labels[name] for name in parts[part]}) < 2:
            raise DataError(
                f"AVA2 with {count:,} at either end leaves only one class in its {part} "
                "list; take a larger share, or more pictures"
            )
    rule = {"scheme": "ava2", "share": share, "val": val, "seed": seed}
    return _partition("AVA2", parts, labels, rule, seed)


def write_partition(folder: Path, partition: Partition) -> None:
    """Write each list as `AVA1_<part>.txt` and how they were made as `AVA1.json`."""
    scheme = str(partition.rule["scheme"])
    made = {
        pictures.name: {
            "images": len(pictures.ids),
            "high_share": pictures.high_share,
            "fingerprint": pictures.fingerprint,
        }
        for pictures in partition.lists.values()
    }
    for pictures in partition.lists.values():
        write_list(folder / f"{pictures.name}.txt", pictures)
    record = json.dumps({**partition.rule, "lists": made}, indent=2) + "\n"
    write_whole(folder / f"{scheme.upper()}.json", record.encode())


def _shares(count: int, pools: dict[bool, list[str]]) -> tuple[int, int]:
    """How many low and high pictures make `count` with the pools' own share."""
    total = len(pools[False]) + len(pools[True])
    high = round(count * len(pools[True]) / total) if total else 0
    return count - high, high


def _draw(pools: dict[bool, list[str]], wanted: Sequence[int], part: str) -> list[str]:
    """Take the first pictures out of the pools."""
    drawn = []
    for high, count in zip((False, True), wanted, strict=True):
        if count < 0 or count > len(pools[high]):
            raise DataError(
                f"the {part} list wants {count} {'high' if high else 'low'} pictures, "
                f"but there are {len(pools[high])}; ask for fewer"
            )
        drawn += pools[high][:count]
        pools[high] = pools[high][count:]
    return drawn


def _partition(
    name: str,
    parts: dict[str, list[str]],
    labels: dict[str, bool],
    rule: dict[str, object],
    seed: int,
) -> Partition:
    lists = {}
    for part, members in parts.items():
        if members:
            ids = shuffled(members, seed)
            lists[part] = ImageList(f"{name}_{part}", tuple(ids), tuple(labels[i] for i in ids))
    if not {"train", "test"} <= lists.keys():
        raise DataError(f"{name}: {len(labels)} pictures are too few for these lists")
    return Partition(lists, rule)
