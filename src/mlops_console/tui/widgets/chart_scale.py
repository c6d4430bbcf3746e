"""Scales of charts: bounds of data, ticks at round figures (1, 2, 5), and how they are written."""

import itertools
import math
import sys
import time
from collections.abc import Iterable, Sequence

_HUGE = sys.float_info.max
_EXACT = 2.0**52  # beyond it, neighbouring multiples of a step are no longer distinct floats
_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_TIME_STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)),
    *(_DAY * n for n in (1, 2, 7, 14, 30, 90, 180, 365)),
)


def bounds(values: Iterable[float], room: float | None = None) -> tuple[float, float] | None:
    """The least and the greatest finite value; None without any.

    Equal ones are widened by `room` to both sides, by default a tenth of the value.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return None
    low, high = min(finite), max(finite)
    if low < high:
        return low, high
    if room is None or low + room == low:
        room = abs(low) * 0.1 or 1.0
    return max(low - room, -_HUGE), min(high + room, _HUGE)


def position(value: float, low: float, high: float) -> float:
    """Where `value` lies between `low` and `high`: 0 to 1, clamped."""
    span = high - low
    if math.isinf(span):
        share = (value / 4 - low / 4) / (high / 4 - low / 4)
    elif span > 0:
        share = (value - low) / span
    else:
        share = 0.5
    return min(max(share, 0.0), 1.0)


def cell(value: float, low: float, high: float, count: int) -> int:
    """The index, 0 to `count` - 1, of the cell in which `value` lies."""
    return min(int(position(value, low, high) * (count - 1) + 0.5), max(count - 1, 0))


def ticks(low: float, high: float, most: int, whole: bool = False) -> tuple[float, ...]:
    """At most `most` + 1 round figures within [low, high]; `whole` keeps them integers."""
    if most < 1:
        return ()
    step = _round_step(high / most - low / most)
    if whole:
        step = max(step, 1.0)
    if step == 0 or math.isinf(step) or max(abs(low), abs(high)) / step > _EXACT:
        return (low,) if low == high else (low, high)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(-math.floor(math.log10(step)), 0)
    found = (round(index * step, min(digits, 300)) + 0.0 for index in range(first, last + 1))
    return tuple(min(max(value, low), high) for value in found)


def _round_step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is not below `least`."""
    if least <= 0 or math.isinf(least):
        return 0.0 if least <= 0 else math.inf
    exponent = math.floor(math.log10(least))
    if exponent < -300:
        return 0.0
    for factor in (1, 2, 5, 10):
        step = float(f"{factor}e{exponent}")
        if step >= least * (1 - 1e-9):
            return step
    return float(f"1e{exponent + 1}")


def tick_labels(values: Sequence[float]) -> tuple[str, ...]:
    """The ticks as people write them, with equal decimals and one unit: 0.90 0.95, 20k 40k, 1e-7."""
    if not values:
        return ()
    largest = max(abs(value) for value in values)
    gaps = [b - a for a, b in itertools.pairwise(values) if b > a]
    step = min(gaps) if gaps else (largest or 1.0)
    if largest == 0:
        return tuple("0" for _ in values)
    exponent = math.floor(math.log10(largest))
    if 4 <= exponent < 15 and (scaled := _with_unit(values, largest, step)):
        return scaled
    if -4 <= exponent < 15:
        decimals = _decimals(step)
        return tuple(f"{value:,.{min(decimals, 9)}f}" for value in values)
    digits = 6 if math.isinf(step) else min(max(exponent - math.floor(math.log10(step)), 0), 6)
    return tuple(_scientific(value, digits) for value in values)


def _with_unit(values: Sequence[float], largest: float, step: float) -> tuple[str, ...] | None:
    factor, unit = next((factor, unit) for factor, unit in _UNITS if largest >= factor)
    decimals = _decimals(step / factor)
    if decimals > 2:
        return None
    return tuple("0" if value == 0 else f"{value / factor:.{decimals}f}{unit}" for value in values)


def _scientific(value: float, digits: int) -> str:
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    return "0" if value == 0 else f"{mantissa}e{int(exponent)}"


def _decimals(step: float) -> int:
    """How many decimals tell multiples of `step` apart."""
    if step <= 0 or math.isinf(step):
        return 0
    decimals = max(-math.floor(math.log10(step) + 1e-9), 0)
    return decimals + (0 if decimals > 8 or _is_whole(step * 10**decimals) else 1)


