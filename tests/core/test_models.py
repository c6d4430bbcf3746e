"""References to model versions."""

import pytest

from mlops_console.core.errors import UsageError
from mlops_console.core.models import ModelRef


def test_a_version_and_an_alias() -> None:
    assert ModelRef.parse("fraud:7") == ModelRef("fraud", version=7)
    assert ModelRef.parse("fraud@champion") == ModelRef("fraud", alias="champion")
    assert str(ModelRef.parse("fraud@champion")) == "fraud@champion"


@pytest.mark.parametrize("text", ["fraud", "fraud:", "fraud:x", "fraud@", ":7", "fraud:7:8", "", "a b:1", "fraud:-1"])
def test_nonsense(text: str) -> None:
    with pytest.raises(UsageError, match="fraud:7"):
        ModelRef.parse(text)


def test_a_model_without_a_version_is_told_so() -> None:
    with pytest.raises(UsageError, match="without a version"):
        ModelRef.parse("fraud")
