"""The second, cheap step: which rows of a job's parts to take. Nothing is scored again.

Parts are streamed, several times where that is what it takes, so that memory does not grow with
the collection. Every row has one fate, and the fates' counts add up to all rows.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ilgnet.data.identity import CONTENT, LOOK
from ilgnet.errors import DataError, require
from ilgnet.shards.job import Shard
from ilgnet.shards.looks import BYTES, Looks, first_alike
from ilgnet.shards.parts import Complete, rows_of
from ilgnet.shards.stores import open_store
from ilgnet.shards.where import Condition

STEPS_A_VOTE: Final = 10_000
"""Scores have four decimals, so counting them in such steps is exact."""

LOWEST: Final = 1.0
HIGHEST: Final = 10.0

HASHES_AT_ONCE: Final = 100_000_000
"""Hashes that are sorted together to find what occurs twice (800 MB); more take more passes."""


class Fate(IntEnum):
    """What becomes of a row; the first that applies."""

    FAILED = 0
    NOT_ASKED_FOR = 1
    BELOW_SCORE = 2
    IN_A_LIST = 3
    SEEN_BEFORE = 4
    LOOKS_THE_SAME = 5
    NOT_AT_THE_TOP = 6
    NOT_SAMPLED = 7
    TAKEN = 8


FATES: Final = {
    Fate.FAILED: "could not be scored",
    Fate.NOT_ASKED_FOR: "do not meet --where",
    Fate.BELOW_SCORE: "score less than --min-score",
    Fate.IN_A_LIST: "are in a list of --without",
    Fate.SEEN_BEFORE: "have the bytes of one taken before (--unique)",
    Fate.LOOKS_THE_SAME: "look the same as one before (--unlike)",
    Fate.NOT_AT_THE_TOP: "are not among the top",
    Fate.NOT_SAMPLED: "are not in the sample",
    Fate.TAKEN: "taken",
}
"""What to call them."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The pictures of a named list.

    Attributes:
        contents: the first 64 bits of the SHA-256 of their bytes, sorted.
        looks: their perceptual hashes; None where the list has none.
    """

    contents: NDArray[np.uint64]
    looks: Looks | None = None

    def hold(self, batch: Any) -> NDArray[np.bool_]:
        """For each row of a batch, whether its picture is in the list."""
        found = _is_in(content_bits(batch.column("sha256")), self.contents)
        if self.looks is not None:
            rows, hashes = _looks(batch)
            found[rows] |= self.looks.hold(hashes)
        return found


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows to take: all that meet every condition that is given.

    Attributes:
        where: a condition, see `Condition`.
        min_score: mean vote, 1..10.
        without: name of a list -> its pictures.
        unique: of several pictures with the same bytes take the first.
        unlike: of several pictures that look the same take the first, by their perceptual hashes;
            this one holds 70 bytes for each row that meets the conditions above.
        top_percent: of those that meet the conditions above, the best share, 0..100.
        sample: of those, so many at random.
        seed: of the sample; the same one takes the same pictures, however they are sharded.
    """

    where: str | None = None
    min_score: float | None = None
    without: dict[str, Listed] = field(default_factory=dict)
    unique: bool = False
    unlike: bool = False
    top_percent: float | None = None
    sample: int | None = None
    seed: int = 0


@dataclass(slots=True)
class Found:
    """What a filter found.

    Attributes:
        fates: fate -> rows.
        failures: failure code -> rows.
        in_lists: name of a list -> rows that are in it.
        scores: how many rows have each score, by `score_index`; all that were scored.
        taken: the same of those taken.
        threshold: the lowest score taken where the top was asked for.
    """

    fates: Counter[Fate] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    in_lists: Counter[str] = field(default_factory=Counter)
    scores: NDArray[np.int64] = field(default_factory=lambda: _no_scores())
    taken: NDArray[np.int64] = field(default_factory=lambda: _no_scores())
    threshold: float | None = None

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(self.fates.values())


def _no_scores() -> NDArray[np.int64]:
    return np.zeros(round((HIGHEST - LOWEST) * STEPS_A_VOTE) + 1, np.int64)


