"""The overview as rows of text: a pure function of what was read, the time and the size."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len

from mlops_console.core.alerts import Alert, Severity
from mlops_console.core.deployments import RevisionState, ServerHealth
from mlops_console.core.jobs import Job
from mlops_console.core.runs import Run
from mlops_console.core.text import age, duration, number, safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.glyphs import State
from mlops_console.tui.screens.alerts.reading import urgency
from mlops_console.tui.screens.overview.cards import card_line, card_rows
from mlops_console.tui.screens.overview.reading import DORA_DAYS, RATE_SECONDS, Card, Overview, Trend
from mlops_console.tui.widgets.bars import progress_bar
from mlops_console.tui.widgets.chart_paint import Ink, Row, beside, fit, fit_row, split_row
from mlops_console.tui.widgets.fit import cut, wrap
from mlops_console.tui.widgets.line_chart import LineData, Series, line_chart_rows
from mlops_console.tui.widgets.sparkline import sparkline

if TYPE_CHECKING:
    from mlops_console.core.dora import Dora

_GAP = 3
_CARD_LEAST = 36
_WIDE = 130  # from here on the lists stand side by side
_TALL = 32  # from here on there is room for air
_ROOMY = 26  # from here on there is room for how well is delivered
_CHART = 8  # lines that a chart is worth drawing in
_INDENT = Ink("  ")
_ALERT_KEYS = {
    "drift": (("6", "look"), ("t", "train"), ("r", "rollback")),
    "performance": (("6", "look"), ("t", "train"), ("r", "rollback")),
    "data_quality": (("6", "look"),),
    "server": (("5", "look"), ("r", "rollback")),
    "error_rate": (("5", "look"), ("r", "rollback")),
    "latency": (("5", "look"), ("r", "rollback")),
    "deploy": (("5", "look"), ("d", "deploy")),
    "job": (("7", "look"),),
    "job_slow": (("7", "look"),),
    "approval": (("5", "look"), ("A", "approve"), ("X", "abort")),
}
_SELECTED_KEYS = (("enter", "open"), ("s", "silence"), ("a", "acknowledge"))


def overview_rows(overview: Overview, selected: str, now: float, width: int, height: int) -> tuple[Row, ...]:
    """The view in exactly `height` rows of `width` cells; `selected` is the environment that keys act on."""
    if width < 1 or height < 1:
        return ()
    rows = [fit_row([], width)] if height >= _TALL else []
    cards = _cards(overview, selected, now, width)
    rows += cards if len(cards) <= height * 0.6 else _card_lines(overview.cards, selected, now, width)
    if overview.dora is not None and height >= _ROOMY:
        rows += [*dora_rows(overview.dora, width), fit_row([], width)]
    room = height - len(rows)
    if room > 0:
        rows += _lists(overview, selected, now, width, room)
    blank = (Ink(" " * width),)
    return tuple((rows + [blank] * height)[:height])


def heading(title: str, note: str, width: int) -> Row:
    """A section's title, what there is to say of it, and a rule to the edge."""
    inks = [Ink(title, "strong"), Ink(" ")]
    if note:
        inks += [Ink(f"{note} ", "muted")]
    used = sum(len(ink.text) for ink in inks)
    return fit_row([*inks, Ink("─" * max(width - used, 0), "axis")], width)


