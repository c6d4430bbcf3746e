"""How values are written for people, and how foreign text is made safe to show."""

import difflib
import json
import math
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
_LIMIT = 20_000


def safe_text(value: object, limit: int = _LIMIT) -> str:
    """`value` with every control, escape and bidi character made visible, cut to `limit` characters.

    The one border that text from the store, a file or the network crosses on its way to a terminal. Newline and
    tab stay. It is not markup-aware: hand the result to Rich or Textual as `Text` or `Content`, never as markup.
    """
    text = value if isinstance(value, str) else str(value)
    if len(text) > limit:
        text = f"{text[:limit]}… ({len(text) - limit:,} more characters)"
    return _UNSAFE.sub(_visible, text)


def safe_line(value: object, limit: int = _LIMIT) -> str:
    """`safe_text` on one line: newlines and tabs become visible too."""
    return safe_text(value, limit).replace("\n", "␤").replace("\t", "␉")


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else "�"


def shorten(text: str, width: int) -> str:
    """`text` cut in the middle to at most `width` characters, the cut shown as "…"."""
    if len(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    head = width // 2
    tail = width - 1 - head
    return text[:head] + "…" + (text[-tail:] if tail else "")


def number(value: float | None, digits: int = 4) -> str:
    """A figure with a sane precision: 0.9421, 12.3 M steps as 12,300,000, 1.2e-07; "–" for none."""
    if value is None:
        return "–"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "-∞")
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return f"{int(value):,}"
    size = abs(value)
    if size >= 1e6 or size < 1e-3:
        return f"{value:.{digits - 1}g}" if size >= 1e-12 else f"{value:.2g}"
    if size >= 100:
        return f"{value:,.{max(digits - 3, 1)}f}"
    return f"{value:.{digits}f}"


def duration(seconds: float | None) -> str:
    """0.4s, 42s, 3m12s, 1h05m, 2d4h; "–" for none."""
    if seconds is None:
        return "–"
    seconds = max(seconds, 0.0)
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3600}h"


def latency(seconds: float | None) -> str:
    """A short time of a machine: `0.84 ms`, `12 ms`, `1.2 s`."""
    if seconds is None:
        return "–"
    if seconds >= 1:
        return f"{seconds:.1f} s"
    milliseconds = 1000 * seconds
    return f"{milliseconds:.2f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"


def age(at: float | None, now: float | None = None) -> str:
    """How long ago: now, 42s ago, 5m ago, 3h ago, 2d ago; "–" for never."""
    if at is None:
        return "–"
    seconds = (time.time() if now is None else now) - at
    if seconds < 5:
        return "now"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit} ago"
    return f"{int(seconds)}s ago"


def clock(at: float | None) -> str:
    """The local time, to the second, as ISO writes it; "–" for none, and for one that no calendar has."""
    try:
        return "–" if at is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
    except (OverflowError, ValueError, OSError):
        return "–"


def size(count: int | None) -> str:
    """Bytes in powers of 1000: 812 B, 1.2 kB, 3.4 MB; "–" for none."""
    if count is None:
        return "–"
    if count < 1000:
        return f"{count} B"
    amount = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= 1000
        if amount < 1000 or unit == "TB":
            return f"{amount:.1f} {unit}"
    raise AssertionError("unreachable")


def param(value: Any) -> str:
    """A param's value as a person would write it: no quotes round a string, short floats, lists and tables as JSON."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list | tuple | Mapping):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`, did you mean 'fit'?` for the known name that is closest to a wrong one; "" if none is close."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean {close[0]!r}?" if close else ""
