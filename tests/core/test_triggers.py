"""Triggers: when schedules fire, which files count, and one clear sentence for what is wrong in mlops.toml."""

import datetime as dt
import itertools
import time
import zoneinfo

import pytest

from mlops_console.core.config import parse_config
from mlops_console.core.errors import ConfigError
from mlops_console.core.triggers import Trigger, TriggerState, Watched, missed, next_firing, upcoming

BERLIN = "Europe/Berlin"
BASE = """
[project]
name = "fraud"
[pipelines.train.stages.fit]
run = "python fit.py"
[pipelines.evaluate.stages.test]
run = "python test.py"
[environments.production]
model = "fraud"
port = 8100
"""


def schedule(cron: str, timezone: str | None = BERLIN, **more: object) -> Trigger:
    return Trigger.model_validate(
        {"name": "x", "on": "schedule", "do": "train", "cron": cron, "timezone": timezone, **more}
    )


def at(wall: str, fold: int = 0, zone: str = BERLIN) -> float:
    return dt.datetime.fromisoformat(wall).replace(tzinfo=zoneinfo.ZoneInfo(zone), fold=fold).timestamp()


def firings(trigger: Trigger, after: float, until: float) -> list[float]:
    found = []
    while (moment := next_firing(trigger, after)) is not None and moment <= until:
        found.append(moment)
        after = moment
    return found


class TestSchedules:
    def test_the_next_one_is_after_now(self) -> None:
        daily = schedule("0 3 * * *")
        assert next_firing(daily, at("2026-06-01T02:59:59.9")) == at("2026-06-01T03:00")
        assert next_firing(daily, at("2026-06-01T03:00")) == at("2026-06-02T03:00")
        assert next_firing(daily, at("2026-06-01T03:00:00.5")) == at("2026-06-02T03:00")

    @pytest.mark.parametrize("cron", ["30 2 * * *", "0,30 2 * * *", "*/5 2 * * *", "0 2,3 29 3 *"])
    def test_a_skipped_hour_fires_once_after_it(self, cron: str) -> None:
        day = at("2026-03-29T00:00"), at("2026-03-29T03:30")
        assert firings(schedule(cron), *day) == [at("2026-03-29T03:00")]

    def test_a_repeated_hour_fires_once(self) -> None:
        day = at("2026-10-25T00:00"), at("2026-10-25T12:00")
        assert firings(schedule("30 2 * * *"), *day) == [at("2026-10-25T02:30")]
        assert firings(schedule("*/30 2 * * *"), *day) == [at("2026-10-25T02:00"), at("2026-10-25T02:30")]
        in_the_second = at("2026-10-25T02:10", fold=1)
        assert next_firing(schedule("30 2 * * *"), in_the_second) == at("2026-10-26T02:30")

    def test_what_comes_every_hour_goes_on_every_hour(self) -> None:
        for day, hours in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)):
            start = at(f"{day}T00:00") - 1
            found = firings(schedule("0 * * * *"), start, start + hours * 3600)
            assert [later - sooner for sooner, later in itertools.pairwise(found)] == [3600] * (hours - 1)
        quarters = firings(schedule("*/15 0-23 * * *"), at("2026-10-25T01:59"), at("2026-10-25T03:00"))
        assert len(quarters) == len(set(quarters)) == 9

    def test_a_day_that_does_not_exist_is_passed_over(self) -> None:
        apia = schedule("0 12 * * *", "Pacific/Apia")  # which left out 2011-12-30
        found = firings(apia, at("2011-12-29T00:00", zone="Pacific/Apia"), at("2012-01-01T00:00", zone="Pacific/Apia"))
        assert len(found) == 3

    def test_the_machines_own_zone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TZ", "America/New_York")
        time.tzset()
        try:
            found = next_firing(schedule("0 3 * * *", None), at("2026-06-01T00:00", zone="America/New_York"))
            assert found == at("2026-06-01T03:00", zone="America/New_York")
        finally:
            monkeypatch.delenv("TZ")
            time.tzset()

    def test_missed_ones_are_counted(self) -> None:
        daily = schedule("0 3 * * *")
        first = at("2026-03-28T03:00")
        assert missed(daily, first, at("2026-03-28T03:00:01")) == (1, first)
        assert missed(daily, first, at("2026-03-31T02:00")) == (3, at("2026-03-30T03:00"))
        assert missed(schedule("* * * * *"), first, first + 1e7)[0] == 1_000

    def test_what_comes_next_is_told_of_one_that_is_on(self) -> None:
        daily = schedule("0 3 * * *")
        now = at("2026-06-01T00:00")
        assert upcoming(daily, TriggerState("x"), now) == at("2026-06-01T03:00")
        assert upcoming(daily, TriggerState("x", basis=daily.when, next_at=7.0), now) == 7.0
        assert upcoming(daily, TriggerState("x", switched_on=False), now) is None


