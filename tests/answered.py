"""Traffic that a test writes into the prediction log, as a server does."""

import json
from collections.abc import Iterable

from mlops_console.core.predictions import Prediction
from mlops_console.store.predictions import EncodedRequest, PredictionLog
from mlops_console.store.workspace import Workspace


def log_rows(workspace: Workspace, environment: str, rows: Iterable[Prediction]) -> None:
    """Log each row as a request of its own."""
    log = PredictionLog(workspace.predictions_path)
    log.append(environment, [_request(f"r{number}", row) for number, row in enumerate(rows)])
    log.close()


def _request(request_id: str, row: Prediction) -> EncodedRequest:
    inputs, outputs = (json.dumps({name: [value] for name, value in part.items()}) for part in (row.inputs, row.output))
    return EncodedRequest(request_id, row.at, row.revision, "fraud:1", 0.002, 1, inputs, outputs)
