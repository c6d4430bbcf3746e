"""One environment as a card: what is live, since when, by whom, its health, traffic and drift, and what is coming."""

from rich.cells import cell_len

from mlops_console.core.deployments import Environment, Revision, RevisionState
from mlops_console.core.drift import DriftReport, effect_text
from mlops_console.core.text import age, duration, latency, safe_line
from mlops_console.core.traffic import Traffic
from mlops_console.drift.wording import sentence
from mlops_console.tui import glyphs
from mlops_console.tui.drift_words import drifted
from mlops_console.tui.screens.overview.reading import TREND_MINUTES, Card
from mlops_console.tui.widgets.chart_paint import Ink, Row, fit, fit_row, split_row
from mlops_console.tui.widgets.sparkline import sparkline

_NOTES = 3  # lines at most for what is special
_PLAIN = 6  # lines of a card with nothing special
_AIRY = 39  # cells that the longest figures of the last minute need, spelled out
_UNDONE = (RevisionState.FAILED, RevisionState.ABORTED, RevisionState.PLANNED)


def card_height(card: Card) -> int:
    """How many rows `card_rows` gives."""
    return _PLAIN + len(_notes(card, 0.0))


def card_rows(card: Card, selected: bool, has_models: bool, now: float, width: int) -> list[Row]:
    """Rows of `width` cells; the selected card is the one that keys act on."""
    bar = Ink("▌ " if selected else "│ ", "accent" if selected else "axis")
    lines = _live(card, card.live, now, width - 2) if card.live else _nothing_live(card, has_models, now)
    return [_title(card, selected, width), *(fit_row([bar, *line], width) for line in lines)]


def card_line(card: Card, selected: bool, names: int, now: float, width: int) -> Row:
    """The same in one row: name (in `names` cells), what is live, health, and what matters most besides."""
    health = glyphs.state(card.environment.health)
    inks = [
        Ink("▌ " if selected else "│ ", "accent" if selected else "axis"),
        Ink(fit(safe_line(card.environment.name), names), "strong" if selected else "text"),
    ]
    frozen = [Ink(f"  {glyphs.FROZEN.text}", glyphs.FROZEN.style)] if card.environment.freeze else []
    notes = _coming_notes(card, now)
    if card.canary is not None:
        notes = [[*notes[0], Ink("  "), *notes[1]]]
    if card.live is None:
        return fit_row([*inks, Ink("  "), *(notes[0] if notes else [Ink("nothing is deployed", "muted")])], width)
    inks += [
        Ink(f"  {safe_line(card.live.model_ref)} r{card.live.revision} "),
        Ink(f" {health.text} ", health.style),
    ]
    if card.report is not None:
        verdict = glyphs.state(card.report.verdict)
        inks.append(Ink(f" {verdict.text}", verdict.style))
    if card.recent is not None and card.recent.traffic.errors:
        inks.append(Ink(f"  err {errors(card.recent.traffic)}", "bad"))
    if notes:
        return fit_row([*inks, *frozen, Ink("  "), *notes[0]], width)
    return fit_row([*inks, *frozen, Ink(f"  {_rate(card)}  "), Ink(age(card.live.live_at, now), "muted")], width)


def _title(card: Card, selected: bool, width: int) -> Row:
    health = glyphs.state(card.environment.health)
    name = safe_line(card.environment.name)
    left = [Ink(f"{name} ", "strong"), Ink("─" * width, "axis")]
    row = split_row(left, [Ink(f" {health.text}{_how_many(card.environment)}", health.style)], width)
    return tuple(Ink(ink.text.replace("…", "─") if ink.role == "axis" else ink.text, ink.role) for ink in row)


def _how_many(environment: Environment) -> str:
    """Of several processes, how many are ready."""
    wanted = max(environment.settings.workers, len(environment.processes))
    return f" {len(environment.ready)} of {wanted}" if wanted > 1 and environment.processes else ""


def _live(card: Card, live: Revision, now: float, width: int) -> list[list[Ink]]:
    restored = f" to {live.restores}" if live.restores else ""
    glass = [Ink(f"  {glyphs.GLASS.text}", glyphs.GLASS.style)] if live.break_glass is not None else []
    form = [Ink(f"  {card.form[0]}", "muted")] if card.form else []
    since = live.live_at or live.created_at
    return [
        [
            Ink(safe_line(live.model_ref), "strong"),
            Ink(f"  revision {live.revision}", "text"),
            *glass,
            Ink(f"  {safe_line(live.kind)}{restored}", "muted"),
            *form,
        ],
        [Ink("since "), Ink(age(since, now)), Ink(f" by {safe_line(live.actor)}", "muted"), *_reason(live)],
        *_notes(card, now),
        _traffic(card, width),
        _speed(card, width),
        _drift(card.report, now, width),
    ]


def _reason(live: Revision) -> list[Ink]:
    return [Ink(f": {safe_line(live.reason)}", "muted")] if live.reason else []


# What is special


def _notes(card: Card, now: float) -> list[list[Ink]]:
    """What a person should know of besides what is live."""
    freeze, notes = card.environment.freeze, []
    if freeze is not None:
        what = Ink(f"{glyphs.FROZEN.text} ", glyphs.FROZEN.style)
        notes.append([what, Ink(f"by {safe_line(freeze.actor)}: {safe_line(freeze.reason, 300)}", "muted")])
    return [*notes, *_coming_notes(card, now)][:_NOTES]


