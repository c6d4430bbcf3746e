"""Triggers: what mlops.toml says of them, when a schedule fires next, and which files a change is looked for in."""

import datetime as dt
import graphlib
import posixpath
import re
import zoneinfo
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from mlops_console.core.errors import ConfigError
from mlops_console.core.names import Name, Span
from mlops_console.core.text import did_you_mean

if TYPE_CHECKING:
    from mlops_console.core.config import Config

Kind = Literal["schedule", "change", "after", "drift"]

IGNORED = frozenset({".mlops", ".git", "__pycache__"})  # folders in which no change counts
_KEYS: Mapping[Kind, Mapping[str, bool]] = {  # the keys of each kind, and whether it needs them
    "schedule": {"cron": True, "timezone": False, "missed": False},
    "change": {"paths": True, "debounce": False},
    "after": {"pipeline": True},
    "drift": {"environment": True, "deploy": False, "most_per_day": False, "stop_after": False},
}
_MOST_MISSED = 1_000  # firings that are counted
_MINUTE = dt.timedelta(minutes=1)
_HOURS = 24


def _is_cron(cron: str) -> str:
    if len(cron.split()) != 5:
        raise ValueError('cron has five fields: minute, hour, day, month and weekday, as "0 3 * * *"')
    try:
        first = next(CronSim(cron, dt.datetime(2024, 1, 1)), None)  # noqa: DTZ001 - a wall's time
    except CronSimError as error:
        told = str(error)
        raise ValueError(f'{told[:1].lower()}{told[1:]}; "0 3 * * *" is every day at three') from None
    if first is None:
        raise ValueError("there is no such day")
    return cron


def _is_timezone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = zoneinfo.available_timezones()
        if not known:
            raise ValueError("this machine has no time zones; 'pip install tzdata' brings them") from None
        raise ValueError(f"there is no such time zone{did_you_mean(name, known).rstrip('?')}") from None
    return name


def _is_inside(path: str) -> str:
    parts = posixpath.normpath(path).split("/")
    if "\0" in path or not path.strip() or path.startswith("/") or parts[0] == "..":
        raise ValueError("a path is relative to the project, and in it")
    return path


