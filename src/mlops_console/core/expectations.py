"""What a dataset is expected to hold. Checking is `data.expectations`'s."""

import math
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

ColumnType = Literal["integer", "number", "text", "boolean"]


def _is_no_nan(value: str | int | float | bool) -> str | int | float | bool:
    if isinstance(value, float) and math.isnan(value):
        raise ValueError("NaN is no category: it counts as missing")
    return value


Category = Annotated[str | int | float | bool, AfterValidator(_is_no_nan)]
Bound = Annotated[float, Field(allow_inf_nan=False)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnExpectation(_Table):
    """Of one column. Missing values offend `missing` only.

    `min`, `max`: which imply a number; `missing`: the greatest share of missing values; `categories`: the only values;
    `unique`: no value twice; `required`: the column must be there.
    """

    type: ColumnType | None = None
    min: Bound | None = None
    max: Bound | None = None
    missing: float | None = Field(default=None, ge=0, le=1)
    categories: tuple[Category, ...] | None = Field(default=None, min_length=1)
    unique: bool | None = None
    required: bool = True

    @model_validator(mode="after")
    def _bounds_make_sense(self) -> Self:
        if self.type in ("text", "boolean") and (self.min is not None or self.max is not None):
            raise ValueError(f"min and max make no sense with type {self.type!r}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min must not be above max")
        return self


class Expectations(_Table):
    """Of a dataset: `extra_columns` says whether columns that are not named may be there."""

    columns: dict[str, ColumnExpectation] = Field(default_factory=dict)
    rows_min: int | None = Field(default=None, ge=0)
    rows_max: int | None = Field(default=None, ge=0)
    extra_columns: bool = True

    @model_validator(mode="after")
    def _rows_make_sense(self) -> Self:
        if self.rows_min is not None and self.rows_max is not None and self.rows_min > self.rows_max:
            raise ValueError("rows_min must not be above rows_max")
        return self
