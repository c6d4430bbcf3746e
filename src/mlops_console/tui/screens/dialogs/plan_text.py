"""How a plan is written: first what decides, then the figures of the two sides.

A small terminal shows only the beginning: what changes, which gates stand against it, how it goes live, and why it is
wanted. Metrics, params and the gates that let it in come below.
"""

from collections.abc import Iterable, Sequence

from textual.content import Content

from mlops_console.core.plans import Change, Difference, GateResult, Plan, Step
from mlops_console.core.text import number, param, safe_line
from mlops_console.tui import glyphs
from mlops_console.tui.paint import line, styled
from mlops_console.tui.screens.dialogs.replay_text import replay_text
from mlops_console.tui.widgets.fit import cut

_MOST = 40  # cells of a name or a value


def plan_text(plan: Plan, reason: str | None = None) -> Content:
    """The whole plan as one text; `reason` is why somebody wants it, "" where nobody has said it yet.

    None: it is not asked for.
    """
    failed, passed = _parted(plan.gates)
    blocks = [
        _refusal(plan.refused_briefly or plan.refused, plan.hint) if plan.refused else None,
        _changes(plan.changes),
        _verdict(failed, passed),
        Content("\n").join(line(("· ", "muted"), note) for note in plan.notes) if plan.notes else None,
        _reason(reason) if reason is not None else None,
        _steps(plan.steps),
        _differences("Metrics", plan.metrics),
        _differences("Params", plan.params),
        Content("\n").join([styled("Gates passed", "strong"), *_gates(passed)]) if passed else None,
        replay_text(plan.replay) if plan.replay else None,
        line(("$ ", "muted"), (plan.command, "accent")) if plan.command else None,
    ]
    return Content("\n\n").join(block for block in blocks if block is not None)


def _refusal(reason: str, hint: str) -> Content:
    refused = glyphs.state("refused")
    told = line((f"{refused.text}  ", "bad"), (reason, "strong"))
    return Content("\n").join([told, line(hint)]) if hint else told


def _changes(changes: Sequence[Change]) -> Content | None:
    if not changes:
        return None
    name = _width(change.what for change in changes)
    before = _width(change.before or "–" for change in changes)
    return Content("\n").join(
        line(
            (_padded(change.what, name), "muted"),
            "  ",
            (_padded(change.before or "–", before), "muted"),
            ("  →  ", "accent"),
            (safe_line(change.after or "–"), "strong"),
        )
        for change in changes
    )


def _steps(steps: Sequence[Step]) -> Content | None:
    if not steps:
        return None
    name = _width(step.stage for step in steps)
    lines = [styled("Stages", "strong")]
    for step in steps:
        state = glyphs.STEPS[step.runs]
        lines.append(
            line((f"{state.glyph} {_padded(step.stage, name)}  {state.word:<7}  ", state.style), safe_line(step.why))
        )
    return Content("\n").join(lines)


def _differences(title: str, differences: Sequence[Difference]) -> Content | None:
    if not differences:
        return None
    befores = _aligned([_figure(d.before) for d in differences])
    afters = _aligned([_figure(d.after) for d in differences])
    name = _width(d.name for d in differences)
    lines = [styled(title, "strong")]
    for difference, before, after in zip(differences, befores, afters, strict=True):
        lines.append(
            line(
                (_padded(difference.name, name), "muted"),
                f"  {before}",
                ("  →  ", "muted"),
                (after, "" if difference.same else "strong"),
                _judged(difference),
            )
        )
    return Content("\n").join(lines)


def _judged(difference: Difference) -> Content:
    before, after = difference.before, difference.after
    if before is None or after is None or isinstance(before, str) or isinstance(after, str):
        return Content("")
    change = 0 if difference.same else after - before
    text = f"  {'+' if change > 0 else ''}{number(change)}" if change else "  ="
    if difference.better is None or not change:
        return styled(text, "muted")
    state = glyphs.BETTER if difference.better else glyphs.WORSE
    return line((f"{text}  {state.text}", state.style))


def _parted(gates: Sequence[GateResult]) -> tuple[list[GateResult], list[GateResult]]:
    return [gate for gate in gates if not gate.passed], [gate for gate in gates if gate.passed]


def _verdict(failed: Sequence[GateResult], passed: Sequence[GateResult]) -> Content | None:
    """How many gates let it in, or which don't, whole: nothing else of the dialogue tells them."""
    if not failed and not passed:
        return None
    state = glyphs.NOT_PASSED if failed else glyphs.PASSED
    told = f"{state.glyph} {len(failed or passed)} of {len(failed) + len(passed)} {state.word}"
    return Content("\n").join([line(("Gates  ", "strong"), (told, state.style)), *_gates(failed)])


def _gates(gates: Sequence[GateResult]) -> list[Content]:
    name = _width(gate.gate for gate in gates)
    rows = []
    for gate in gates:
        state = glyphs.PASSED if gate.passed else glyphs.NOT_PASSED
        rows.append(
            line((f"{state.glyph} ", state.style), f"{safe_line(gate.gate):<{name}}  ", (gate.figure, "strong"))
        )
    return rows


def _reason(reason: str) -> Content:
    told = (safe_line(reason, 500), "strong") if reason else ("none yet: e gives one", "muted")
    return line(("reason  ", "muted"), told)


def _figure(value: float | str | None) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–" if value is None else cut(safe_line(param(value)), _MOST)
    return number(value)


def _aligned(texts: Sequence[str]) -> list[str]:
    """Figures under each other by their decimal point; where some are no figures, all begin at the left."""
    if not all(_is_number(text) or text == "–" for text in texts):
        width = max(len(text) for text in texts)
        return [text.ljust(width) for text in texts]
    tails = [len(text) - text.index(".") if "." in text else 0 for text in texts]
    longest = max(tails, default=0)
    padded = [text + " " * (longest - tail) for text, tail in zip(texts, tails, strict=True)]
    width = max((len(text) for text in padded), default=0)
    return [text.rjust(width) for text in padded]


def _is_number(text: str) -> bool:
    return text.strip("-").replace(",", "").replace(".", "", 1).isdigit()


def _padded(text: str, width: int) -> str:
    return cut(safe_line(text), width).ljust(width)


def _width(texts: Iterable[str]) -> int:  # of the widest, at most _MOST
    return min(max((len(safe_line(text)) for text in texts), default=0), _MOST)
