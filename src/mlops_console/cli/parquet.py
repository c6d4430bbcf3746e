"""Parquet files, written a portion at a time; pyarrow is imported here and nowhere else."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlops_console.cli.writers import Record, text
from mlops_console.store.chunks import Columns

_CELLS = 1 << 20  # of a row group


@contextmanager
def opened(path: Path, columns: Mapping[str, bool]) -> Iterator["_Writer"]:
    """A file with these columns, each of numbers or of texts; steps are whole numbers."""
    kinds = {True: pa.float64(), False: pa.string()}
    schema = pa.schema([(name, pa.int64() if name == "step" else kinds[number]) for name, number in columns.items()])
    with pq.ParquetWriter(path, schema) as file:
        writer = _Writer(file, schema)
        yield writer
        writer.flush()


class _Writer:
    def __init__(self, file: pq.ParquetWriter, schema: pa.Schema) -> None:
        self._file, self._schema = file, schema
        self._parts: list[pa.RecordBatch] = []
        self._rows = 0

    def records(self, records: Sequence[Record]) -> None:
        self._add([self._array(records, field) for field in self._schema], len(records))

    def points(self, run: str, metric: str, found: Columns) -> None:
        n = len(found)
        arrays = [pa.repeat(run, n), pa.repeat(metric, n), pa.array(np.asarray(found.steps, dtype="int64"))]
        self._add([*arrays, *(pa.array(np.asarray(values)) for values in (found.values, found.ats))], n)

    def flush(self) -> None:
        if self._parts:
            self._file.write_table(pa.Table.from_batches(self._parts, self._schema), row_group_size=self._rows)
        self._parts, self._rows = [], 0

    def _add(self, arrays: Sequence[pa.Array], rows: int) -> None:
        self._parts.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._rows += rows
        if self._rows * len(self._schema) >= _CELLS:
            self.flush()

    def _array(self, records: Sequence[Record], field: pa.Field) -> pa.Array:
        values = [record.get(field.name) for record in records]
        if field.type == pa.string():
            return pa.array([_readable(text(value)) for value in values], field.type)
        return pa.array([None if value is None else float(value) for value in values], field.type)


def _readable(value: object) -> str | None:
    """UTF-8 has no word for half a pair of surrogates, which a name may hold."""
    return None if value is None else str(value).encode(errors="replace").decode()
