"""What the plans of deployments and rollbacks say."""

import socket
from dataclasses import replace

import pytest

from mlops_console import actions
from mlops_console.core.deployments import RevisionState
from mlops_console.core.drift import DriftReport, FeatureDrift
from mlops_console.core.errors import MlopsError, NotFoundError, RefusedError, UsageError
from mlops_console.core.models import Column, ModelRef, ModelVersion, Signature
from mlops_console.core.performance import Figure, Performance
from mlops_console.core.plans import Change, Difference
from mlops_console.core.text import clock
from mlops_console.delivery.plans import plan_deploy, plan_rollback
from mlops_console.store import datasets, deploying, deployments, drift, models
from mlops_console.store.workspace import Workspace
from mlops_console.tui.screens.dialogs.plan_text import plan_text
from tests.delivery.helpers import add_live, add_server, add_version, advance, make_live, port_of, the, write_config


@pytest.fixture
def two_versions(workspace: Workspace) -> Workspace:
    """fraud:1 is live in both environments, fraud:2 is better and live in staging."""
    write_config(workspace)
    first = add_version(workspace, {"test/auc": 0.85, "test/loss": 0.4}, {"lr": 0.1, "depth": 3})
    second = add_version(workspace, {"test/auc": 0.9, "test/recall": 0.7}, {"lr": 0.2, "depth": 3})
    make_live(workspace, "staging", first)
    make_live(workspace, "production", first)
    make_live(workspace, "staging", second)
    return workspace


def test_the_plan_of_a_deployment(two_versions: Workspace) -> None:
    plan = plan_deploy(two_versions, "fraud:2", "production", "it's better")
    assert plan.title == "Deploy fraud:2 to production"
    assert plan.command == """mlops-console deploy fraud:2 production --reason 'it'"'"'s better'"""
    assert plan.changes == (Change("model", "fraud:1", "fraud:2"), Change("revision", "1", "2"))
    assert plan.metrics == (
        Difference("test/auc", 0.85, 0.9, True),
        Difference("test/loss", 0.4, None),
        Difference("test/recall", None, 0.7),
    )
    assert plan.params == (Difference("lr", "0.1", "0.2"),)
    assert [(gate.gate, gate.passed) for gate in plan.gates] == [
        ('requires = "staging"', True),
        ("test/auc >= 0.80", True),
        ("test/auc >= live - 0.01", True),
    ]
    assert plan.notes == ("All traffic goes to it at once.",)
    assert (plan.refused, plan.refused_briefly) == (None, "")


def test_the_first_deployment_names_the_address(workspace: Workspace) -> None:
    write_config(workspace)
    add_version(workspace, {"test/auc": 0.85})
    plan = plan_deploy(workspace, "fraud:1", "staging")
    assert plan.changes == (
        Change("model", "", "fraud:1"),
        Change("revision", "", "1"),
        Change("address", "", f"http://127.0.0.1:{port_of(workspace, 'staging')}"),
    )
    assert plan.command == "mlops-console deploy fraud:1 staging"


def test_gates_refuse_with_their_figures(two_versions: Workspace) -> None:
    add_version(two_versions, {"test/auc": 0.7})
    plan = plan_deploy(two_versions, "fraud:3", "production")
    assert plan.refused == (
        'fraud:3 does not pass 3 of 3 gates of production: requires = "staging" (fraud:3 was never live in staging); '
        "test/auc >= 0.80 (0.7000); test/auc >= live - 0.01 (0.7000, live 0.8500)."
    )
    assert plan.refused_briefly == "fraud:3 does not pass 3 of 3 gates of production."
    assert plan_text(plan).plain.count("fraud:3 was never live in staging") == 1
    assert plan.metrics[0].better is False
    assert plan.hint == (
        "Deploy it to staging first: mlops-console deploy fraud:3 staging. "
        "Train a better version, or change the gate in mlops.toml."
    )
    with pytest.raises(RefusedError) as caught:
        actions.check(two_versions, "deploy", {"model_ref": "fraud:3", "environment": "production"})
    command = "mlops-console deploy fraud:3 production"
    assert caught.value.hint == f"{plan.hint} '{command} --dry-run' shows the figures."
    assert plan.hint in plan_text(plan).plain.replace("\n", " ")


def test_what_is_only_not_yet_in_staging_is_told_to_go_there(two_versions: Workspace) -> None:
    add_version(two_versions, {"test/auc": 0.9})
    plan = plan_deploy(two_versions, "fraud:3", "production")
    assert plan.hint == "Deploy it to staging first: mlops-console deploy fraud:3 staging."
    assert plan_deploy(two_versions, "fraud:2", "production").hint == ""


