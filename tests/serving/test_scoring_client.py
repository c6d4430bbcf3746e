"""MLflow's own client of a scoring server against the server as it runs."""

from typing import Any

import pandas as pd
import pytest

from mlops_console._version import __version__
from tests.serving.helpers import ROW, Server

mlflow = pytest.importorskip(
    "mlflow.pyfunc.scoring_server.client",
    reason="mlflow-skinny is not installed: it brings fifteen other packages, too many for one test",
    exc_type=ImportError,
)


@pytest.fixture
def client(fraud_server: Server) -> Any:
    host, port = fraud_server.url.rsplit(":", 1)
    return mlflow.ScoringServerClient(host.removeprefix("http://"), int(port))


def test_it_finds_the_server_ready(client: Any) -> None:
    client.wait_server_ready(timeout=20)
    assert client.get_version() == __version__


def test_a_frame_is_answered_with_a_frame(client: Any) -> None:
    frame = pd.DataFrame([ROW, {"amount": -2.0, "count": 1, "country": None}])
    predictions = client.invoke(frame).get_predictions()
    assert predictions.to_dict("list") == {0: [1, 0]}


def test_an_error_reaches_the_client(client: Any) -> None:
    with pytest.raises(Exception, match=r"error code 422, .*Column 'amount' is missing"):
        client.invoke(pd.DataFrame([{"count": 1, "country": "NO"}]))