def _is_whole(value: float) -> bool:
    return abs(value - round(value)) < 1e-6


def time_ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """At most about `most` + 1 round local times within [low, high]; seconds since the epoch."""
    if most < 1 or not _is_time(low) or not _is_time(high):
        return ()
    least = (high - low) / most
    step = next((step for step in _TIME_STEPS if step >= least), None)
    if step is None:
        return low, high
    offset = time.localtime(low).tm_gmtoff
    first, last = math.ceil((low + offset) / step), math.floor((high + offset) / step)
    return tuple(float(index * step - offset) for index in range(first, last + 1))


def elapsed_ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """At most about `most` + 1 round spans within [low, high]; seconds."""
    if most < 1 or high - low < 10 or not math.isfinite(high - low):
        return ticks(low, high, most)
    least = (high - low) / most
    step = next((step for step in _TIME_STEPS if step >= least), None)
    if step is None:
        return tuple(value * _DAY for value in ticks(low / _DAY, high / _DAY, most))
    return tuple(float(index * step) for index in range(math.ceil(low / step), math.floor(high / step) + 1))


def elapsed_labels(values: Sequence[float]) -> tuple[str, ...]:
    """Spans as people write them: 0s, 90s as 1m30s, 2h, 1d12h; below seconds 0.5s."""
    if all(value == math.floor(value) for value in values):
        return tuple(_span(int(value)) for value in values)
    return tuple(f"{label}s" for label in tick_labels(values))


def _span(seconds: int) -> str:
    left, parts = abs(seconds), []
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return ("-" if seconds < 0 else "") + ("".join(parts[:2]) or "0s")


def log_ticks(low: float, high: float, most: int) -> tuple[tuple[float, str], ...]:
    """Ticks of a logarithmic scale between two logarithms to base 10: where they are on it, and what they are called.

    Powers of ten, every one or every so many of them; within less than a few decades also their 2- and 5-fold, and
    within less than one round figures.
    """
    if most < 1:
        return ()
    powers = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    if len(powers) < 2:
        found = [value for value in ticks(_power(low), _power(high), most) if value > 0]
        labels = tick_labels(found)
        return tuple((min(max(math.log10(v), low), high), label) for v, label in zip(found, labels, strict=True))
    if 3 * len(powers) <= most + 1:
        finer = ((power, factor) for power in range(powers[0] - 1, powers[-1] + 1) for factor in (1, 2, 5))
        places = ((power + math.log10(factor), _power_label(power, factor)) for power, factor in finer)
        return tuple((place, label) for place, label in places if low <= place <= high)
    stride = -(-len(powers) // (most + 1))
    return tuple((min(max(power, low), high), _power_label(power)) for power in powers if power % stride == 0)


def _power(exponent: float) -> float:
    return 10.0**exponent if exponent < 308 else _HUGE


def _power_label(exponent: int, factor: int = 1) -> str:
    """A multiple of a power of ten: 0.001, 0.2, 1, 5,000, 10k, 1M, 1e-7."""
    if -4 <= exponent < 0:
        return f"{factor * 10.0**exponent:.{-exponent}f}"
    if 0 <= exponent < 4:
        return f"{factor * 10**exponent:,}"
    if 4 <= exponent < 15:
        size, unit = next((size, unit) for size, unit in _UNITS if 10**exponent >= size)
        return f"{factor * 10**exponent / size:,.0f}{unit}"
    return f"{factor}e{exponent}"


def time_labels(values: Sequence[float]) -> tuple[str, ...]:
    """Local times as short as their distance allows: 12:04:30, 12:04, 03 Mar, 2024-03."""
    if not values or not all(_is_time(value) for value in values):
        return tuple("" for _ in values)
    step = min((b - a for a, b in itertools.pairwise(values)), default=_MINUTE)
    form = "%H:%M:%S" if step < _MINUTE else "%H:%M" if step < _DAY else "%d %b" if step < 90 * _DAY else "%Y-%m"
    return tuple(time.strftime(form, time.localtime(value)) for value in values)


def _is_time(value: float) -> bool:
    """Within what `time.localtime` accepts everywhere: the years 1 to 9999, roughly."""
    return -6.2e10 < value < 2.5e11
