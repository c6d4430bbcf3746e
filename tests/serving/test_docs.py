"""docs/serving.md: every request in it is sent, and gets the answer that stands below it."""

import json
import re
from pathlib import Path

import httpx
import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
EXAMPLES = re.findall(r"```json POST (\S+)\n(.*?)```\s+```json (\d+)\n(.*?)```", PAGE, re.DOTALL)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == PAGE.count("```json POST") == 5


@pytest.mark.parametrize(("path", "body", "status", "answer"), EXAMPLES)
def test_an_example(client: httpx.Client, path: str, body: str, status: str, answer: str) -> None:
    response = client.post(path, content=body)
    assert (response.status_code, response.json()) == (int(status), json.loads(answer))
    assert response.headers["x-model"] == "fraud:1"
