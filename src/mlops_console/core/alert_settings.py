"""`[alerts]` of mlops.toml: where alerts go, and the rules that make them."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mlops_console.core.alerts import ANY, KINDS, Severity
from mlops_console.core.config_values import Table, Text, is_some_time, percent, size
from mlops_console.core.destinations import is_url
from mlops_console.core.errors import ConfigError
from mlops_console.core.moments import seconds
from mlops_console.core.names import Name, Span
from mlops_console.core.performance import better_when_lower
from mlops_console.core.text import did_you_mean

if TYPE_CHECKING:
    from mlops_console.core.config import Config

Watched = Literal[
    "drift", "performance", "error_rate", "latency", "data_quality", "job_failed", "job_slow", "disk"
]  # fmt: skip
_KEYS: Mapping[Watched, frozenset[str]] = {  # which of these a rule may have, by what it is on
    "drift": frozenset({"environment"}),
    "performance": frozenset({"environment", "metric", "bound", "clear"}),
    "error_rate": frozenset({"environment", "bound", "clear"}),
    "latency": frozenset({"environment", "metric", "bound", "clear"}),
    "data_quality": frozenset({"environment", "bound", "clear"}),
    "job_failed": frozenset({"pipeline"}),
    "job_slow": frozenset({"pipeline", "bound", "clear"}),
    "disk": frozenset({"bound", "clear"}),
}
BOUNDS: Mapping[Watched, float] = {  # where the rule names none
    "drift": 0.5,  # of a verdict that is 0 or 1
    "performance": 0.05,
    "error_rate": 0.05,
    "latency": 1.0,
    "data_quality": 0.05,
    "job_failed": 0.5,  # of an end that is 0 or 1
    "job_slow": 2.0,
    "disk": 500e6,
}
_MOST: Mapping[Watched, float] = {"performance": 1.0, "error_rate": 1.0, "data_quality": 1.0}  # what is a share
LATENCIES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
PERFORMANCE = ("accuracy", "precision", "recall", "f1", "roc_auc", "mae", "rmse")


def _share(text: str) -> float:
    return percent(text)


def _size(text: str) -> float:
    return float(size(text))


def _number(text: str) -> float:
    raise ValueError(f"{text!r} is not a number")


_READ: Mapping[str, Callable[[str], float]] = {
    "performance": _share,
    "error_rate": _share,
    "data_quality": _share,
    "latency": seconds,
    "disk": _size,
}


def figure(on: Watched, given: float | str, metric: str | None = None) -> float:
    """A bound as a number: `0.05` or `"5%"`, `"250ms"` of a latency, `"2 GB"` of the disk.

    Args:
        metric: of performance: an error may be more than 100 % greater, and nothing else is ever more than 100 % worse.

    Raises:
        ValueError: it is neither, or not above nothing, or nothing could ever be beyond it.
    """
    found = _READ.get(on, _number)(given) if isinstance(given, str) else float(given)
    if not found > 0:
        raise ValueError("it must be above nothing")
    most = math.inf if metric is not None and better_when_lower(metric) else _MOST.get(on, math.inf)
    if found >= most:
        shares = ", 0.05 is 5%" if most < math.inf else ""
        errors = '; an error may be, with metric = "mae"' if on == "performance" and metric is None else ""
        raise ValueError(f"nothing is ever beyond it{shares}{errors}")
    return found


def _is_figure(given: object) -> object:
    if isinstance(given, bool):
        raise ValueError("a truth value is no number")
    return given


Figure = Annotated[float | str, BeforeValidator(_is_figure)]


class AlertRule(Table):
    """One `[[alerts.rules]]`.

    Attributes:
        environment, pipeline: only that one; by default all of them.
        metric: of performance and latency.
        bound: what is beyond it is wrong; see `BOUNDS`.
        hold: `for` in mlops.toml: so long it must have been wrong.
        clear: it is right again where it does not go beyond this; by default the bound.
        clear_for: so long it must have been right.
        cool_down: so long after its end the same may not open again.
    """

    name: Name
    on: Watched
    environment: Name | None = None
    pipeline: Name | None = None
    metric: str | None = None
    bound: Figure | None = None
    severity: Severity = Severity.WARNING
    hold: Span = Field(default="0s", alias="for")
    clear: Figure | None = None
    clear_for: Span = "0s"
    cool_down: Span = "5m"

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """Most projects have one of a kind, which needs no name of its own: `latency`, `drift-production`."""
        if not isinstance(given, dict) or "on" not in given:
            return given
        parts = (given.get(key) for key in ("on", "environment", "pipeline"))
        return {"name": "-".join(str(part) for part in parts if part is not None), **given}

    @property
    def kind(self) -> str:
        """Of its alerts."""
        return "job" if self.on == "job_failed" else self.on

    @property
    def limit(self) -> float:
        return BOUNDS[self.on] if self.bound is None else figure(self.on, self.bound, self.metric)

    @property
    def clear_limit(self) -> float:
        return self.limit if self.clear is None else figure(self.on, self.clear, self.metric)

    def covers(self, subject: str) -> bool:
        """Whether it is about this subject: an environment, or `train PIPELINE` as jobs are called."""
        if self.environment is not None:
            return subject == self.environment
        return self.pipeline is None or subject == f"train {self.pipeline}"


DEFAULTS = (  # for what no rule of mlops.toml covers
    AlertRule(name="drift", on="drift", cool_down="0s"),
    AlertRule(name="performance", on="performance", cool_down="0s"),
    AlertRule(name="job", on="job_failed", cool_down="0s"),
    AlertRule(name="disk", on="disk", severity=Severity.CRITICAL, cool_down="0s"),
)


def _is_variable(name: str) -> str:
    if not name.isidentifier() or not name.isascii():
        raise ValueError("the name of an environment variable has letters, digits and '_', and starts with no digit")
    return name


class Alerts(Table):
    """Where alerts go, and the rules that make them.

    `urls`: http and https are plain webhooks, all others Apprise's; `secret_env`, `secret_file`: where the secret is
    that webhooks are signed with; `remind`: how often an alert is told again that nobody has acknowledged.
    """

    urls: tuple[Text, ...] = Field(default=(), repr=False)
    secret_env: Annotated[str, AfterValidator(_is_variable)] | None = None
    secret_file: Text | None = None
    remind: Annotated[Span, AfterValidator(is_some_time)] | None = None
    rules: tuple[AlertRule, ...] = ()

    def covering(self, on: Watched, subject: str) -> tuple[AlertRule, ...]:
        """The rules that judge this: those of mlops.toml, else the default one."""
        mine = tuple(rule for rule in self.rules if rule.on == on and rule.covers(subject))
        return mine or tuple(rule for rule in DEFAULTS if rule.on == on)

    @property
    def names(self) -> tuple[str, ...]:
        """What a silence may name."""
        return tuple(dict.fromkeys((*(rule.name for rule in self.rules), *KINDS, ANY)))


def check(config: "Config", source: str) -> None:
    """What of the alerts can only be known with the rest of mlops.toml. No URL is ever told.

    Raises:
        ConfigError: a URL that is none, a name that is there twice or taken, a key of another kind of rule, a bound
            that makes no sense, a name of nothing.
    """
    alerts = config.alerts
    for number, url in enumerate(alerts.urls):
        if not is_url(url):
            raise ConfigError(
                f"{source}: alerts.urls.{number} is no URL such as https://… or slack://….",
                "docs/alerts.md shows some.",
            )
    if alerts.secret_env is not None and alerts.secret_file is not None:
        raise ConfigError(f"{source}: alerts has secret_env and secret_file.", "Keep one of them.")
    names: set[str] = set()
    for rule in alerts.rules:
        here = f"{source}: alerts.rules.{rule.name}"
        if rule.name in names:
            raise ConfigError(f"{here} is there twice.", 'Give each rule a name of its own: name = "…".')
        if rule.name in KINDS and rule.name != rule.kind:
            raise ConfigError(f"{here} is the name of another kind of alert.", "Choose another name.")
        names.add(rule.name)
        _check_keys(rule, here)
        _check_bounds(rule, here)
        if rule.environment is not None:
            _check_known(f"{here}.environment", rule.environment, config.environments, "environment")
        if rule.pipeline is not None:
            _check_known(f"{here}.pipeline", rule.pipeline, config.pipelines, "pipeline")


def _check_keys(rule: AlertRule, here: str) -> None:
    mine = _KEYS[rule.on]
    for key in ("environment", "pipeline", "metric", "bound", "clear"):
        if key in rule.model_fields_set and key not in mine:
            raise ConfigError(
                f"{here}.{key} does not belong to a rule on {rule.on!r}.", f"It may have: {', '.join(sorted(mine))}."
            )
    known = tuple(LATENCIES) if rule.on == "latency" else PERFORMANCE
    if rule.metric is not None and rule.metric not in known:
        raise ConfigError(
            f"{here}.metric is {rule.metric!r}{did_you_mean(rule.metric, known) or '.'}",
            f"Known are: {', '.join(known)}.",
        )


def _check_bounds(rule: AlertRule, here: str) -> None:
    for key, given in (("bound", rule.bound), ("clear", rule.clear)):
        if given is not None:
            try:
                figure(rule.on, given, rule.metric)
            except ValueError as error:
                raise ConfigError(f"{here}.{key} is {given!r}: {error}.", "docs/alerts.md shows every rule.") from None
    beyond = rule.clear_limit < rule.limit if rule.on == "disk" else rule.clear_limit > rule.limit
    if beyond:
        raise ConfigError(
            f"{here}.clear is {rule.clear!r}, which is worse than its bound.",
            "What ends an alert must be better than what opens it.",
        )


def _check_known(key: str, name: str, known: Mapping[str, object], thing: str) -> None:
    if name not in known:
        raise ConfigError(
            f"{key} names {name!r}, which is no {thing}{did_you_mean(name, known) or '.'}",
            f"Known are: {', '.join(known) or 'none'}.",
        )