class TestFiles:
    @pytest.mark.parametrize(
        ("pattern", "path", "counts"),
        [
            ("data", "data/a/b.csv", True),
            ("data", "database/a.csv", False),
            ("data/**", "data/a/b.csv", True),
            ("data/*.csv", "data/a.csv", True),
            ("data/*.csv", "data/a/b.csv", False),
            ("**/*.csv", "x.csv", True),
            ("**/*.csv", "a/b/x.csv", True),
            ("./fit.py", "fit.py", True),
            ("fit.py", "fitxpy", False),
            ("a[1].csv", "a[1].csv", True),
            (".", "any/thing", True),
            ("**", ".mlops/console.db", False),
            ("**", "src/__pycache__/x.pyc", False),
            ("**", "build/train.csv", False),
            ("**", "builder", True),
            ("build/train.csv", "build/train.csv", False),
        ],
    )
    def test_which_count(self, pattern: str, path: str, counts: bool) -> None:
        assert Watched([pattern], ["./build/"]).has(path) is counts

    def test_only_folders_that_may_hold_some_are_entered(self) -> None:
        files = Watched(["data/*/x.csv", "src/**/*.py"], ["src/made"])
        entered = ("", "data", "data/a", "src", "src/a/b")
        assert [folder for folder in (*entered, "docs", "src/made", "src/.git") if files.enters(folder)] == list(
            entered
        )


def written(**keys: str) -> str:
    return BASE + "[[triggers]]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


NIGHTLY = {"name": "'nightly'", "on": "'schedule'", "do": "'train'", "cron": "'0 3 * * *'"}
CHANGE = {"name": "'fresh'", "on": "'change'", "do": "'train'", "paths": "['data']"}


def test_a_good_trigger_has_its_defaults() -> None:
    (nightly,) = parse_config(written(**NIGHTLY)).triggers
    assert (nightly.enabled, nightly.missed, nightly.timezone, nightly.actor) == (True, "run", None, "trigger:nightly")
    assert nightly.when == "0 3 * * *"
    (fresh,) = parse_config(written(**CHANGE, params="{ fit.lr = 0.1, 'fit.depth' = 3 }")).triggers
    assert (fresh.debounce, fresh.when) == ("2s", "data")
    assert fresh.params == {"fit.lr": 0.1, "fit.depth": 3}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            written(**{**NIGHTLY, "do": "'trian'"}),
            "triggers.nightly.do names 'trian', which is no pipeline, did you mean",
        ),
        (written(**NIGHTLY) + written(**NIGHTLY).removeprefix(BASE), "triggers.nightly is there twice"),
        (
            written(**NIGHTLY, paths="['x']"),
            "triggers.nightly.paths does not belong to a trigger on 'schedule', but to one",
        ),
        (written(**NIGHTLY, tmezone="'UTC'"), "unknown key triggers.0.tmezone, did you mean 'timezone'?"),
        (written(**{**NIGHTLY, "cron": "'0 3 * *'"}), "triggers.0.cron is '0 3 * *': cron has five fields"),
        (written(**{**NIGHTLY, "cron": "'61 3 * * *'"}), "triggers.0.cron is '61 3 * * *': bad minute"),
        (written(**{**NIGHTLY, "cron": "'0 3 31 2 *'"}), "triggers.0.cron is '0 3 31 2 *': bad day-of-month"),
        (written(**NIGHTLY, timezone="'Europe/Berln'"), "there is no such time zone, did you mean 'Europe/Berlin'"),
        (written(**NIGHTLY, timezone="'../etc/passwd'"), "there is no such time zone"),
        (
            written(name="'x'", on="'schedule'", do="'train'"),
            "triggers.x.cron is missing: a trigger on 'schedule' needs",
        ),
        (written(on="'schedule'", do="'train'"), "triggers.train-on-schedule.cron is missing"),
        (written(**{**NIGHTLY, "on": "'shedule'"}), "triggers.0.on is 'shedule'"),
        (written(**{**NIGHTLY, "name": "'a b'"}), "triggers.0.name is 'a b': a name has letters"),
        (written(**{**CHANGE, "paths": "[]"}), "triggers.fresh.paths is missing"),
        (written(**{**CHANGE, "paths": "['/etc']"}), "a path is relative to the project, and in it"),
        (written(**{**CHANGE, "paths": "['a/../../b']"}), "a path is relative to the project, and in it"),
        (written(**CHANGE, debounce="'soon'"), "triggers.0.debounce is 'soon'"),
        (written(name="'x'", on="'after'", do="'train'"), "triggers.x.pipeline is missing"),
        (written(name="'x'", on="'after'", do="'train'", pipeline="'evalute'"), "did you mean 'evaluate'?"),
        (written(name="'x'", on="'after'", do="'train'", pipeline="'train'"), "in a circle: train → train."),
        (
            written(name="'x'", on="'drift'", do="'train'", environment="'prod'"),
            "names 'prod', which is no environment",
        ),
        (written(name="'x'", on="'drift'", do="'train'"), "triggers.x.environment is missing"),
    ],
)
def test_a_bad_one_gives_one_sentence(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text)
    assert told in caught.value.message
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_circle_of_several_is_refused() -> None:
    there = written(name="'a'", on="'after'", do="'evaluate'", pipeline="'train'")
    back = written(name="'b'", on="'after'", do="'train'", pipeline="'evaluate'").removeprefix(BASE)
    with pytest.raises(ConfigError, match=r"in a circle: (train → evaluate → train|evaluate → train → evaluate)"):
        parse_config(there + back)


def test_a_machine_without_time_zones_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(key: str) -> None:
        raise zoneinfo.ZoneInfoNotFoundError(key)

    monkeypatch.setattr(zoneinfo, "ZoneInfo", none)
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    with pytest.raises(ConfigError, match="this machine has no time zones; 'pip install tzdata' brings them"):
        parse_config(written(**NIGHTLY, timezone="'Europe/Berlin'"))
