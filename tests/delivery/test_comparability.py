"""Which figures of two versions are said to compare."""

import pytest

from mlops_console.core.datasets import DatasetVersion
from mlops_console.core.model_diff import DataPair
from mlops_console.delivery.comparability import compares, told


def _pair(role: str, before: str, after: str) -> DataPair:
    sides = (DatasetVersion(role, at, sha, 9, 1, {}, {}, None, 0.0) for at, sha in enumerate((before, after), 1))
    return DataPair(role, *sides)


SAME_TEST = (_pair("test", "a", "a"), _pair("train", "b", "c"))
OTHER_TEST = (_pair("test", "a", "d"), _pair("train", "b", "c"))


@pytest.mark.parametrize(
    ("metric", "data", "expected"),
    [
        ("test/auc", SAME_TEST, True),
        ("train/loss", SAME_TEST, False),
        ("auc", SAME_TEST, False),
        ("test/auc", OTHER_TEST, False),
        ("auc", (), True),
        ("auc", SAME_TEST[:1], True),
    ],
)
def test_a_metric_is_of_the_data_of_its_role(metric: str, data: tuple[DataPair, ...], expected: bool) -> None:
    assert compares(metric, data) is expected


@pytest.mark.parametrize(
    ("metrics", "data", "sentence"),
    [
        (["test/auc"], SAME_TEST, ""),
        ([], OTHER_TEST, ""),
        (
            ["test/auc", "test/f1", "auc"],
            OTHER_TEST,
            "test/auc and test/f1 were measured on other data (test:1 → test:2): the figures do not compare.",
        ),
        (
            ["auc"],
            SAME_TEST,
            "The two were made from other data (train:1 → train:2): the figures of auc may not compare.",
        ),
        (
            [f"test/{at}" for at in range(6)],
            OTHER_TEST,
            "test/0, test/1, test/2, test/3 and 2 more were measured on other data (test:1 → test:2): "
            "the figures do not compare.",
        ),
    ],
)
def test_one_sentence_tells_what_does_not_compare(
    metrics: list[str], data: tuple[DataPair, ...], sentence: str
) -> None:
    assert told(metrics, data) == sentence