def _coming_notes(card: Card, now: float) -> list[list[Ink]]:
    """What is on its way, what waits, and what has failed."""
    environment, notes = card.environment, []
    if environment.candidate is not None:
        notes += _coming(card, environment.candidate, now)
    for waiting in card.waiting:
        count = f"  {waiting.given}/{waiting.revision.approvals}  "
        notes.append([*_told(waiting.revision), Ink(count), Ink("A", "accent"), Ink(" approve", "muted")])
    newest = card.newest
    if newest is not None and newest.state in _UNDONE and environment.candidate is None:
        why = [Ink(f": {safe_line(newest.error, 300)}", "muted")] if newest.error else []
        notes.append([*_told(newest), *why])
    elif environment.error:
        notes.append([Ink(safe_line(environment.error, 300), "bad")])
    return notes


def _told(revision: Revision) -> list[Ink]:
    state = glyphs.revision_state(revision)
    return [Ink(f"{state.text} ", state.style), Ink(f"{safe_line(revision.model_ref)} r{revision.revision}")]


def _coming(card: Card, candidate: Revision, now: float) -> list[list[Ink]]:
    """The candidate's state, and how a canary stands."""
    if card.canary is None:
        return [_told(candidate)]
    plan = candidate.rollout
    step = f"step {(candidate.step or 0) + 1}/{len(plan.steps)}" if plan.strategy == "canary" else ""
    seen, live = card.canary.canary, card.canary.live
    notes = [_told(candidate), _progress(candidate, seen, step, now)]
    if seen.requests:
        ours = Ink(f"err {errors(seen)} {latency(seen.quantile(0.5))}")
        notes.append([ours, Ink(f" live {errors(live)} {latency(live.quantile(0.5))}", "muted")])
    return notes


def _progress(candidate: Revision, seen: Traffic, step: str, now: float) -> list[Ink]:
    """How far its step is, or that only requests are missing."""
    plan = candidate.rollout
    held = max(now - (candidate.step_at or now), 0.0)
    lacks = seen.requests < plan.min_requests
    if lacks and (held >= plan.hold or not seen.requests):
        return [
            Ink(f"waits for requests: {seen.requests:,}/{plan.min_requests:,}", "warn"),
            Ink(f" {step}", "muted"),
        ]
    wants = f"/{plan.min_requests:,}" if lacks else ""
    figures = f"{duration(min(held, plan.hold))}/{duration(plan.hold)}  {seen.requests:,}{wants} req"
    return [Ink(f"{step}  " if step else "", "muted"), Ink(figures)]


# Figures


def errors(traffic: Traffic) -> str:
    """The share of answers that were errors; "–" without any."""
    return f"{traffic.error_rate:.1%}" if traffic.requests else "–"


def _rate(card: Card) -> str:
    if card.recent is None:
        return "– req/s"
    rate = card.recent.per_second
    return f"{rate:,.0f} req/s" if rate >= 10 else f"{max(rate, 0.1):.1f} req/s"


def _traffic(card: Card, width: int) -> list[Ink]:
    if not any(card.traffic) and card.recent is None:
        return [Ink(f"– no traffic in the last {TREND_MINUTES} minutes", "muted")]
    figure = f"{_rate(card)}  "
    room = max(width - len(figure), 0)
    line = sparkline(card.traffic[-room:] if room else (), room, low=0)
    return [Ink(figure), Ink(line, "series-1")]


def _speed(card: Card, width: int) -> list[Ink]:
    """Of the last minute; closer together where there is little room."""
    seen = card.recent.traffic if card.recent else Traffic()
    failing = "bad" if seen.errors else "text"
    gap, word = ("  ", "errors") if width >= _AIRY else (" ", "err")
    return [
        Ink("p50 ", "muted"), Ink(latency(seen.quantile(0.5))),
        Ink(f"{gap}p95 ", "muted"), Ink(latency(seen.quantile(0.95))),
        Ink(f"{gap}{word} ", "muted"), Ink(errors(seen), failing),
    ]  # fmt: skip


def _drift(report: DriftReport | None, now: float, width: int) -> list[Ink]:
    """The verdict, and as much as there is room for: the sentence of the report, what has moved, the worst of it."""
    if report is None:
        return [Ink("– drift not checked yet  ", "muted"), Ink("6", "accent"), Ink(" look", "muted")]
    state = glyphs.state(report.verdict)
    ends = [Ink(state.text, state.style), Ink(f"  {age(report.created_at, now)}", "muted")]
    room = width - sum(cell_len(ink.text) for ink in ends) - 1
    said = next((text for text in _sayings(report) if cell_len(text) <= room), _sayings(report)[-1])
    return [ends[0], Ink(f" {fit(said, min(room, cell_len(said)))}"), ends[1]]


def _sayings(report: DriftReport) -> list[str]:
    """The longest first."""
    found = drifted(report)
    if report.untested_because:
        return [report.untested_because]
    if not found:
        return [sentence(report), f"{len(report.features)} features"]
    names = [
        f"{safe_line(feature.name, 40)} {effect_text(feature.effect, feature.unit)}".rstrip(" –") for feature in found
    ]
    every = f"{len(found)} of {len(report.features)}: {', '.join(names)}"
    return [sentence(report), every, f"{names[0]}, {len(found) - 1} more", names[0]]


def _nothing_live(card: Card, has_models: bool, now: float) -> list[list[Ink]]:
    key, what = ("d", "deploys a version") if has_models else ("t", "trains a model to deploy")
    lines = [
        *_notes(card, now),
        [Ink("nothing is deployed", "muted")],
        [Ink(card.environment.url, "muted")],
        [Ink(key, "accent"), Ink(f" {what}", "muted")],
    ]
    return [*lines, [], []]
