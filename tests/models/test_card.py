"""Model cards: filled from what is known, each gap named, and no foreign text as Markdown."""

import re

from mlops_console.core.models import ModelRef
from mlops_console.core.runs import Provenance
from mlops_console.models.card import Card, build
from mlops_console.models.card_facts import gather
from mlops_console.store import measurements, models
from mlops_console.store.workspace import Workspace
from tests.delivery.records import SIGNATURE, add_dataset, add_made

TOML = """
[project]
name = "fraud-detection"
[models.fraud]
metric = "test/auc"
[datasets.claims]
path = "claims.csv"
[environments.production]
model = "fraud"
port = 8100
evaluate = {dataset = "claims", slices = ["country"], sensitive = ["amount"]}
"""
SECTIONS = [
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Caveats and recommendations",
]


def card(workspace: Workspace, version: int = 1) -> Card:
    with workspace.store.read() as db:
        found = models.get(db, ModelRef("fraud", version))
    return build(gather(workspace, found))


def gaps(found: Card) -> dict[str, list[str]]:
    return {section.title: [gap.what for gap in section.gaps] for section in found.sections}


def test_a_card_has_the_sections_of_the_paper_in_its_order(workspace: Workspace) -> None:
    add_made(workspace)
    found = card(workspace)
    assert [section.title for section in found.sections] == SECTIONS
    assert re.findall(r"^## (.*)$", found.markdown(), re.MULTILINE) == SECTIONS


def test_all_that_is_known_is_told(workspace: Workspace) -> None:
    workspace.config_path.write_text(TOML)
    version = add_made(
        workspace,
        origin=Provenance("ann", "python fit.py", "ab" * 20, "main", True),
        params={"depth": 3},
        metrics={"test/auc": 0.91},
        inputs={"train": add_dataset(workspace, "claims", 1.0), "test": add_dataset(workspace, "holdout", 2.0)},
        files={"git/dirty.patch": b"x"},
        description="Tells stolen cards.\nNot for credit.",
        packages={"scikit-learn": "1.6"},
    )
    with workspace.store.write() as tx:
        result = {"columns": {"country": {"ch": {"rows": 40, "recall": 0.75}, "de": {"rows": 50, "recall": None}}}}
        measurements.put(tx, version, "slices", "claims:1 is_fraud", result)
        measurements.put(tx, version, "fairness", "claims:1 is_fraud", {"columns": {"amount": {"difference": 0.125}}})
        measurements.put(tx, version, "latency", "ONNX", {"p50": 0.001})
    found = card(workspace)
    text = found.markdown()
    for told in (
        "# fraud:1",
        "- **Project**: fraud-detection",
        "scikit-learn 1.6",
        f"- **Code**: {'ab' * 20}, with changes that were not committed",
        "| depth | 3 |",
        "> Tells stolen cards.\n> Not for credit.",
        "- **Looked at value by value**: country",
        "- **Judged by**: test/auc",
        "| train | claims:1 | 9 | 1 | not checked |",
        "| test | holdout:1 | 9 | 1 | not checked |",
        "| test/auc | 0.9100 | maximize |",
        "### Part by part, on claims:1 is\\_fraud",
        "| columns / country / ch / recall | 0.7500 |",
        "| columns / country / de / recall | null |",
        "| columns / amount / difference | 0.1250 |",
        "It takes columns that mlops.toml calls sensitive as inputs: amount.",
        "they are kept as git/dirty.patch.",
    ):
        assert told in text
    assert "p50" not in text
    known = gaps(found)
    assert known["Factors"] == known["Metrics"] == known["Quantitative analyses"] == known["Evaluation data"] == []
    assert known["Training data"] == ["which data its traffic is to be compared with."]
    assert known["Ethical considerations"] != []


def test_each_gap_is_named_with_how_to_fill_it(workspace: Workspace) -> None:
    """A version of no run, without a mlops.toml."""
    with workspace.store.write() as tx:
        models.add_version(tx, "fraud", sha256="0" * 64, size=1, estimator="Tree", signature=SIGNATURE)
    found = card(workspace)
    assert all(gaps(found).values())
    text = found.markdown()
    assert text.count("Not known: ") == len(found.gaps) == 14
    for gap in found.gaps:
        assert f"- *Not known: {gap.what} To fill it, {gap.how}.*" in text
    for how in (
        "[models.fraud] of mlops.toml",
        'description="…"',
        'run.log_dataset("train", frame)',
        "run.log_model(…)",
    ):
        assert how in text


def test_foreign_text_makes_no_markdown(workspace: Workspace) -> None:
    add_made(
        workspace,
        "# [run](http://evil)",
        params={"a|b": "<script>alert(1)</script>", "x\ny": "**bold**"},
        description="# Title\n![x](http://evil)\n<img src=x>",
    )
    text = card(workspace).markdown()
    assert "<script>" not in text
    assert "<img" not in text
    assert not re.search(r"(?<!\\)\[(run|x)\]", text)
    assert "| a\\|b | &lt;script>alert(1)&lt;/script> |" in text
    assert "| x␤y | \\*\\*bold\\*\\* |" in text
    assert "> \\# Title" in text
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1
