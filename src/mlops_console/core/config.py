"""mlops.toml as checked data. Reading the file is `store.workspace`'s."""

import tomllib
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from mlops_console.core.alert_settings import Alerts
from mlops_console.core.alert_settings import check as check_alerts
from mlops_console.core.config_values import EnvName, MatrixKey, MatrixValues, Size, Table, Text, is_some_time
from mlops_console.core.config_values import size as size  # for those that read a size of theirs
from mlops_console.core.drift import DriftSettings
from mlops_console.core.environments import EnvironmentConfig as EnvironmentConfig
from mlops_console.core.errors import ConfigError
from mlops_console.core.expectations import Expectations
from mlops_console.core.names import Name, Span
from mlops_console.core.slices import SliceText
from mlops_console.core.text import did_you_mean
from mlops_console.core.triggers import Trigger
from mlops_console.core.triggers import check as check_triggers
from mlops_console.core.windows import WindowText


class Project(Table):
    name: Name
    description: str = ""


class Dataset(Table):
    """A file, and what it is expected to hold."""

    path: Text
    target: str | None = None
    expect: Expectations = Expectations()


class Stage(Table):
    """One command of a pipeline. `deps` that another stage lists in `outs` set the order.

    `timeout`: how long one attempt may take; `retries`: how many more there are after the first one has failed, the
    next one `retry_after` later, and each one after it twice as late; `always`: run it also where nothing has changed;
    `matrix`: one stage for each combination of these values; `cpus` and `memory`: what it takes of the machine;
    `served`: it reads the served rows that the pipeline is run with, by `mlops.served()`.
    """

    run: Text = Field(min_length=1)
    deps: tuple[Text, ...] = ()
    params: tuple[str, ...] = ()
    outs: tuple[Text, ...] = ()
    cwd: Text = "."
    env: dict[EnvName, Text] = Field(default_factory=dict)
    timeout: Annotated[Span, AfterValidator(is_some_time)] | None = None
    retries: int = Field(default=0, ge=0, le=100)
    retry_after: Span = "1s"
    always: bool = False
    matrix: dict[MatrixKey, MatrixValues] = Field(default_factory=dict)
    cpus: float = Field(default=0, ge=0, le=10_000)
    memory: Size = "0 B"
    served: bool = False


class Pipeline(Table):
    params: Text | None = None
    experiment: str | None = None
    stages: dict[Name, Stage] = Field(min_length=1)

    @property
    def reads_served(self) -> bool:
        """Whether a stage of it reads served rows."""
        return any(stage.served for stage in self.stages.values())


class Model(Table):
    """`metric` is the figure that says which version is best; `goal` is the direction."""

    metric: str | None = None
    goal: Literal["maximize", "minimize"] = "maximize"
    trusted_types: tuple[str, ...] = ()


class Monitor(Table):
    """How live data are watched.

    `window`: how much of the newest traffic a drift check takes, a span or a number of rows; `level`: the false
    discovery rate; `effect`: the least difference that counts, as a share of the rows; `numeric`, `categorical`: the
    tests; `profile`: "evidently" for Evidently's own tests and thresholds; `slices`: parts of the rows that are looked
    at apart; `rows`: of the prediction log that the performance is reckoned from, at the most.
    """

    window: WindowText = "1h"
    level: float = Field(default=0.01, gt=0, lt=1)
    effect: float = Field(default=0.1, ge=0, lt=1)
    every: Span | None = None
    numeric: Literal["ks", "wasserstein", "psi", "jensen_shannon", "hellinger"] = "ks"
    categorical: Literal["chi2", "psi", "jensen_shannon", "hellinger", "total_variation"] = "chi2"
    profile: Literal["calibrated", "evidently"] = "calibrated"
    slices: tuple[SliceText, ...] = ()
    rows: int = Field(default=20_000, ge=100)

    @property
    def settings(self) -> DriftSettings:
        return DriftSettings(self.level, self.effect, self.numeric, self.categorical, self.profile)


class WorkerConfig(Table):
    """How the worker works.

    `idle`: how long it stays with nothing to do or to serve; `grace`: how long a stopped job may tidy up; `slots`: how
    many job processes run at once, and how many stages of one pipeline; `cpus` and `memory`: what the stages of all
    jobs may take together, by default all that the machine has.
    """

    idle: Span = "15m"
    grace: Span = "10s"
    slots: int = Field(default=2, ge=1)
    cpus: float | None = Field(default=None, gt=0)
    memory: Size | None = None


