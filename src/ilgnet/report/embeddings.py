"""The model's features of a run, for other programs: as an array or in Parquet.

    features.parquet   path, score and features: DuckDB, pandas, Polars
    features.npy       float32 (N, D); beside it features.parquet with the rows' paths and scores
    features/          clip-retrieval's layout: img_emb/img_emb_0.npy, metadata/metadata_0.parquet

Only pictures that were scored have features, so these hold only them, in the order of the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from ilgnet.errors import IlgnetError, require
from ilgnet.report.output import open_output
from ilgnet.report.rows import DECIMALS, utf8_path
from ilgnet.values import Outcome, Verdict

ROW_GROUP: Final = 10_000

CLIP_ARRAY: Final = Path("img_emb/img_emb_0.npy")
CLIP_ROWS: Final = Path("metadata/metadata_0.parquet")


class Embeddings:
    """Takes outcomes one at a time, like a writer of rows; memory does not grow with the run."""

    def __init__(self, rows: BinaryIO, array: BinaryIO | None, path_column: str) -> None:
        self._pa = require("pyarrow", "parquet", "writing features")
        self._sink = rows
        self._array = array
        self._path_column = path_column
        self._held: list[Verdict] = []
        self._file: Any = None
        self._count = 0
        self._width = 0

    def __call__(self, outcome: Outcome) -> None:
        """Write one outcome's features; one that has none is passed over."""
        if isinstance(outcome, Verdict) and outcome.features is not None:
            self._width = self._width or len(outcome.features)
            if self._array is not None:
                if self._count == 0:
                    self._write_header()
                self._array.write(outcome.features.astype("<f4").tobytes())
            self._count += 1
            self._held.append(outcome)
            if len(self._held) == ROW_GROUP:
                self._flush()

    def close(self) -> None:
        """Finish both files."""
        self._flush()
        self._file.close()
        if self._array is not None:
            self._array.seek(0)
            self._write_header()

    def _write_header(self) -> None:
        """The same length whatever the count: numpy leaves room for it to grow."""
        assert self._array is not None
        head = {"descr": "<f4", "fortran_order": False, "shape": (self._count, self._width)}
        np.lib.format.write_array_header_1_0(self._array, head)

    def _flush(self) -> None:
        pa, held = self._pa, self._held
        columns: dict[str, Any] = {
            self._path_column: pa.array([utf8_path(v.path) for v in held], pa.string()),
            "score": pa.array([round(v.score, DECIMALS["score"]) for v in held], pa.float64()),
        }
        if self._array is None:
            flat = np.concatenate([v.features for v in held]) if held else np.zeros(0, np.float32)
            kind = pa.list_(pa.float32(), self._width or 1)
            columns["features"] = pa.FixedSizeListArray.from_arrays(
                pa.array(flat, pa.float32()), type=kind
            )
        table = pa.table(columns)
        if self._file is None:
            parquet = require("pyarrow.parquet", "parquet", "writing features")
            sink = pa.PythonFile(self._sink, mode="w")
            self._file = parquet.ParquetWriter(sink, table.schema, compression="zstd")
        if held:
            self._file.write_table(table)
        self._held = []


@contextmanager
def open_embeddings(target: Path) -> Iterator[Embeddings]:
    """A writer of features; its files are there when the block ends well, and not before.

    Args:
        target: .parquet, .npy, or a folder, see above.

    Raises:
        IlgnetError: the extension is another, or it cannot be written.
        MissingExtra: pyarrow is not installed.
    """
    if target.suffix == ".parquet":
        with open_output(target) as rows:
            writer = Embeddings(rows, None, "path")
            yield writer
            writer.close()
        return
    if target.suffix not in ("", ".npy"):
        raise IlgnetError(
            f"what format is {target.name}? Name it .parquet or .npy, or name a folder"
        )
    array, listed, column = target, target.with_suffix(".parquet"), "path"
    if target.suffix == "":
        array, listed, column = target / CLIP_ARRAY, target / CLIP_ROWS, "image_path"
        array.parent.mkdir(parents=True, exist_ok=True)
        listed.parent.mkdir(parents=True, exist_ok=True)
    with open_output(listed) as rows, open_output(array) as numbers:
        writer = Embeddings(rows, numbers, column)
        yield writer
        writer.close()
