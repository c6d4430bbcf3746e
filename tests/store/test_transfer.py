"""What a run records in a far store, taken home bit by bit."""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_console.core.models import Column, Signature
from mlops_console.core.runs import Point
from mlops_console.store import artifacts, datasets, models, runs, series, stage_cache, transfer
from mlops_console.store.identity import current_process
from mlops_console.store.transfer import News, Reading
from mlops_console.store.workspace import Workspace, open_workspace

Pair = tuple[Workspace, Workspace, str, Reading]
SIGNATURE = Signature((Column("x", "float64", "numeric"),), "regression")


@pytest.fixture
def pair(workspace: Workspace, tmp_path: Path) -> Iterator[Pair]:
    """A run at home, and the same in a far store."""
    made, close = begun(workspace, tmp_path / "far")
    yield made
    close()


def begun(home: Workspace, folder: Path) -> tuple[Pair, Callable[[], None]]:
    folder.mkdir()
    far = open_workspace(folder)
    with home.store.write() as tx:
        run_id = runs.create(tx, name="calm-otter", experiment="fraud")
        runs.set_params(tx, run_id, {"lr": 0.1, "huge": 10**30})
    with home.store.read() as db:
        told = carried(transfer.beginning(db, run_id))
    with far.store.write() as tx:
        transfer.begin(tx, told, current_process())
    return (home, far, run_id, Reading(far, run_id)), far.store.close


def carried(news: News) -> News:
    """As it is after its journey."""
    found: News = json.loads(json.dumps(news))
    return found


def take_home(pair: Pair) -> int:
    """The points that have travelled."""
    home, _, run_id, reading = pair
    count = 0
    for news in map(carried, reading.news()):
        count += sum(len(columns[0]) for columns in news.get("points", {}).values())
        with home.store.write() as tx:
            transfer.apply(tx, run_id, "fit", news)
    return count


def points(workspace: Workspace, run_id: str, name: str = "loss") -> list[Point]:
    with workspace.store.read() as db:
        return series.points(db, run_id, name)


def test_the_run_is_known_far_away_and_nothing_is_news(pair: Pair) -> None:
    _, far, run_id, reading = pair
    with far.store.read() as db:
        run = runs.get(db, run_id)
    assert (run.name, run.experiment, run.params) == ("calm-otter", "fraud", {"lr": 0.1, "huge": 10**30})
    assert list(reading.news()) == []


def test_each_point_travels_once_though_new_ones_swallow_old_chunks(pair: Pair) -> None:
    home, far, run_id, _ = pair
    travelled = 0
    for begin in range(0, 5000, 7):
        with far.store.write() as tx:
            series.ingest(tx, run_id, [("loss", step, 1 / (step + 1), float(step)) for step in range(begin, begin + 7)])
        travelled += take_home(pair)
    assert travelled == 5005
    assert points(home, run_id) == points(far, run_id)
    assert take_home(pair) == 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(st.tuples(st.integers(-50, 3000), st.floats(allow_nan=False)), min_size=1, max_size=400),
        min_size=1,
        max_size=6,
    )
)
def test_points_in_any_order_are_at_home_what_they_are_far_away(
    tmp_path_factory: pytest.TempPathFactory, logged: list[list[tuple[int, float]]]
) -> None:
    folder = tmp_path_factory.mktemp("pair")
    (folder / "home").mkdir()
    home = open_workspace(folder / "home")
    pair, close = begun(home, folder / "far")
    for at, batch in enumerate(logged):
        with pair[1].store.write() as tx:
            series.ingest(tx, pair[2], [("loss", step, value, float(at)) for step, value in batch])
        if at % 2:
            take_home(pair)
    take_home(pair)
    assert points(home, pair[2]) == points(pair[1], pair[2])
    close()
    home.store.close()


def test_a_point_that_is_no_number_comes_home(pair: Pair) -> None:
    home, far, run_id, _ = pair
    with far.store.write() as tx:
        series.ingest(tx, run_id, [("loss", 0, math.nan, 1.0), ("loss", 1, math.inf, 2.0)])
    take_home(pair)
    found = [point.value for point in points(home, run_id)]
    assert math.isnan(found[0])
    assert found[1] == math.inf


def test_params_tags_artifacts_inputs_and_who_has_logged_them(pair: Pair) -> None:
    home, far, run_id, reading = pair
    with far.store.write() as tx:
        runs.set_params(tx, run_id, {"rows": 40})
        runs.set_tags(tx, run_id, {"team": "risk"})
        artifacts.add(tx, run_id, "roc.png", "a" * 64, 5)
        version = datasets.add_version(
            tx, "rows", sha256="b" * 64, rows=40, columns=1, schema={"x": "float64"}, profile={"x": {}}, sample="c" * 64
        )
        datasets.add_run_input(tx, run_id, "train", version)
        stage_cache.record(tx, run_id, "fit", "param", ["rows"])
    (news,) = map(carried, reading.news())
    assert news["params"] == {"rows": 40}
    assert transfer.objects_of(news) == ["a" * 64, "c" * 64]
    for _ in range(2):  # the same again changes nothing
        with home.store.write() as tx:
            transfer.apply(tx, run_id, "fit", news)
    with home.store.read() as db:
        run = runs.get(db, run_id)
        assert (run.params["rows"], run.tags) == (40, {"team": "risk"})
        assert [found.path for found in artifacts.listing(db, run_id)] == ["roc.png"]
        assert [(entry.role, entry.version.ref) for entry in datasets.run_inputs(db, run_id)] == [("train", "rows:1")]
        assert stage_cache.records(db, run_id) == [("param", "rows")]
    assert list(reading.news()) == []


def test_a_model_version_gets_its_number_and_its_reference_at_home(pair: Pair) -> None:
    home, far, run_id, reading = pair
    with home.store.write() as tx:
        models.add_version(tx, "fraud", sha256="d" * 64, size=1, estimator="Old", signature=SIGNATURE)
        for content in "ef":  # there its dataset has versions already
            datasets.add_version(tx, "rows", sha256=content * 64, rows=1, columns=1, schema={}, profile={}, sample="s")
    with far.store.write() as tx:
        version = datasets.add_version(
            tx, "rows", sha256="f" * 64, rows=1, columns=1, schema={}, profile={}, sample="s" * 64
        )
        models.add_version(
            tx, "fraud", sha256="1" * 64, size=2, estimator="New", signature=SIGNATURE, run_id=run_id,
            input_example="2" * 64, reference=("rows", version.version), packages={"scikit-learn": "1.6"},
        )  # fmt: skip
        runs.set_error(tx, run_id, "ValueError: 0 rows")
    end = carried(reading.end())
    assert transfer.objects_of(end) == ["1" * 64, "2" * 64]
    with home.store.write() as tx:
        transfer.conclude(tx, run_id, end)
    with home.store.read() as db:
        (found,) = models.of_run(db, run_id)
        assert runs.get(db, run_id).error == "ValueError: 0 rows"
    assert (found.ref, found.estimator, found.signature, found.packages) == (
        "fraud:2",
        "New",
        SIGNATURE,
        {"scikit-learn": "1.6"},
    )
    assert found.reference is not None
    assert found.reference.version == 2