def _flat(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`fit.lr = 0.1` is a table in TOML; the values are wanted by dotted key."""
    flat: dict[str, Any] = {}
    for key, value in params.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


_Path = Annotated[str, AfterValidator(_is_inside)]


class Trigger(BaseModel):
    """One `[[triggers]]`: when `on` happens, pipeline `do` is run.

    Attributes:
        missed: what becomes of the firings while no worker ran: they are run once, or skipped.
        debounce: how long nothing more must have changed.
        deploy: the environment to which the version goes that the run has logged, if its gates let it.
        most_per_day: how often at the most drift fires it within 24 hours.
        stop_after: so many failures in a row, of trainings and deployments alike, switch it off.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    on: Kind
    do: Name
    params: Annotated[dict[str, Any], AfterValidator(_flat)] = Field(default_factory=dict)
    enabled: bool = True
    cron: Annotated[str, AfterValidator(_is_cron)] | None = None
    timezone: Annotated[str, AfterValidator(_is_timezone)] | None = None
    missed: Literal["run", "skip"] = "run"
    paths: tuple[_Path, ...] = ()
    debounce: Span = "2s"
    pipeline: Name | None = None
    environment: Name | None = None
    deploy: Name | None = None
    most_per_day: int = Field(default=3, ge=1)
    stop_after: int = Field(default=3, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """Most projects have one of a kind, which needs no name of its own: `train-on-drift`."""
        return {"name": f"{given.get('do')}-on-{given.get('on')}", **given} if isinstance(given, dict) else given

    @property
    def when(self) -> str:
        """What fires it, for people: `0 3 * * *`, `data/**`, `after train`, `drift of production`."""
        if self.on == "schedule":
            return f"{self.cron} {self.timezone}" if self.timezone else str(self.cron)
        if self.on == "change":
            return ", ".join(self.paths)
        return f"after {self.pipeline}" if self.on == "after" else f"drift of {self.environment}"

    @property
    def does(self) -> str:
        """What it does, for people: `train`, `train → staging`."""
        return f"{self.do} → {self.deploy}" if self.deploy else self.do

    @property
    def actor(self) -> str:
        """Who did what it does, in jobs and in the ledger."""
        return f"trigger:{self.name}"


@dataclass(frozen=True, slots=True)
class TriggerState:
    """What the store knows of a trigger; see the table `triggers`."""

    name: str
    switched_on: bool | None = None
    stopped: bool = False
    basis: str | None = None
    seen: str | None = None
    next_at: float | None = None
    last_fired_at: float | None = None
    last_job: int | None = None
    last_note: str = ""
    firings: int = 0
    fresh_from: int = 0

    def is_on(self, trigger: Trigger) -> bool:
        """Whether it fires: as somebody has switched it, else as it is configured."""
        return trigger.enabled if self.switched_on is None else self.switched_on

    def word(self, trigger: Trigger) -> Literal["on", "off", "stopped"]:
        """`stopped`: it has switched itself off."""
        if self.is_on(trigger):
            return "on"
        return "stopped" if self.stopped else "off"


def basis(trigger: Trigger, outs: Iterable[str] = ()) -> str:
    """What the state of a trigger was reckoned from: another text, and it is reckoned anew."""
    if trigger.on == "change":
        return "\n".join((*trigger.paths, "", *sorted(outs)))
    return trigger.when


# Schedules


def next_firing(trigger: Trigger, after: float) -> float | None:
    """The first moment after `after` at which a schedule fires; None if there is none any more.

    Each time of the wall fires once: one that the clocks skip as soon as they have, one that they repeat at its first
    turn. Only what comes in every hour comes in the repeated hour too, as it would else leave out an hour.
    """
    zone = None if trigger.timezone is None else zoneinfo.ZoneInfo(trigger.timezone)
    wall = dt.datetime.fromtimestamp(after, zone).replace(tzinfo=None)
    walk = CronSim(str(trigger.cron), wall)
    hourly = len(walk.hours) == _HOURS
    if hourly:
        walk = CronSim(str(trigger.cron), wall - dt.timedelta(hours=3))  # more than any clock is put back
    found: float | None = None
    for candidate in walk:
        first = _moment(candidate, zone)
        again = _real(candidate, zone, 1) if hourly else first
        later = [moment for moment in (first, again, found) if moment is not None and moment > after]
        found = min(later, default=None)
        if first > after:
            return found
    return found


def upcoming(trigger: Trigger, state: TriggerState, now: float) -> float | None:
    """When it fires next, as far as that is known: a schedule that is on."""
    if trigger.on != "schedule" or not state.is_on(trigger):
        return None
    return state.next_at if state.basis == basis(trigger) else next_firing(trigger, now)


def missed(trigger: Trigger, first: float, now: float) -> tuple[int, float]:
    """How many firings there are from the one at `first` until now, counted up to 1,000, and the last of these."""
    count, last = 1, first
    while count < _MOST_MISSED and (following := next_firing(trigger, last)) is not None and following <= now:
        count, last = count + 1, following
    return count, last


def _moment(wall: dt.datetime, zone: zoneinfo.ZoneInfo | None) -> float:
    """When the clocks show this for the first time, or have just passed it without showing it."""
    moment = _real(wall, zone, 0)
    while dt.datetime.fromtimestamp(moment, zone).replace(tzinfo=None) != wall:
        wall += _MINUTE
        moment = _real(wall, zone, 0)
    return moment


def _real(wall: dt.datetime, zone: zoneinfo.ZoneInfo | None, fold: int) -> float:
    return wall.replace(tzinfo=zone, fold=fold).timestamp()


# Changes


class Watched:
    """Which files of the project a trigger looks at: those of `paths`, without what pipelines make themselves."""

    def __init__(self, paths: Iterable[str], outs: Iterable[str]) -> None:
        self._patterns = [_parts(path) for path in paths]
        self._wanted = re.compile("|".join(f"(?:{_glob(parts)})" for parts in self._patterns))
        self._outs = re.compile("|".join(f"(?:{re.escape(posixpath.normpath(out))}(?:/.*)?)" for out in outs) or "(?!)")

    def ignores(self, path: str) -> bool:
        """Whether nothing that happens to this file or folder, or in it, counts."""
        return not IGNORED.isdisjoint(path.split("/")) or self._outs.fullmatch(path) is not None

    def has(self, path: str) -> bool:
        """Whether a change of this file counts."""
        return self._wanted.fullmatch(path) is not None and not self.ignores(path)

    def enters(self, folder: str) -> bool:
        """Whether a file in this folder, or deeper, may count; the project itself is ""."""
        if not folder:
            return True
        return not self.ignores(folder) and any(_leads(pattern, folder.split("/")) for pattern in self._patterns)


def _parts(path: str) -> list[str]:
    return [part for part in posixpath.normpath(path).split("/") if part != "."]


def _glob(parts: list[str]) -> str:
    """A regular expression of the paths that match, and of all that is in them."""
    told = ["(?:[^/]+/)*" if part == "**" else f"{_part(part)}/" for part in parts]
    if not parts or parts[-1] == "**":
        return "".join(told[:-1]) + ".+"
    return f"{''.join(told)[:-1]}(?:/.*)?"


def _part(part: str) -> str:
    return "".join("[^/]*" if c == "*" else "[^/]" if c == "?" else re.escape(c) for c in part)


def _leads(pattern: list[str], folder: list[str]) -> bool:
    """Whether paths in the folder may match."""
    for wanted, part in zip(pattern, folder, strict=False):
        if wanted == "**":
            return True
        if re.fullmatch(_part(wanted), part) is None:
            return False
    return True


# mlops.toml


def check(config: "Config", source: str) -> None:
    """What of the triggers can only be known with the rest of mlops.toml.

    Raises:
        ConfigError: a name that is there twice, a key of another kind, one that is missing, or a name of nothing.
    """
    names: set[str] = set()
    for trigger in config.triggers:
        here = f"{source}: triggers.{trigger.name}"
        if trigger.name in names:
            raise ConfigError(f"{here} is there twice.", "Give each trigger a name of its own.")
        names.add(trigger.name)
        _check_keys(trigger, here)
        _check_known(f"{here}.do", trigger.do, config.pipelines, "pipeline")
        if trigger.pipeline is not None:
            _check_known(f"{here}.pipeline", trigger.pipeline, config.pipelines, "pipeline")
        if trigger.environment is not None:
            _check_known(f"{here}.environment", trigger.environment, config.environments, "environment")
        if trigger.deploy is not None:
            _check_known(f"{here}.deploy", trigger.deploy, config.environments, "environment")
    _check_circles(config, source)


def _check_keys(trigger: Trigger, here: str) -> None:
    mine = _KEYS[trigger.on]
    for kind, keys in _KEYS.items():
        for key in keys:
            if key in trigger.model_fields_set and key not in mine:
                raise ConfigError(
                    f"{here}.{key} does not belong to a trigger on {trigger.on!r}, but to one on {kind!r}.",
                    f"It may have: {', '.join(mine)}.",
                )
    for key, needed in mine.items():
        if needed and not getattr(trigger, key):
            raise ConfigError(
                f"{here}.{key} is missing: a trigger on {trigger.on!r} needs it.",
                "Add it; docs/configuration.md shows every key.",
            )


def _check_known(key: str, name: str, known: Mapping[str, object], thing: str) -> None:
    if name not in known:
        raise ConfigError(
            f"{key} names {name!r}, which is no {thing}{did_you_mean(name, known) or '.'}",
            f"Known are: {', '.join(known) or 'none'}.",
        )


def _check_circles(config: "Config", source: str) -> None:
    starts: dict[str, set[str]] = {}
    for trigger in config.triggers:
        if trigger.on == "after":
            starts.setdefault(trigger.do, set()).add(str(trigger.pipeline))
    try:
        graphlib.TopologicalSorter(starts).prepare()
    except graphlib.CycleError as error:
        raise ConfigError(
            f"{source}: the triggers on 'after' go round in a circle: {' → '.join(error.args[1])}.",
            "Each of these pipelines would start the next one for ever: take one of the triggers out.",
        ) from None