def dora_rows(dora: "Dora", width: int) -> list[Row]:
    """How well an environment is delivered to, in a heading and a line; what does not fit is left out at the
    right."""
    figures = [
        (f"{dora.per_week:.1f}", "a week"),
        (duration(dora.lead_time), "lead time"),
        (_rate(dora.change_fail_rate), f"of {dora.changes} changes failed"),
        (duration(dora.recovery_time), "to recover"),
        (_rate(dora.rework_rate), "rework"),
    ]
    inks: list[Ink] = [_INDENT]
    for figure, what in figures:
        more = [Ink(figure, "strong"), Ink(f" {what}   ", "muted")]
        if sum(cell_len(ink.text) for ink in (*inks, *more)) > width + 3:
            break
        inks += more
    title = f"Deployments to {safe_line(dora.environment)}"
    return [heading(title, f"{dora.deployments} in {DORA_DAYS} days", width), fit_row(inks, width)]


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _cards(overview: Overview, selected: str, now: float, width: int) -> list[Row]:
    cards = overview.cards
    if not cards:
        return [
            heading("Environments", "", width),
            fit_row([_INDENT, Ink("mlops.toml names no place to serve a model yet.")], width),
            fit_row([_INDENT, Ink("Add [environments.production] with a model and a port.", "muted")], width),
            fit_row([], width),
        ]
    a_row = max(min((width + _GAP) // (_CARD_LEAST + _GAP), len(cards)), 1)
    each = (width + _GAP) // a_row - _GAP
    rows: list[Row] = []
    for start in range(0, len(cards), a_row):
        rows += _card_line(cards[start : start + a_row], overview, selected, now, each, width)
        rows.append(fit_row([], width))
    return rows


def _card_lines(cards: Sequence[Card], selected: str, now: float, width: int) -> list[Row]:
    """Where there is no room for cards: one line for each environment."""
    names = max((cell_len(safe_line(card.environment.name)) for card in cards), default=0)
    rows = [card_line(card, card.environment.name == selected, min(names, 20), now, width) for card in cards]
    return [*rows, fit_row([], width)]


def _card_line(
    cards: Sequence[Card], overview: Overview, selected: str, now: float, each: int, width: int
) -> list[Row]:
    drawn = [card_rows(card, card.environment.name == selected, overview.has_models, now, each) for card in cards]
    line, used = list(drawn[0]), each
    for block in drawn[1:]:
        line = beside(line, block, used, _GAP, each)
        used += _GAP + each
    return [fit_row(row, width) for row in line]


def _lists(overview: Overview, selected: str, now: float, width: int, room: int) -> list[Row]:
    if width < _WIDE:
        return _stacked(overview, now, width, room)
    left = (width - _GAP) // 2
    right = width - _GAP - left
    work = [*_needs(overview, now, left, room // 2), fit_row([], left)]
    work += _running(overview, now, left, room - len(work))
    work += _traffic_chart(overview, selected, now, left, room - len(work))
    tall = room >= 2 * _CHART + 6
    results = _recent(overview, now, right, room // 2 if tall else room)
    results += _trend_chart(overview, right, room - len(results))
    return beside(work, results, left, _GAP, right)


def _stacked(overview: Overview, now: float, width: int, room: int) -> list[Row]:
    rows = [*_needs(overview, now, width, max(room - 7, 4)), fit_row([], width)]
    if overview.jobs or room - len(rows) > 12:
        rows += [*_running(overview, now, width, max(room - len(rows) - 4, 3)), fit_row([], width)]
    left = room - len(rows)
    rows += _recent(overview, now, width, left // 2 if left >= 2 * _CHART + 6 else left)
    return rows + _trend_chart(overview, width, room - len(rows))


def _traffic_chart(overview: Overview, selected: str, now: float, width: int, room: int) -> list[Row]:
    card = next((card for card in overview.cards if card.environment.name == selected), None)
    if card is None or not card.traffic:
        return []
    xs = [now - RATE_SECONDS * (len(card.traffic) - 0.5 - at) for at in range(len(card.traffic))]
    data = LineData((Series(selected, xs, [float(count) for count in card.traffic]),), include=(0.0,), x_axis="time")
    return _chart(f"Predictions per minute in {safe_line(selected)}", data, width, room)


def _trend_chart(overview: Overview, width: int, room: int) -> list[Row]:
    trend = overview.trend
    if trend is None or len(trend.values) < 2:
        return []
    data = LineData((Series(trend.metric, list(range(1, len(trend.values) + 1)), trend.values),), x_label="run")
    return _chart(f"{safe_line(trend.metric)} of the last {len(trend.values)} runs", data, width, room)


def _chart(title: str, data: LineData, width: int, room: int) -> list[Row]:
    height = min(room - 2, 16)
    if height < _CHART:
        return []
    blank, inside = fit_row([], width), max(width - 2, 0)
    rows = [(_INDENT, *row) for row in line_chart_rows(data, inside, height)]
    return [blank, heading(title, "", width), *rows]


def needs(overview: Overview) -> list[Alert]:
    """What wants a person: the open alerts, and what is wrong with an environment that has no alert of its own. What
    nobody has taken up comes first, and of that what is critical."""
    told = {(alert.kind, alert.subject) for alert in overview.alerts}
    derived = [alert for card in overview.cards for alert in _derived(card)]
    problem = overview.config_problem
    broken = [Alert(0, "project", "mlops.toml", Severity.CRITICAL, problem, 0.0)] if problem else []
    untold = [alert for alert in derived if (alert.kind, alert.subject) not in told]
    return sorted([*broken, *overview.alerts, *untold], key=urgency)


def _derived(card: Card) -> Iterator[Alert]:
    environment, live, newest = card.environment, card.live, card.newest
    if live is not None and environment.health is ServerHealth.FAILED:
        why = environment.error or "its server has failed"
        yield _alert("server", Severity.CRITICAL, card, f"{live.model_ref} is not served: {why}")
    elif live is not None and environment.health is ServerHealth.STOPPED:
        hint = f"{live.model_ref} is not served: start a worker with 'mlops-console worker start'"
        yield _alert("server", Severity.CRITICAL, card, hint)
    if newest is not None and newest.state is RevisionState.FAILED:
        text = f"{newest.model_ref} did not go live: {newest.error or 'no reason was given'}"
        yield _alert("deploy", Severity.WARNING, card, text)
    for waiting in card.waiting:
        revision = waiting.revision
        people = f"{waiting.lacking} approval{'s' * (waiting.lacking != 1)}"
        reason = f": {revision.reason}" if revision.reason else ""
        text = f"r{revision.revision} {revision.model_ref} waits for {people}; {revision.actor} asked for it{reason}"
        yield _alert("approval", Severity.WARNING, card, text)


def _alert(kind: str, severity: Severity, card: Card, message: str) -> Alert:
    at = card.newest.created_at if kind != "server" and card.newest else card.environment.heartbeat_at
    return Alert(0, kind, card.environment.name, severity, message, at or 0.0)


def _needs(overview: Overview, now: float, width: int, room: int) -> list[Row]:
    found = needs(overview)
    rows = [heading("Needs you", str(len(found)) if found else "", width)]
    if not found:
        return [*rows, fit_row([_INDENT, Ink("✓ nothing", "ok")], width)]
    told = [_alert_rows(alert, overview, now, width, 2) for alert in found]
    if sum(map(len, told)) > room - 1:
        told = [_alert_rows(alert, overview, now, width, 1) for alert in found]
    fitting = len(found) if 2 * len(found) < room else max((room - 2) // 2, 1)
    at = next((n for n, alert in enumerate(found) if overview.alert and alert.id == overview.alert), 0)
    first = max(at - fitting + 1, 0)
    rows += [row for alert_rows in told[first : first + fitting] for row in alert_rows]
    if len(found) > fitting:
        more = [Ink(f"+ {len(found) - fitting} more  ", "muted"), *_key("9", "alerts")]
        rows.append(fit_row([_INDENT, *more], width))
    return rows


def _alert_keys(alert: Alert, overview: Overview) -> list[Ink]:
    """The keys to press next: read-only, only those that look."""
    selected = overview.alert and alert.id == overview.alert
    keys = _SELECTED_KEYS if selected else _ALERT_KEYS.get(alert.kind, ())
    looks = ("enter", *map(str, range(10)))
    return [ink for key, word in keys if key in looks or not overview.read_only for ink in _key(key, word)]


def _alert_rows(alert: Alert, overview: Overview, now: float, width: int, most: int) -> list[Row]:
    """What and when, with the keys to press next; below it the message, in at most `most` lines."""
    state = glyphs.state(alert.state)
    when = age(alert.created_at, now) if alert.created_at else ""
    what = [
        Ink("▌ ", "accent") if overview.alert and alert.id == overview.alert else _INDENT,
        _told(glyphs.state(alert.severity)),
        Ink(f"  {safe_line(alert.kind)} "),
        Ink(safe_line(alert.subject), "strong"),
        *([Ink(f"  {state.text}", state.style)] if alert.state != "open" else []),
    ]
    keys = _alert_keys(alert, overview) if alert.state == "open" or alert.id == overview.alert else []
    lines = wrap(safe_line(alert.message, 1000), max(width - 4, 8))
    if len(lines) > most:
        lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
    return [
        split_row([*what, Ink(f"  {when}", "muted")], keys, width),
        *(fit_row([Ink("    "), Ink(text)], width) for text in lines),
    ]


def _key(key: str, word: str) -> tuple[Ink, ...]:
    return Ink(f" {key}", "accent"), Ink(f" {word} ", "muted")


def _told(state: State) -> Ink:
    return Ink(state.text, state.style)


def _running(overview: Overview, now: float, width: int, room: int) -> list[Row]:
    jobs = overview.jobs
    rows = [heading("Running", str(len(jobs)) if jobs else "", width)]
    if not jobs:
        return [*rows, fit_row([_INDENT, Ink("nothing runs or waits", "muted")], width)]
    fitting = room - 1 if len(jobs) < room else max(room - 2, 1)
    rows += [_job_row(job, now, width) for job in jobs[:fitting]]
    if len(jobs) > fitting:
        rows.append(fit_row([_INDENT, Ink(f"+ {len(jobs) - fitting} more  "), *_key("7", "jobs")], width))
    return rows


def _job_row(job: Job, now: float, width: int) -> Row:
    state = glyphs.state("stopping" if job.stop_requested_at else job.state)
    what = f"  {safe_line(job.action)} {safe_line(job.subject)}"
    bar_width = 12 if width >= 70 else 0
    inks = [_INDENT, Ink(fit(state.text, 10), state.style), Ink(fit(what, max(width // 3, 12)))]
    if bar_width and (bar := progress_bar(job.progress, bar_width)):
        inks += [Ink(" "), Ink(bar, "run")]
    inks.append(Ink(f"  {safe_line(job.telling(now))}", "muted"))
    took = duration(now - job.started_at) if job.started_at else f"queued {age(job.created_at, now)}"
    return split_row(inks, [Ink(f" {took}", "muted")], width)


def _recent(overview: Overview, now: float, width: int, room: int) -> list[Row]:
    if room < 2:
        return []
    rows = [heading("Runs", f"{overview.run_count:,}" if overview.run_count else "", width)]
    if not overview.runs:
        return [*rows, *_first_steps(overview, width)][:room]
    trend = overview.trend
    if trend is not None and room >= 4:
        rows.append(_trend_row(trend, width))
    rows += [_run_row(run, trend, now, width) for run in overview.runs[: room - len(rows)]]
    return rows


def _trend_row(trend: Trend, width: int) -> Row:
    run, value = trend.best or ("", trend.values[-1])
    best = f"best {number(value)} {cut(safe_line(run), 24)}" if trend.best else f"last {number(value)}"
    line = sparkline(trend.values, min(max(width - len(trend.metric) - len(best) - 8, 0), 40))
    return fit_row(
        [_INDENT, Ink(safe_line(trend.metric)), Ink("  "), Ink(line, "series-1"), Ink(f"  {best}", "strong")],
        width,
    )


def _run_row(run: Run, trend: Trend | None, now: float, width: int) -> Row:
    state = glyphs.state(run.status)
    summary = run.metrics.get(trend.metric) if trend else None
    is_best = summary is not None and trend is not None and trend.best is not None and summary.last == trend.best[1]
    figures = [
        Ink(fit(number(summary.last) if summary else "–", 9, "right"), "strong" if is_best else ""),
        Ink(fit(duration(run.duration(now)), 8, "right"), "muted"),
        Ink(fit(age(run.started_at or run.created_at, now), 9, "right"), "muted"),
    ]
    figures = [Ink(ink.text, ink.role or "text") for ink in figures]
    name = max(width - 42, 8)
    return split_row(
        [_INDENT, Ink(fit(state.text, 12), state.style), Ink(fit(safe_line(run.name), name))], figures, width
    )


def _first_steps(overview: Overview, width: int) -> list[Row]:
    if overview.read_only:
        return [fit_row([_INDENT, Ink("No run yet.", "strong")], width)]
    pipeline = overview.pipelines[0] if overview.pipelines else None
    first = (
        [Ink("Press "), Ink("t", "accent"), Ink(f" to train: it runs the pipeline {safe_line(pipeline)}.")]
        if pipeline
        else [Ink("Add a pipeline to mlops.toml, then press "), Ink("t", "accent"), Ink(" to train it.")]
    )
    return [
        fit_row([_INDENT, Ink("No run yet.", "strong")], width),
        fit_row([_INDENT, *first], width),
        fit_row([_INDENT, Ink("Or log one from any script:", "muted")], width),
        fit_row([_INDENT, Ink("  with mlops_console.start_run() as run: run.log({...})", "muted")], width),
    ]