class ExecutorConfig(Table):
    """Where stages run: on this machine, or on a Dask cluster that is there or that a batch system is to make.

    `address`: of the Dask scheduler; `jobqueue`: the batch system, with `options` for its class of dask-jobqueue, and
    `jobs` as many of them, by default as many as `[worker] slots`.
    """

    kind: Literal["local", "dask"] = "local"
    address: Text | None = None
    jobqueue: Literal["slurm", "pbs", "sge", "lsf", "htcondor", "oar", "moab"] | None = None
    jobs: int | None = Field(default=None, ge=1)
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.kind == "local" and self.model_fields_set - {"kind"}:
            raise ValueError('all but kind is for kind = "dask"')
        if self.kind == "dask" and (self.address is None) == (self.jobqueue is None):
            raise ValueError('with kind = "dask" either address or jobqueue is needed, and not both')
        if self.jobqueue is None and (self.jobs is not None or self.options):
            raise ValueError("jobs and options are for jobqueue, and there is none")
        return self


class Console(Table):
    theme: str | None = None
    read_only: bool = False
    keys: dict[str, str] = Field(default_factory=dict)


class Config(Table):
    """The whole of mlops.toml."""

    project: Project
    datasets: dict[Name, Dataset] = Field(default_factory=dict)
    pipelines: dict[Name, Pipeline] = Field(default_factory=dict)
    models: dict[Name, Model] = Field(default_factory=dict)
    environments: dict[Name, EnvironmentConfig] = Field(default_factory=dict)
    monitor: Monitor = Monitor()
    triggers: tuple[Trigger, ...] = ()
    worker: WorkerConfig = WorkerConfig()
    executor: ExecutorConfig = ExecutorConfig()
    console: Console = Console()
    alerts: Alerts = Alerts()

    def model(self, name: str) -> Model:
        """The settings of a model; the defaults for one that mlops.toml does not name."""
        return self.models.get(name, Model())

    @property
    def metric_goals(self) -> dict[str, Literal["maximize", "minimize"]]:
        """What is better of each metric that a model is judged by; where two models disagree, as the first says."""
        return {model.metric: model.goal for model in reversed(self.models.values()) if model.metric}


def parse_config(text: str, source: str = "mlops.toml") -> Config:
    """Check the text of an mlops.toml.

    Raises:
        ConfigError: a syntax error, an unknown key or a value of the wrong kind. The message names the file, the key,
            the value and what was expected.
    """
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{source} is not valid TOML: {error}.", "Mend that line.") from None
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        raise _explain(error, source) from None
    _check_references(config, source)
    check_triggers(config, source)
    check_alerts(config, source)
    return config


def _check_references(config: Config, source: str) -> None:
    ports: dict[int, str] = {}
    for name, environment in config.environments.items():
        required = environment.requires
        if required is not None and required not in config.environments:
            raise ConfigError(
                f"{source}: environments.{name}.requires names {required!r}, which is no environment"
                f"{did_you_mean(required, config.environments) or '.'}",
                f"Known are: {', '.join(config.environments)}.",
            )
        if environment.port in ports:
            raise ConfigError(
                f"{source}: environments.{name}.port is {environment.port}, which "
                f"{ports[environment.port]} has already.",
                "Give each environment a port of its own.",
            )
        ports[environment.port] = name


_SECRETS = (("urls",), ("secret_env",))  # of [alerts]; in the second one people put the secret itself


def _explain(error: ValidationError, source: str) -> ConfigError:
    errors = error.errors()
    first = min(errors, key=lambda e: e["type"] != "extra_forbidden")  # a misspelt key is also one that is missing
    key = ".".join(str(part) for part in first["loc"])
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    if first["type"] == "extra_forbidden":
        known = _keys_beside(first["loc"])
        name = str(first["loc"][-1])
        return ConfigError(
            f"{source}: unknown key {key}{did_you_mean(name, known) or '.'}{more}",
            f"Known here are: {', '.join(known)}.",
        )
    if first["type"] == "missing":
        return ConfigError(f"{source}: {key} is missing{more}.", "Add it; docs/configuration.md shows every key.")
    problem = first["msg"].removeprefix("Value error, ")
    is_secret = first["loc"][:1] == ("alerts",) and ("://" in str(first["input"]) or first["loc"][1:2] in _SECRETS)
    shown = "wrong" if is_secret else _short(first["input"])
    return ConfigError(
        f"{source}: {key} is {shown}: {problem[:1].lower()}{problem[1:]}{more}.",
        "docs/configuration.md shows every key.",
    )


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    """The keys that the table at this place may have, found by walking the models."""
    here: Any = Config
    for part in location[:-1]:
        if get_origin(here) is dict:
            here = get_args(here)[1]
        elif get_origin(here) is tuple:
            here = get_args(here)[0]
        elif isinstance(here, type) and issubclass(here, BaseModel) and part in here.model_fields:
            here = here.model_fields[str(part)].annotation
    if not (isinstance(here, type) and issubclass(here, BaseModel)):
        return []
    return [field.alias or name for name, field in here.model_fields.items()]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
