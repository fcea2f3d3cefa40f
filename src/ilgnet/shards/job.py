"""A job is a folder: what to do with which shards. Every worker reads it, only `plan` writes it.

    JOB/plan.parquet          one row a shard; in its metadata the model and what is asked for
    JOB/rows/LIST.parquet     the pictures of a shard that lists them
    JOB/parts/SHARD.parquet   what came out
    JOB/stats/SHARD.json      what it cost

A shard's name is the digest of everything that its part depends on, so a part that is there never
has to be made again, and planning again keeps what still holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Final, Literal

from ilgnet.errors import DataError, ModelError, require
from ilgnet.library.catalogue.rows import model_digest
from ilgnet.shards.stores import Folder
from ilgnet.zoo.records import Weights, find_weights

SCHEMA: Final = 1
"""Raised when the columns of a part, or what is in them, change."""

PLAN: Final = "plan.parquet"
METADATA: Final = b"ilgnet.job"
PARTS: Final = "parts"
STATS: Final = "stats"

Kind = Literal["files", "tar", "parquet"]


@dataclass(frozen=True, slots=True)
class Job:
    """What every part of a job has in common.

    Attributes:
        model: as `ilgnet.load` takes it.
        digest: of the model, see `model_digest`; a worker with another model refuses to work.
        preprocess: fingerprint of the preprocessing.
        features: whether the parts hold the pooled features.
        schema: version of the parts' columns.
    """

    model: str
    digest: str
    preprocess: str
    features: bool = False
    schema: int = SCHEMA

    @classmethod
    def of(cls, model: str, *, features: bool = False) -> Job:
        """The job that scores with this model."""
        weights = find_weights(model)
        return cls(model, model_digest(weights), weights.preprocess.fingerprint(), features)

    def check(self, weights: Weights) -> None:
        """Raise an error where a worker has loaded something else than was planned."""
        if (model_digest(weights), weights.preprocess.fingerprint()) != (
            self.digest,
            self.preprocess,
        ):
            raise ModelError(
                f"the model {self.model!r} is not here what it was when this job was planned "
                f"(digest {model_digest(weights)}, planned {self.digest}). Use the same version "
                "of ilgnet and of the model on every machine, or plan again."
            )


@dataclass(frozen=True, slots=True)
class Shard:
    """The unit of work.

    Attributes:
        name: 24 hex digits, see `named`.
        kind: "files" (a list of addresses), "tar", or "parquet" (pictures inside).
        address: of the list (relative to the job), the tar or the Parquet file.
        version: what changes when the file is written again.
        first: first row group, for "parquet".
        groups: how many row groups, for "parquet".
        rows: pictures, where they are known beforehand.
        picture: the column of the pictures, for "parquet".
        key: the column of the keys, for "parquet"; None numbers the rows.
    """

    name: str
    kind: Kind
    address: str
    version: str
    first: int = 0
    groups: int = 0
    rows: int | None = None
    picture: str | None = None
    key: str | None = None

    @property
    def part(self) -> str:
        """The name of its part in the job."""
        return f"{PARTS}/{self.name}.parquet"

    @property
    def stats(self) -> str:
        """The name of its figures in the job."""
        return f"{STATS}/{self.name}.json"


def named(job: Job, **fields: Any) -> Shard:
    """A shard with the name that its content gives it."""
    # The model's name may be a path, which differs from machine to machine.
    asked = {key: value for key, value in asdict(job).items() if key != "model"}
    text = json.dumps({**asked, **fields}, sort_keys=True)
    return Shard(hashlib.sha256(text.encode()).hexdigest()[:24], **fields)


def write_job(folder: Folder, job: Job, shards: Iterable[Shard]) -> None:
    """Make or replace the plan of a job."""
    pa = require("pyarrow", "shards", "planning shards")
    parquet = require("pyarrow.parquet", "shards", "planning shards")
    schema = _schema(pa).with_metadata({METADATA: json.dumps(asdict(job))})
    waiting = iter(shards)
    with (
        folder.putting(PLAN) as path,
        parquet.ParquetWriter(path, schema, compression="zstd") as file,
    ):
        while batch := [asdict(shard) for shard in islice(waiting, 10_000)]:
            file.write_table(pa.Table.from_pylist(batch, schema=schema))


def read_job(folder: Folder) -> tuple[Job, list[Shard]]:
    """What `write_job` wrote.

    Raises:
        DataError: the folder holds no job, or one of another version.
    """
    pa = require("pyarrow", "shards", "reading a plan")
    parquet = require("pyarrow.parquet", "shards", "reading a plan")
    try:
        table = parquet.read_table(pa.BufferReader(folder.read(PLAN)))
        job = Job(**json.loads(table.schema.metadata[METADATA]))
        shards = [Shard(**row) for row in table.to_pylist()]
    except FileNotFoundError as error:
        raise DataError(
            f"{folder.address} holds no job: make one with ilgnet shards plan INPUT -o JOB"
        ) from error
    except (TypeError, KeyError, ValueError) as error:
        raise DataError(
            f"the job in {folder.address} cannot be read ({error}): plan it again"
        ) from error
    if job.schema != SCHEMA:
        raise DataError(
            f"the job in {folder.address} was planned for version {job.schema} of the parts, this "
            f"is version {SCHEMA}: plan it again"
        )
    return job, shards


def finished(folder: Folder) -> set[str]:
    """The names of the shards whose parts are there."""
    return {name.removesuffix(".parquet") for name in folder.names(PARTS)}


def _schema(pa: Any) -> Any:
    text, whole = pa.string(), pa.int64()
    return pa.schema(
        [
            ("name", text),
            ("kind", text),
            ("address", text),
            ("version", text),
            ("first", whole),
            ("groups", whole),
            ("rows", whole),
            ("picture", text),
            ("key", text),
        ]
    )