def test_an_alias_is_resolved_in_the_plan(two_versions: Workspace) -> None:
    with two_versions.store.write() as tx:
        models.set_alias(tx, "fraud", "champion", 2)
    plan = plan_deploy(two_versions, "fraud@champion", "production")
    assert plan.command == "mlops-console deploy fraud:2 production"


@pytest.mark.parametrize(
    ("model_ref", "environment", "message"),
    [
        ("fraud", "production", "'fraud' names a model without a version."),
        ("fraud:9", "production", "There is no version 'fraud:9'."),
        ("frod:1", "production", "There is no model 'frod'."),
        ("churn:1", "production", "production serves the model 'fraud', not 'churn'."),
        ("fraud:1", "prodution", "There is no environment 'prodution' in mlops.toml, did you mean 'production'?"),
    ],
)
def test_what_makes_no_sense_is_said(two_versions: Workspace, model_ref: str, environment: str, message: str) -> None:
    add_version(two_versions, model="churn")
    with pytest.raises(UsageError) as caught:
        plan_deploy(two_versions, model_ref, environment)
    assert caught.value.message == message
    assert caught.value.hint


def test_notes_tell_what_else_to_know(two_versions: Workspace) -> None:
    signature = Signature(
        (Column("amount", "int64", "numeric"), Column("country", "object", "categorical")), "regression"
    )
    third = add_version(two_versions, {"test/auc": 0.9}, signature=signature)
    with two_versions.store.write() as tx:
        found = deploying.add_revision(tx, "production", third, kind="deploy", actor="ann", reason="")
        advance(tx, "production", found.revision, RevisionState.LOADING)
    before = port_of(two_versions, "production")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        write_config(two_versions, production=port)
        plan = plan_deploy(two_versions, "fraud:3", "production")
    assert plan.notes == (
        "All traffic goes to it at once.",
        "Revision 2 (fraud:3) is loading: this one waits until revision 2 is live or ended.",
        "fraud:3 needs country too: requests without it are refused.",
        "fraud:3 takes another type for amount.",
        f"Port {port} of 127.0.0.1 is in use by another program: the server can't start before it is free.",
        f"The server starts anew at http://127.0.0.1:{port}: for a second or so nothing answers.",
    )
    assert plan.changes[-1] == Change("address", f"http://127.0.0.1:{before}", f"http://127.0.0.1:{port}")


def test_what_changes_for_a_running_server_is_noted(two_versions: Workspace) -> None:
    write_config(two_versions, staging="workers = 2\nlimits = { queue = 5 }")
    settings = "with changed settings (workers, queue)"
    url = f"http://127.0.0.1:{port_of(two_versions, 'staging')}"
    told = plan_deploy(two_versions, "fraud:1", "staging").notes
    assert told == (
        "All traffic goes to it at once.",
        f"The server starts anew at {url} {settings}: for a second or so nothing answers.",
    )
    with two_versions.store.write() as tx:
        deploying.ensure_environment(tx, "staging", "fraud", "127.0.0.1", port_of(two_versions, "staging"))
    assert plan_deploy(two_versions, "fraud:1", "staging").notes[1:] == (f"The server goes on {settings}.",)


def test_what_the_machine_did_is_no_metric_of_a_plan(two_versions: Workspace) -> None:
    add_version(two_versions, {"test/auc": 0.9, "system/cpu": 97.5})
    plan = plan_deploy(two_versions, "fraud:3", "staging")
    assert [metric.name for metric in plan.metrics] == ["test/auc", "test/recall"]


