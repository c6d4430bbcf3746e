"""The settings of an environment in mlops.toml."""

import itertools
import re
import shlex
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from mlops_console.core.config_values import HeaderName, Percent, Size, Table, Text, is_some_time, percent
from mlops_console.core.names import Name, Span


class Rollout(Table):
    """How a canary or a shadow goes on.

    `steps`: shares of the traffic, one after another; `hold`: how long each is watched before it is judged; `sticky`:
    the request header that keeps a client with one version; `min_requests`: of the new version, before it is judged;
    `level`: of significance, for all tests of one step together; `max_errors`, `max_latency`, `max_drift`: what is too
    much even where it is significant: a rise of the error rate, a factor of the median latency, and a difference of
    the predictions (rank-biserial correlation, 0 to 1).
    """

    steps: tuple[Percent, ...] = ("5%", "25%", "100%")
    hold: Span = "10m"
    sticky: HeaderName | None = None
    min_requests: int = Field(default=100, ge=0)
    level: float = Field(default=0.01, gt=0, lt=1)
    max_errors: float = Field(default=0.01, ge=0, le=1)
    max_latency: float = Field(default=1.5, ge=1)
    max_drift: float = Field(default=0.1, ge=0, le=1)

    @model_validator(mode="after")
    def _rises(self) -> Self:
        shares = [percent(step) for step in self.steps]
        if not shares or shares[-1] != 1 or any(a >= b for a, b in itertools.pairwise(shares)):
            raise ValueError('each of steps must be more than the one before it, and the last one "100%"')
        return self


class Evaluate(Table):
    """The dataset that a candidate is measured on for its gates: `slices` are columns whose values are looked at one by
    one, `sensitive` those whose groups are compared for fairness."""

    dataset: Name
    slices: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()


class Limits(Table):
    """What a server process takes: `queue`: requests that wait; `deadline`: for an answer; `body`: of one request."""

    queue: int = Field(default=1000, ge=1)
    deadline: Annotated[Span, AfterValidator(is_some_time)] = "10s"
    body: Size = "10 MB"


class Tls(Table):
    certificate: Text
    key: Text


class PredictionLogConfig(Table):
    """What is kept of the requests: `sample`: the share of them; `keep` and `keep_size`: for how long, and how much of
    all; `private`: columns that are never stored."""

    sample: float = Field(default=1, ge=0, le=1)
    keep: Annotated[Span, AfterValidator(is_some_time)] = "30d"
    keep_size: Size = "2 GB"
    private: tuple[str, ...] = ()


PLACEHOLDERS = ("model", "version", "path", "sha256", "port")
PLACEHOLDER = re.compile(r"(?<![${])\{([a-z0-9_]+)\}(?!\})")  # not ${NAME} of a shell, nor {{NAME}} of a template


def _is_command(command: str) -> str:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ValueError(f"it can't be taken apart into words: {str(error)[:1].lower()}{str(error)[1:]}") from None
    if not words:
        raise ValueError("a command has at least one word")
    unknown = [name for word in words for name in PLACEHOLDER.findall(word) if name not in PLACEHOLDERS]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ValueError(f"{{{unknown[0]}}} is no placeholder; there are {known}")
    return command


Command = Annotated[Text, AfterValidator(_is_command)]


class Target(Table):
    """Where a model serves that no server of our own does: commands with {model} {version} {path} {sha256} {port}."""

    kind: Literal["command"] = "command"
    deploy: Command
    rollback: Command | None = None
    status: Command | None = None
    timeout: Annotated[Span, AfterValidator(is_some_time)] = "10m"


class EnvironmentConfig(Table):
    """`gates`, `requires` and `approvals` stand before a deployment; `approval_expiry` is how long it waits for them.

    `strategy`: all traffic at once, step by step, or first only a copy of it; `replay`: how many of the newest requests
    a candidate answers for the gates that ask for it; `workers`: server processes on the port.
    """

    model: Name
    port: int = Field(ge=1, le=65_535)
    host: Text = "127.0.0.1"
    requires: Name | None = None
    gates: tuple[str, ...] = ()
    confirm: Literal["key", "type"] = "key"
    approvals: int = Field(default=0, ge=0, le=20)
    approval_expiry: Annotated[Span, AfterValidator(is_some_time)] = "24h"
    strategy: Literal["swap", "canary", "shadow"] = "swap"
    rollout: Rollout = Rollout()
    evaluate: Evaluate | None = None
    replay: int = Field(default=1000, ge=1, le=100_000)
    workers: int = Field(default=1, ge=1, le=64)
    limits: Limits = Limits()
    tls: Tls | None = None
    log: PredictionLogConfig = PredictionLogConfig()
    target: Target | None = None

    @model_validator(mode="after")
    def _has_no_traffic_to_share(self) -> Self:
        if self.target is not None and self.strategy != "swap":
            raise ValueError('with a target strategy must be "swap": only our own servers can share the traffic')
        return self
