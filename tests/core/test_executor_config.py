"""[executor] of mlops.toml."""

import pytest

from mlops_console.core.config import parse_config
from mlops_console.core.errors import ConfigError

PROJECT = "[project]\nname = 'x'\n[executor]\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kind = 'local'",
        "kind = 'dask'\naddress = 'tcp://10.0.0.5:8786'",
        "kind = 'dask'\njobqueue = 'slurm'\njobs = 4\noptions = {cores = 2, memory = '8 GB'}",
    ],
)
def test_what_makes_sense(text: str) -> None:
    assert parse_config(PROJECT + text).executor.kind in text or not text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind = 'dusk'", "executor.kind is 'dusk': input should be 'local' or 'dask'"),
        ("address = 'tcp://a:1'", 'all but kind is for kind = "dask".'),
        ("kind = 'dask'", 'with kind = "dask" either address or jobqueue is needed, and not both.'),
        ("kind = 'dask'\naddress = 'a:1'\njobqueue = 'slurm'", "either address or jobqueue is needed, and not both."),
        ("kind = 'dask'\naddress = 'a:1'\njobs = 2", "jobs and options are for jobqueue, and there is none."),
        ("kind = 'dask'\njobqueue = 'slrum'", "executor.jobqueue is 'slrum': input should be 'slurm', 'pbs'"),
        ("kind = 'dask'\njobqueue = 'slurm'\njobs = 0", "executor.jobs is 0"),
        ("kind = 'dask'\nadress = 'a:1'", "unknown key executor.adress, did you mean 'address'?"),
    ],
)
def test_what_does_not(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(PROJECT + text)
    assert told in caught.value.message
    assert "\n" not in str(caught.value)
