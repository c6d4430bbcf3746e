"""`[alerts]` of mlops.toml."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_console.core.alerts import Severity
from mlops_console.core.config import parse_config
from mlops_console.core.destinations import destinations, masked
from mlops_console.core.errors import ConfigError

GOOD = (
    "[project]\nname = 'x'\n[pipelines.train.stages.fit]\nrun = 'true'\n"
    "[environments.production]\nmodel = 'm'\nport = 8100\n"
)
RULE = GOOD + "[[alerts.rules]]\n"
SECRET = "T0KEN-abc"


def test_without_a_word_the_important_is_told() -> None:
    alerts = parse_config(GOOD).alerts
    for on, subject in (("drift", "production"), ("performance", "production"), ("job_failed", "train train")):
        assert [rule.on for rule in alerts.covering(on, subject)] == [on]  # type: ignore[arg-type]
    assert alerts.covering("disk", ".mlops")[0].severity is Severity.CRITICAL
    assert alerts.covering("latency", "production") == ()


def test_a_rule_takes_the_place_of_the_default_where_it_covers() -> None:
    alerts = parse_config(RULE + "on = 'drift'\nenvironment = 'production'\nfor = '1h'").alerts
    assert [(rule.name, rule.hold) for rule in alerts.covering("drift", "production")] == [("drift-production", "1h")]
    assert [rule.name for rule in alerts.covering("drift", "staging")] == ["drift"]
    alerts = parse_config(RULE + "on = 'job_failed'\npipeline = 'train'").alerts
    assert [rule.name for rule in alerts.covering("job_failed", "train train")] == ["job_failed-train"]
    assert [rule.name for rule in alerts.covering("job_failed", "deploy production")] == ["job"]


@pytest.mark.parametrize(
    ("rule", "bound", "clear"),
    [
        ("on = 'error_rate'\nbound = '2%'\nclear = 0.01", 0.02, 0.01),
        ("on = 'latency'\nbound = '250ms'\nclear = '200ms'", 0.25, 0.2),
        ("on = 'disk'\nbound = '2 GB'\nclear = '3 GB'", 2e9, 3e9),
        ("on = 'job_slow'\nbound = 3", 3, 3),
        ("on = 'performance'\nmetric = 'f1'", 0.05, 0.05),
        ("on = 'performance'\nmetric = 'mae'\nbound = 2", 2, 2),
        ("on = 'error_rate'\nfor = '0s'", 0.05, 0.05),
    ],
)
def test_bounds_are_written_as_people_do(rule: str, bound: float, clear: float) -> None:
    (found,) = parse_config(RULE + rule).alerts.rules
    assert (found.limit, found.clear_limit) == (bound, clear)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (RULE + "on = 'drfit'", "alerts.rules.0.on is 'drfit'"),
        (RULE + "on = 'drift'\nfro = '1h'", "unknown key alerts.rules.0.fro, did you mean 'for'?"),
        (RULE + "on = 'drift'\nhold = '1h'", "unknown key alerts.rules.0.hold"),
        (RULE + "on = 'drift'\nfor = 'soon'", "alerts.rules.0.for is 'soon': 'soon' is not a time span"),
        (RULE + "on = 'drift'\nbound = 1", "alerts.rules.drift.bound does not belong to a rule on 'drift'"),
        (RULE + "on = 'disk'\nenvironment = 'production'", "alerts.rules.disk-production.environment does not"),
        (RULE + "on = 'latency'\nmetric = 'p9'", "alerts.rules.latency.metric is 'p9', did you mean 'p99'?"),
        (RULE + "on = 'latency'\nbound = 'slow'", "alerts.rules.latency.bound is 'slow': 'slow' is not a time span"),
        (RULE + "on = 'error_rate'\nbound = 0", "alerts.rules.error_rate.bound is 0.0: it must be above nothing"),
        (RULE + "on = 'error_rate'\nbound = nan", "alerts.rules.error_rate.bound is nan: it must be above nothing"),
        (RULE + "on = 'error_rate'\nbound = 5", "error_rate.bound is 5.0: nothing is ever beyond it, 0.05 is 5%"),
        (RULE + "on = 'latency'\nbound = true", "alerts.rules.0.bound is True: a truth value is no number"),
        (RULE + "on = 'performance'\nbound = 2", 'ever beyond it, 0.05 is 5%; an error may be, with metric = "mae".'),
        (RULE + "on = 'performance'\nbound = 5\nmetric = 'f1'", "bound is 5.0: nothing is ever beyond it, 0.05 is 5%."),
        (RULE + "on = 'error_rate'\nbound = 'NaN%'", "bound is 'NaN%': 'NaN%' is not a percentage"),
        (RULE + "on = 'error_rate'\nclear = -1", "clear is -1.0: it must be above nothing"),
        (RULE + "on = 'latency'\nbound = inf", "alerts.rules.latency.bound is inf: nothing is ever beyond it"),
        (RULE + "on = 'job_slow'\nbound = '2x'", "alerts.rules.job_slow.bound is '2x': '2x' is not a number"),
        (
            RULE + "on = 'error_rate'\nclear = 0.2",
            "alerts.rules.error_rate.clear is 0.2, which is worse than its bound",
        ),
        (RULE + "on = 'disk'\nclear = '1 MB'", "alerts.rules.disk.clear is '1 MB', which is worse than its bound"),
        (RULE + "on = 'drift'\nenvironment = 'productoin'", "is no environment, did you mean"),
        (RULE + "on = 'job_failed'\npipeline = 'trian'", "names 'trian', which is no pipeline, did you mean 'train'?"),
        (RULE + "on = 'drift'\n[[alerts.rules]]\non = 'drift'", "alerts.rules.drift is there twice"),
        (RULE + "on = 'drift'\nname = 'server'", "alerts.rules.server is the name of another kind of alert"),
        (GOOD + "[alerts]\nurl = ['slack://a']", "unknown key alerts.url, did you mean 'urls'?"),
        (GOOD + "[alerts]\nsecret_env = 'A B'", "alerts.secret_env is wrong: the name of an environment variable"),
        (GOOD + "[alerts]\nsecret_env = 'A'\nsecret_file = 'b'", "alerts has secret_env and secret_file"),
        (GOOD + "[alerts]\nremind = '0s'", "alerts.remind is '0s': it must be longer than nothing"),
    ],
)
def test_a_bad_rule_gives_one_sentence(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text)
    assert told in caught.value.message
    assert caught.value.hint
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"alerts = 'slack://{SECRET}'",
        f"[alerts]\nurls = 'slack://{SECRET}'",
        f"[alerts]\nurls = ['{SECRET}']",
        f"[alerts]\nurls = '{SECRET}'",
        f"[alerts]\nsecret_env = '{SECRET}!'",
        f"[alerts]\nurls = [['slack://{SECRET}']]",
        f"[alerts]\nurls = {{a = 'slack://{SECRET}'}}",
        f"[alerts]\nurls = ['slack://{SECRET}']\nsecret_env = 'https://{SECRET}'",
    ],
)
def test_no_error_tells_a_token(text: str) -> None:
    top, _, rest = text.partition("\n")
    with pytest.raises(ConfigError) as caught:
        parse_config(f"{text}\n{GOOD}" if not rest else GOOD + f"{top}\n{rest}")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"https:///{SECRET}",
        f"https://host:99999/{SECRET}",
        f"https://host:0/{SECRET}",
        f"https://host/{SECRET} x",
        f"https://host/{SECRET}?ü",
        f"https://[{SECRET}/",
        "https://",
    ],
)
def test_a_webhook_that_nothing_can_be_sent_to_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigError, match=r"mlops\.toml: alerts\.urls\.1 is no URL such as") as caught:
        parse_config(GOOD + f"[alerts]\nurls = ['https://a.b', '{url}']")
    assert SECRET not in str(caught.value)


def test_a_webhook_may_have_a_login_and_a_name_in_letters_of_its_own() -> None:
    urls = ["https://user:pa ss%0d%0a@host:8443/x?y=1#z", "http://é.example", "http://[::1]:80/x"]
    assert parse_config(GOOD + f"[alerts]\nurls = {urls}").alerts.urls == tuple(urls)


def test_what_is_shown_of_a_url_holds_no_secret() -> None:
    for url in (
        f"https://user:{SECRET}@hooks.example.org:8443/services/{SECRET}?key={SECRET}#{SECRET}",
        f"slack://{SECRET}/{SECRET}",
        f"https://[{SECRET}/x",
        f"http://a:{SECRET}/",
    ):
        (found,) = destinations([url])
        assert SECRET not in repr(found) + found.name + found.key
    assert masked(f"https://hooks.example.org:8443/{SECRET}") == "https://hooks.example.org:8443/…"
    assert masked(f"tgram://{SECRET}/1") == "tgram://…"


@given(st.lists(st.sampled_from([f"slack://{i}" for i in range(5)] + ["https://a.b/1", "https://a.b/2"])))
def test_each_url_is_one_destination_of_its_own(urls: list[str]) -> None:
    found = destinations(urls)
    assert [destination.url for destination in found] == list(dict.fromkeys(urls))
    assert len({destination.key for destination in found}) == len(found) == len({d.name for d in found})


def test_a_renewed_token_is_the_same_destination() -> None:
    (before,), (after,) = destinations(["slack://old"]), destinations(["slack://new"])
    assert before.key == after.key