def test_a_server_stays_where_it_is_while_its_new_port_is_in_use(two_versions: Workspace) -> None:
    before = the(two_versions, "production").url
    with two_versions.store.write() as tx:
        add_server(tx, "production", serving=1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        write_config(two_versions, production=port)
        notes = plan_deploy(two_versions, "fraud:1", "production").notes
    assert (
        f"Port {port} of 127.0.0.1 is in use by another program: the server stays at {before} until it is free."
    ) in notes


def test_a_rollback_during_a_canary_tells_how_to_end_only_that(two_versions: Workspace) -> None:
    with two_versions.store.write() as tx:
        first = models.get(tx, ModelRef("fraud", 1))
        found = deploying.add_revision(tx, "staging", first, kind="deploy", actor="ann", reason="")
        advance(tx, "staging", found.revision, RevisionState.LOADING)
    assert plan_rollback(two_versions, "staging").notes == (
        "All traffic goes to it at once; no gate and no approval is needed.",
        "Revision 3 (fraud:1) is loading: it is aborted, and what is live is left too. "
        "(To abort it only: mlops-console abort staging.)",
    )


def test_the_live_version_again_is_noted(two_versions: Workspace) -> None:
    assert plan_deploy(two_versions, "fraud:1", "production").notes == (
        "All traffic goes to it at once.",
        "fraud:1 is live in production already, as revision 1: this makes revision 2 of the same version.",
    )


def test_the_noise_of_floats_is_no_difference(two_versions: Workspace) -> None:
    live = 0.1 + 0.2 + 0.55
    make_live(two_versions, "staging", add_version(two_versions, {"test/auc": live}))
    add_version(two_versions, {"test/auc": 0.85})
    assert live != 0.85
    plan = plan_deploy(two_versions, "fraud:4", "staging")
    assert plan.metrics[0].better is None
    assert plan.metrics[0].same
    assert "=" in plan_text(plan).plain
    assert "worse" not in plan_text(plan).plain


def test_the_plan_of_a_rollback(two_versions: Workspace) -> None:
    plan = plan_rollback(two_versions, "staging")
    assert plan.title == "Roll staging back to fraud:1, as in revision 1"
    assert plan.command == "mlops-console rollback staging --to 1"
    assert plan.changes == (Change("model", "fraud:2", "fraud:1"), Change("revision", "2", "3"))
    assert plan.metrics[0] == Difference("test/auc", 0.9, 0.85, False)
    assert plan.gates == ()
    assert plan.refused is None


def test_a_rollback_needs_no_configuration(two_versions: Workspace) -> None:
    two_versions.config_path.write_text("[project")
    plan = plan_rollback(two_versions, "staging")
    assert plan.metrics[0].better is None


def test_a_rollback_passes_over_the_same_version(two_versions: Workspace) -> None:
    """Deployed twice, a bad version must not be its own way out."""
    with two_versions.store.read() as db:
        second = deployments.revisions(db, "staging")[0]
    make_live(two_versions, "staging", models_ref(second.model_ref))
    assert plan_rollback(two_versions, "staging").changes[0] == Change("model", "fraud:2", "fraud:1")


def test_a_rollback_of_a_rollback_goes_forward_again(two_versions: Workspace) -> None:
    with two_versions.store.write() as tx:
        add_live(tx, "staging", models.get(tx, models_ref("fraud:1")), "rollback", restores=1)
    plan = plan_rollback(two_versions, "staging")
    assert plan.title == "Undo the rollback of revision 2 in staging: fraud:2 serves again"
    assert plan.notes[0] == (
        "This undoes the rollback of revision 2: fraud:2 serves again. "
        "'mlops-console rollback staging --to REVISION' goes to another one."
    )


def test_undoing_a_rollback_names_the_way_further_back(two_versions: Workspace) -> None:
    make_live(two_versions, "staging", add_version(two_versions))
    with two_versions.store.write() as tx:
        add_live(tx, "staging", models.get(tx, models_ref("fraud:2")), "rollback", restores=2)
    plan = plan_rollback(two_versions, "staging")
    assert plan.title == "Undo the rollback of revision 3 in staging: fraud:3 serves again"
    assert plan.notes[0].endswith("'mlops-console rollback staging --to 1' goes back to fraud:1.")
    further = plan_rollback(two_versions, "staging", to=1)
    assert further.title == "Roll staging back to fraud:1, as in revision 1"
    assert further.notes == ("All traffic goes to it at once; no gate and no approval is needed.",)


def test_a_rollback_to_a_chosen_revision(two_versions: Workspace) -> None:
    third = add_version(two_versions, {"test/auc": 0.9})
    make_live(two_versions, "staging", third)
    assert plan_rollback(two_versions, "staging", to=1).title == "Roll staging back to fraud:1, as in revision 1"


@pytest.mark.parametrize(
    ("environment", "to", "message"),
    [
        ("production", None, "production has no earlier revision that was live: there is nothing to go back to."),
        ("nowhere", None, "nowhere has no earlier revision that was live: there is nothing to go back to."),
        ("staging", 9, "staging has no revision 9."),
        ("staging", 2, "Revision 2 of staging is live now."),
        ("staging", 3, "Revision 3 of staging was never live, so there is no going back to it."),
    ],
)
def test_a_rollback_to_nothing_is_said(two_versions: Workspace, environment: str, to: int | None, message: str) -> None:
    with two_versions.store.write() as tx:
        version = models.get(tx, models_ref("fraud:1"))
        deploying.add_revision(tx, "staging", version, kind="deploy", actor="ann", reason="")
        advance(tx, "staging", 3, RevisionState.FAILED, reason="it was damaged")
    with pytest.raises(MlopsError) as caught:
        plan_rollback(two_versions, environment, to)
    assert caught.value.message == message


def test_an_environment_that_is_not_configured_is_not_found(workspace: Workspace) -> None:
    workspace.config_path.write_text('[project]\nname = "x"\n')
    with pytest.raises(NotFoundError, match="There is no environment 'production'"):
        plan_deploy(workspace, "fraud:1", "production")


def models_ref(text: str) -> ModelRef:
    return ModelRef.parse(text)


def _reads(workspace: Workspace, version: ModelVersion, **shas: str) -> None:
    """Have the run of a version read a dataset of this content in each role."""
    assert version.run_id is not None
    with workspace.store.write() as tx:
        for role, sha256 in shas.items():
            found = datasets.add_version(tx, role, sha256=sha256, rows=9, columns=1, schema={}, profile={}, sample=None)
            datasets.add_run_input(tx, version.run_id, role, found)


_OTHER_TEST = "test/auc was measured on other data (test:1 → test:2): the figures do not compare."


def test_figures_of_other_test_rows_are_not_judged(two_versions: Workspace) -> None:
    with two_versions.store.read() as db:
        first, second = (models.get(db, ModelRef("fraud", number)) for number in (1, 2))
    _reads(two_versions, first, train="a", test="b")
    _reads(two_versions, second, train="c", test="d")
    plan = plan_deploy(two_versions, "fraud:2", "production")
    assert plan.metrics[0] == Difference("test/auc", 0.85, 0.9, None)
    assert _OTHER_TEST in plan.notes
    assert "better" not in plan_text(plan).plain
    back = plan_rollback(two_versions, "staging")
    assert back.metrics[0] == Difference("test/auc", 0.9, 0.85, None)
    assert _OTHER_TEST.replace("1 → test:2", "2 → test:1") in back.notes
    with two_versions.store.write() as tx:
        tx.execute("UPDATE dataset_versions SET profile = '{'")
    assert plan_rollback(two_versions, "staging").metrics[0].better is False


def test_figures_of_the_same_test_rows_are_judged_whatever_they_were_trained_on(two_versions: Workspace) -> None:
    with two_versions.store.read() as db:
        first, second = (models.get(db, ModelRef("fraud", number)) for number in (1, 2))
    _reads(two_versions, first, train="a", test="b")
    _reads(two_versions, second, train="c", test="b")
    plan = plan_deploy(two_versions, "fraud:2", "production")
    assert plan.metrics[0].better is True
    assert plan.notes == ("All traffic goes to it at once.",)


def test_figures_that_name_no_data_may_not_compare(two_versions: Workspace) -> None:
    with two_versions.store.read() as db:
        first, second = (models.get(db, ModelRef("fraud", number)) for number in (1, 2))
    _reads(two_versions, first, rows="a")
    _reads(two_versions, second, rows="b")
    plan = plan_deploy(two_versions, "fraud:2", "production")
    assert plan.metrics[0].better is None
    told = "The two were made from other data (rows:1 → rows:2): the figures of test/auc may not compare."
    assert told in plan.notes


def test_what_a_version_was_worth_on_served_rows_is_told(two_versions: Workspace) -> None:
    found = Performance(
        "classification",
        900,
        700,
        estimated=(Figure("accuracy", 0.94, 0.93, 0.95),),
        realised=(Figure("accuracy", 0.88, 0.86, 0.9),),
        reference={"accuracy": 0.951},
    )
    feature = FeatureDrift("amount", "numeric", "ks", 900, 900, 0.9, 1e-9, None, True, "")
    report = DriftReport(
        environment="staging", model="fraud", version=1, revision=1, rows=900, features=(feature,), drifted=True,
        created_at=1e9, performance=found,
    )  # fmt: skip
    with two_versions.store.write() as tx:
        drift.add_report(tx, report)
        drift.add_report(tx, replace(report, environment="production", performance=replace(found, estimated=())))
    told = f"by 700 labels, in the report of {clock(1e9)}"
    served = f"fraud:1 served in staging with accuracy 0.880 (0.860–0.900) {told}"
    back = plan_rollback(two_versions, "staging")
    assert f"{served}: estimated 0.940 (0.930–0.950), 0.951 on held-out rows." in back.notes
    plan = plan_deploy(two_versions, "fraud:2", "production")
    assert f"{served.replace('staging', 'production')}: 0.951 on held-out rows." in plan.notes
    with two_versions.store.write() as tx:
        tx.execute("UPDATE drift_reports SET performance = '{'")
    assert plan_rollback(two_versions, "staging").notes == (
        "All traffic goes to it at once; no gate and no approval is needed.",
    )


def test_of_too_few_labels_nothing_is_told(two_versions: Workspace) -> None:
    found = Performance("classification", 900, 3, estimated=(Figure("accuracy", 0.94, 0.93, 0.95),))
    with two_versions.store.write() as tx:
        drift.add_report(tx, DriftReport(environment="production", revision=1, performance=found))
    assert plan_deploy(two_versions, "fraud:2", "production").notes == ("All traffic goes to it at once.",)
