"""Parquet files, written a portion at a time; pyarrow is imported here and nowhere else."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mlops_console.cli.exporting import Record, Writer

_NUMBERS = ("started", "ended", "duration", "value", "time")


@contextmanager
def opened(path: Path, columns: Sequence[str]) -> Iterator[Writer]:
    """A file with these columns: metrics and times are numbers, steps whole ones, params and all others texts."""
    schema = pa.schema([(name, _type(name)) for name in columns])
    with pq.ParquetWriter(path, schema) as file:
        yield _Writer(file, schema)


class _Writer:
    def __init__(self, file: pq.ParquetWriter, schema: pa.Schema) -> None:
        self._file, self._schema = file, schema

    def write(self, records: Sequence[Record]) -> None:
        data = {
            field.name: pa.array([_value(record.get(field.name), field.type) for record in records], field.type)
            for field in self._schema
        }
        self._file.write_table(pa.table(data, schema=self._schema))


def _type(name: str) -> pa.DataType:
    if name == "step":
        return pa.int64()
    return pa.float64() if name in _NUMBERS or name.startswith("metrics.") else pa.string()


def _value(value: Any, kind: pa.DataType) -> Any:
    if value is None or kind != pa.string() or isinstance(value, str):
        return value
    return json.dumps(value)
