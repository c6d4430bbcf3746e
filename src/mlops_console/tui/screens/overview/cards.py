"""One environment as a card: what is live, since when, by whom, its health, traffic and drift."""

from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.drift import DriftReport
from mlops_console.core.text import age, safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.screens.overview.reading import TREND_MINUTES, Card
from mlops_console.tui.widgets.chart_paint import Ink, Row, fit, fit_row, split_row
from mlops_console.tui.widgets.sparkline import sparkline

_UNSETTLED = (RevisionState.LOADING, RevisionState.WAITING, RevisionState.FAILED)


def card_rows(card: Card, selected: bool, has_models: bool, now: float, width: int) -> list[Row]:
    """Six rows of `width` cells; the selected card is the one that keys act on."""
    bar = Ink("▌ " if selected else "│ ", "accent" if selected else "axis")
    lines = _live(card, now, width - 2) if card.live else _nothing_live(card, has_models)
    return [_title(card, selected, width), *(fit_row([bar, *line], width) for line in lines)]


def card_line(card: Card, selected: bool, names: int, now: float, width: int) -> Row:
    """The same in one row: name (in `names` cells), what is live, health, and drift where there is any."""
    health = glyphs.state(card.environment.health)
    inks = [
        Ink("▌ " if selected else "│ ", "accent" if selected else "axis"),
        Ink(fit(safe_line(card.environment.name), names), "strong" if selected else "text"),
    ]
    change = _change(card)
    if card.live is None:
        return fit_row([*inks, Ink("  "), *(change or [Ink("nothing is deployed", "muted")])], width)
    inks += [
        Ink(f"  {safe_line(card.live.model_ref)} r{card.live.revision} "),
        Ink(f" {health.text} ", health.style),
    ]
    if card.report is not None:
        drifted = glyphs.state(card.report.verdict)
        inks.append(Ink(f" {drifted.text}", drifted.style))
    if change:
        return fit_row([*inks, Ink("  "), *change], width)
    return fit_row([*inks, Ink(f"  {card.per_minute:,}/min  {age(card.live.live_at, now)}", "muted")], width)


def _title(card: Card, selected: bool, width: int) -> Row:
    health = glyphs.state(card.environment.health)
    name = safe_line(card.environment.name)
    left = [Ink(f"{name} ", "strong"), Ink("─" * width, "axis")]
    row = split_row(left, [Ink(f" {health.text}", health.style)], width)
    return tuple(Ink(ink.text.replace("…", "─") if ink.role == "axis" else ink.text, ink.role) for ink in row)


def _live(card: Card, now: float, width: int) -> list[list[Ink]]:
    live = card.live
    if live is None:
        raise AssertionError("a card of something live")
    restored = f" to {live.restores}" if live.restores else ""
    since = live.live_at or live.created_at
    return [
        [
            Ink(safe_line(live.model_ref), "strong"),
            Ink(f"  revision {live.revision}", "text"),
            Ink(f"  {safe_line(live.kind)}{restored}", "muted"),
        ],
        [Ink("since "), Ink(age(since, now)), Ink(f" by {safe_line(live.actor)}", "muted"), *_reason(live)],
        _server(card),
        _traffic(card, width),
        _drift(card.report, now),
    ]


def _reason(live: Revision) -> list[Ink]:
    return [Ink(f": {safe_line(live.reason)}", "muted")] if live.reason else []


def _server(card: Card) -> list[Ink]:
    if change := _change(card):
        return change
    environment = card.environment
    if environment.error:
        return [Ink(safe_line(environment.error, 300), "bad")]
    return [Ink(environment.url, "muted")]


def _change(card: Card) -> list[Ink]:
    """The newest revision where it is not the live one: it loads, waits or has failed; else nothing."""
    newest = card.newest
    if newest is None or newest.state not in _UNSETTLED:
        return []
    state = glyphs.state(newest.state)
    told = [Ink(f"{state.text} ", state.style), Ink(f"{safe_line(newest.model_ref)} r{newest.revision}")]
    return [*told, Ink(f": {safe_line(newest.error, 300)}", "muted")] if newest.error else told


def _traffic(card: Card, width: int) -> list[Ink]:
    if not card.traffic:
        return [Ink(f"no traffic in the last {TREND_MINUTES} minutes", "muted")]
    figure, unit = f"{card.per_minute:,} ", "predictions/min  "
    room = max(width - len(figure) - len(unit), 0)
    line = sparkline(card.traffic[-room:] if room else (), room, low=0)
    return [Ink(figure), Ink(unit, "muted"), Ink(line, "series-1")]


def _drift(report: DriftReport | None, now: float) -> list[Ink]:
    if report is None:
        return [Ink("– drift not checked yet  ", "muted"), Ink("6", "accent"), Ink(" look", "muted")]
    names = report.drifted_features
    state = glyphs.state(report.verdict)
    when = Ink(f"  {age(report.created_at, now)}", "muted")
    if why := report.untested_because:
        return [Ink(state.text, state.style), Ink(f" {why}"), when]
    if not names:
        return [Ink(state.text, state.style), Ink(f" {len(report.features)} features"), when]
    some = f" {len(names)} of {len(report.features)}: {', '.join(map(safe_line, names))}"
    return [Ink(state.text, state.style), when, Ink(some)]


def _nothing_live(card: Card, has_models: bool) -> list[list[Ink]]:
    key, what = ("d", "deploys a version") if has_models else ("t", "trains a model to deploy")
    lines = [
        _change(card) or [Ink("nothing is deployed", "muted")],
        [Ink(card.environment.url, "muted")],
        [Ink(key, "accent"), Ink(f" {what}", "muted")],
    ]
    return [*lines, [], []]
