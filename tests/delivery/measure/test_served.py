"""A version is measured in the form that a server answers with."""

from dataclasses import replace

from mlops_console.core.models import ModelVersion
from mlops_console.delivery.measure import latency, size
from mlops_console.delivery.measure.ensure import ensure
from mlops_console.delivery.measure.served import Served
from mlops_console.models.compiling import compile_model, fitting
from mlops_console.serving.inputs import from_records
from mlops_console.store import compiled
from mlops_console.store.workspace import Workspace
from tests.delivery.measure.helpers import SIGNATURE, add, classifier, configure, holdout


def compile_(workspace: Workspace, version: ModelVersion, model: object) -> None:
    """What the job that compiles a version does."""
    rows = fitting(SIGNATURE, ({"amount": r.amount, "age": r.age} for r in holdout(50).itertuples()))
    found, content = compile_model(model, SIGNATURE, rows, lambda _, __: None)
    assert content is not None, found.reason
    found = replace(found, sha256=workspace.objects.put_bytes(content), size=len(content))
    with workspace.store.write() as tx:
        compiled.record(tx, version.model, version.version, found)


def test_a_compiled_version_is_measured_compiled_and_takes_all_rows(workspace: Workspace) -> None:
    model = classifier(holdout())
    version = add(workspace, model)
    configure(workspace, "latency.p50 <= 1 s")
    before = ensure(workspace, workspace.config(), "production", version.ref)
    compile_(workspace, version, model)
    served = Served(workspace, version)
    assert served.form == "ONNX"
    (found,) = latency.measure(workspace, [served]).values()
    assert (found["form"], found["p50"] > 0) == ("ONNX", True)
    assert size.measure(workspace, version)["form"] == "ONNX"
    rows = from_records(SIGNATURE, [{"amount": 1e300, "age": 2**60}, {"amount": 0.5, "age": 3}])
    assert served.predict(rows)["predict"].tolist() == [1, 1]  # the first is beyond what ONNX was compared for
    after = ensure(workspace, workspace.config(), "production", version.ref)
    assert before.contexts != after.contexts
    with workspace.store.read() as db:
        result = after.result(db, "latency", version)
    assert result is not None
    assert result["form"] == "ONNX"