def score_index(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """The place of each score (N,) in a table of counts."""
    return np.rint((np.nan_to_num(scores, nan=LOWEST) - LOWEST) * STEPS_A_VOTE).astype(np.int64)


def index_score(index: int) -> float:
    """The score of a place in a table of counts."""
    return round(LOWEST + index / STEPS_A_VOTE, 4)


class Filter:
    """Decides row by row; call `selected` as often as rows are needed.

    Args:
        parts: the job's parts.
        wanted: which rows to take.

    Raises:
        DataError: the condition cannot be used.

    Attributes:
        found: the counts.
    """

    def __init__(self, parts: Complete, wanted: Wanted) -> None:
        self.parts = parts
        self.wanted = wanted
        names = [n for n in parts.schema.names if n not in ("votes", "error", "features")]
        self._condition = None if wanted.where is None else Condition(wanted.where, names)
        self._twice = self._found_twice() if wanted.unique else _EMPTY
        self._alike = np.zeros(0, np.int64)  # rows that look the same as one before, sorted
        self._best = -1  # every score
        self._ties: _Lowest | None = None  # of those with the lowest score
        self._sample: _Lowest | None = None
        self.found = Found()
        self._count()

    def selected(self, columns: Sequence[str] | None = None) -> Iterator[tuple[Shard, Any]]:
        """The rows taken, in the order of the plan: a shard and a `pyarrow.RecordBatch` of it.

        A shard none of whose rows is taken does not come.
        """
        pa = require("pyarrow", "shards", "filtering")
        for shard, _, batch, fates in self.rows(columns):
            mask = fates == Fate.TAKEN
            if mask.any():
                yield shard, batch.filter(pa.array(mask))

    def places(self) -> Iterator[tuple[Shard, dict[int, str]]]:
        """For each shard with any the rows taken: number in its part, from 0 -> key."""
        last: Shard | None = None
        taken: dict[int, str] = {}
        for shard, first, batch, fates in self.rows():
            if last is not None and shard is not last and taken:
                yield last, taken
                taken = {}
            last = shard
            keys = batch.column("key")
            for row in np.flatnonzero(fates == Fate.TAKEN).tolist():
                taken[first + row] = keys[row].as_py()
        if last is not None and taken:
            yield last, taken

    def _count(self) -> None:
        """The thresholds first, each in a pass of its own, then what becomes of every row."""
        wanted = self.wanted
        if wanted.unlike:
            self._alike = self._found_alike()
        if wanted.top_percent is not None:
            self._find_top(wanted.top_percent)
        if wanted.sample is not None:
            lowest = _Lowest(wanted.sample)
            for _, _, batch, fates in self.rows():
                lowest.add(self.hashes(batch)[fates == Fate.TAKEN])
            self._sample = lowest
        for _, _, batch, fates in self.rows():
            self.found.fates.update(
                {
                    Fate(f): int(n)
                    for f, n in zip(*np.unique(fates, return_counts=True), strict=True)
                }
            )
            codes = batch.column("error").field("code")
            self.found.failures.update(code for code in codes.to_pylist() if code)
            scores = score_index(_numbers(batch, "score"))
            scored = fates != Fate.FAILED
            np.add.at(self.found.scores, scores[scored], 1)
            np.add.at(self.found.taken, scores[fates == Fate.TAKEN], 1)
        if wanted.top_percent is not None and self.found.fates[Fate.TAKEN]:
            self.found.threshold = index_score(int(np.flatnonzero(self.found.taken)[0]))
        self._count_lists()

    def _count_lists(self) -> None:
        for _, _, batch, _ in self.rows() if self.wanted.without else ():
            for name, listed in self.wanted.without.items():
                self.found.in_lists[name] += int(listed.hold(batch).sum())

    def _find_top(self, percent: float) -> None:
        counts = _no_scores()
        for _, _, batch, fates in self.rows():
            taken = fates == Fate.TAKEN
            np.add.at(counts, score_index(_numbers(batch, "score"))[taken], 1)
        keep = round(int(counts.sum()) * percent / 100)
        above = np.cumsum(counts[::-1])[::-1]  # rows with this score or more
        if keep == 0:
            self._best, self._ties = len(counts), _Lowest(0)
            return
        best = int(np.flatnonzero(above >= keep)[-1])
        more = int(above[best] - counts[best])
        # Of equals, those whose hashes come first: the same however the collection is sharded.
        lowest = _Lowest(keep - more)
        for _, _, batch, fates in self.rows():
            ties = (fates == Fate.TAKEN) & (score_index(_numbers(batch, "score")) == best)
            lowest.add(self.hashes(batch)[ties])
        self._best, self._ties = best, lowest

    def rows(
        self, columns: Sequence[str] | None = ()
    ) -> Iterator[tuple[Shard, int, Any, NDArray[np.int8]]]:
        """One pass over all rows, in the order of the plan.

        Args:
            columns: of the batches, beside those that decide; None has all.

        Yields:
            A shard, the number of a row in its part, a `pyarrow.RecordBatch` from there on, and the
            fate of each row, a `Fate`.
        """
        needed = {"key", "uri", "member", "sha256", "look", "score", "error"}
        needed |= self._condition.columns if self._condition else set()
        read = None if columns is None else sorted(needed | set(columns))
        so_far = _Pass(
            ties=self._ties.limit() if self._ties else None,
            sample=self._sample.limit() if self._sample else None,
        )
        for shard in self.parts.shards:
            first = 0
            for batch in rows_of(self.parts.folder, shard, read):
                yield shard, first, batch, self._fates(batch, so_far)
                first += batch.num_rows
                so_far.rows += batch.num_rows

    def _fates(self, batch: Any, so_far: _Pass) -> NDArray[np.int8]:
        wanted = self.wanted
        fates = np.full(batch.num_rows, Fate.TAKEN, np.int8)
        scores = _numbers(batch, "score")

        def leave(mask: NDArray[np.bool_], fate: Fate) -> None:
            fates[mask & (fates == Fate.TAKEN)] = fate

        leave(np.isnan(scores), Fate.FAILED)
        if self._condition:
            leave(~self._condition.holds(batch), Fate.NOT_ASKED_FOR)
        if wanted.min_score is not None:
            leave(~(scores >= wanted.min_score), Fate.BELOW_SCORE)
        for listed in wanted.without.values():
            leave(listed.hold(batch), Fate.IN_A_LIST)
        if wanted.unique:
            bits = content_bits(batch.column("sha256"))
            leave(self._seen_before(bits, fates, so_far.seen), Fate.SEEN_BEFORE)
        if len(self._alike):
            rows = [so_far.rows, so_far.rows + batch.num_rows]
            begin, end = np.searchsorted(self._alike, rows)
            same = np.zeros(batch.num_rows, bool)
            same[self._alike[begin:end] - so_far.rows] = True
            leave(same, Fate.LOOKS_THE_SAME)
        if so_far.ties is not None:
            places = score_index(scores)
            equal = (places == self._best) & (fates == Fate.TAKEN)
            tied = so_far.ties.lets(self.hashes(batch), equal)
            leave(~((places > self._best) | tied), Fate.NOT_AT_THE_TOP)
        if so_far.sample is not None:
            taken = so_far.sample.lets(self.hashes(batch), fates == Fate.TAKEN)
            leave(~taken, Fate.NOT_SAMPLED)
        return fates

    def _seen_before(
        self, bits: NDArray[np.uint64], fates: NDArray[np.int8], seen: set[int]
    ) -> NDArray[np.bool_]:
        again = np.zeros(len(bits), bool)
        for row in np.flatnonzero(_is_in(bits, self._twice) & (fates == Fate.TAKEN)):
            value = int(bits[row])
            again[row] = value in seen
            seen.add(value)
        return again

    def _found_twice(self) -> NDArray[np.uint64]:
        """The hashes that occur more than once, sorted; a range of hashes in each pass."""
        total = 0
        for shard in self.parts.shards:
            total += sum(batch.num_rows for batch in rows_of(self.parts.folder, shard, ["score"]))
        passes = max(1, -(-total // HASHES_AT_ONCE))
        found = []
        for number in range(passes):
            pieces = []
            for shard in self.parts.shards:
                for batch in rows_of(self.parts.folder, shard, ["sha256"]):
                    bits = content_bits(batch.column(0))
                    pieces.append(bits[(bits != 0) & (bits % np.uint64(passes) == number)])
            values, counts = np.unique(np.concatenate([_EMPTY, *pieces]), return_counts=True)
            found.append(values[counts > 1])
        return np.sort(np.concatenate(found))

    def _found_alike(self) -> NDArray[np.int64]:
        """The rows that look the same as an earlier one of those that are left, sorted."""
        places, pieces = [np.zeros(0, np.int64)], [np.zeros((0, BYTES), np.uint8)]
        place = 0
        for _, _, batch, fates in self.rows():
            rows, hashes = _looks(batch)
            left = fates[rows] == Fate.TAKEN
            places.append(rows[left] + place)
            pieces.append(hashes[left])
            place += batch.num_rows
        every = np.concatenate(places)
        first = first_alike(np.concatenate(pieces))
        later: NDArray[np.int64] = every[first != np.arange(len(every))]
        return later

    def hashes(self, batch: Any) -> NDArray[np.uint64]:
        """64 bits from where each picture is and the seed: the order of samples and of equals."""
        texts = [
            f"{uri}\0{member or ''}\0{key}\0{self.wanted.seed}".encode()
            for uri, member, key in zip(
                *(batch.column(name).to_pylist() for name in ("uri", "member", "key")), strict=True
            )
        ]
        return np.array([_bits(text) for text in texts], np.uint64)


def content_bits(hashes: Any) -> NDArray[np.uint64]:
    """The first 64 bits of SHA-256 hashes in hex (N,), a `pyarrow.Array`; 0 where there is none."""
    return np.array([int(h[:16], 16) if h else 0 for h in hashes.to_pylist()], np.uint64)


def _looks(batch: Any) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """The rows that have a perceptual hash (K,), and the hashes (K, 32)."""
    hashes = batch.column("look").to_pylist()
    rows = np.array([row for row, look in enumerate(hashes) if look], np.int64)
    joined = b"".join(look for look in hashes if look)
    return rows, np.frombuffer(joined, np.uint8).reshape(-1, BYTES)


def _bits(text: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


_EMPTY: Final = np.zeros(0, np.uint64)


def _is_in(bits: NDArray[np.uint64], listed: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether each is in a sorted list; 0 stands for no hash and is in none."""
    if not len(listed):
        return np.zeros(len(bits), bool)
    places = np.minimum(np.searchsorted(listed, bits), len(listed) - 1)
    found: NDArray[np.bool_] = (listed[places] == bits) & (bits != 0)
    return found


def _numbers(batch: Any, name: str) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = batch.column(name).to_numpy(zero_copy_only=False)
    return numbers.astype(np.float64)


class _Lowest:
    """The so many lowest of a stream of numbers, in memory for twice as many."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._kept = _EMPTY

    def add(self, numbers: NDArray[np.uint64]) -> None:
        self._kept = np.concatenate([self._kept, numbers])
        if len(self._kept) > 2 * self._count + 10_000:
            self._cut()

    def _cut(self) -> None:
        self._kept = np.sort(self._kept)[: self._count]

    def limit(self) -> _Limit:
        """What lets these pass, and as many as these."""
        self._cut()
        highest = self._kept[-1] if len(self._kept) else np.uint64(0)
        return _Limit(highest, int((self._kept == highest).sum()))


@dataclass(slots=True)
class _Limit:
    """Lets numbers pass that are lower than `highest`, and the first `equals` of those equal to it:
    a picture that is listed twice has the same number twice."""

    highest: np.uint64
    equals: int

    def lets(self, numbers: NDArray[np.uint64], asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
        passed: NDArray[np.bool_] = asked & (numbers < self.highest)
        equal = np.flatnonzero(asked & (numbers == self.highest))[: self.equals]
        self.equals -= len(equal)
        passed[equal] = True
        return passed


@dataclass(slots=True)
class _Pass:
    """How far one pass over all rows is."""

    ties: _Limit | None
    sample: _Limit | None
    rows: int = 0
    seen: set[int] = field(default_factory=set)


def read_listed(addresses: Sequence[str]) -> dict[str, Listed]:
    """Named lists of pictures, as `Wanted.without` takes them.

    Args:
        addresses: each a text file of words, `sha256:` (or nothing) and a hash in hex, of which the
            first 16 digits count, and `look:` and a perceptual hash in hex, as models remember what
            they were trained on; or a Parquet file with columns sha256 and look, such as a merged
            job.

    Raises:
        DataError: there are no hashes in it.
    """
    return {address: _read_listed(address) for address in addresses}


def _read_listed(address: str) -> Listed:
    parquet = require("pyarrow.parquet", "shards", "reading lists")
    store, path = open_store(address)
    looks: list[bytes] = []
    try:
        with store.open(path, "rb", compression="infer") as stream:
            if address.endswith(".parquet"):
                file = parquet.ParquetFile(stream)
                bits = content_bits(file.read(["sha256"]).column("sha256"))
                if "look" in file.schema_arrow.names:
                    looks = list(filter(None, file.read(["look"]).column("look").to_pylist()))
            else:
                words = [word for line in stream for word in line.decode().split()]
                seen = [word.removeprefix(LOOK) for word in words if word.startswith(LOOK)]
                looks = [bytes.fromhex(text) for text in seen]
                told = [word.removeprefix(CONTENT) for word in words if not word.startswith(LOOK)]
                bits = np.array([int(text[:16], 16) for text in told], np.uint64)
    except FileNotFoundError as error:
        raise DataError(f"there is no list at {address}") from error
    except (ValueError, KeyError, OverflowError) as error:
        raise DataError(f"{address} is no list of SHA-256 hashes: {error}") from error
    bits = np.unique(bits[bits != 0])
    if not (len(bits) or looks):
        raise DataError(f"{address} holds no hash of a picture")
    hashes = np.frombuffer(b"".join(looks), np.uint8).reshape(-1, BYTES)
    return Listed(bits, Looks(hashes) if looks else None)
