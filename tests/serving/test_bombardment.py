"""A short version of the bombardment with bad requests that `make chaos` has 10,000 of."""

import httpx

from benchmarks.bad_requests import bombard
from mlops_console.store.workspace import Workspace
from tests.serving.helpers import FRAUD, ROW, add_version, fraud_model, serving

REQUESTS = 600
MOST_GROWN = 150_000_000  # bytes: the limit of a body is 10 MB, and it is read, parsed and answered


def test_bad_requests_are_answered_by_the_one_who_sent_them(workspace: Workspace) -> None:
    version = add_version(workspace, fraud_model(), FRAUD, [ROW])
    with serving(workspace, version) as server:
        port = int(server.url.rsplit(":", 1)[1])
        found, grown = bombard(port, server.process.pid, "fraud", REQUESTS)
        assert found[400] > 50
        assert found[422] > 2
        assert grown < MOST_GROWN
        response = httpx.post(f"{server.url}/invocations", json={"dataframe_records": [ROW]})
        assert response.status_code == 200
    log = (workspace.logs_dir / "server.log").read_text()
    assert "Traceback" not in log, log[-3000:]
