"""Where alerts go. A URL may hold a token: what is shown or stored of it never does."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_UNSENDABLE = re.compile(r"[^!-~]")  # in the path or the query: they are to be quoted
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://.")


@dataclass(frozen=True, slots=True)
class Destination:
    """One URL of mlops.toml.

    Attributes:
        key: what the outbox calls it. It is made of `name` alone, so that it tells nothing of a token, and stays the
            same where a token is renewed.
        name: what may be shown: the scheme, and of a webhook the host; the second alike has `#2` behind it.
    """

    key: str
    name: str
    url: str = field(repr=False)

    @property
    def is_webhook(self) -> bool:
        return scheme(self.url) in ("http", "https")


def scheme(url: str) -> str:
    """`"https"`; "" for what is no URL."""
    match = _SCHEME.match(url)
    return match[1].lower() if match else ""


def is_url(url: str) -> bool:
    """Whether something can be sent to it, as far as can be seen: a webhook has a host, a port that there is, and
    behind them only what a request may hold."""
    found = scheme(url)
    if found not in ("http", "https"):
        return bool(found)
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0 and not _UNSENDABLE.search(parts.path + parts.query)
    except ValueError:
        return False


def masked(url: str) -> str:
    """`https://hooks.example.org/…`, `slack://…`: with Apprise even the host may be a token."""
    found = scheme(url)
    if found not in ("http", "https"):
        return f"{found}://…"
    try:
        parts = urlsplit(url)
        place = f"{parts.hostname or ''}:{parts.port}" if parts.port else parts.hostname or ""
    except ValueError:
        return f"{found}://…"
    return f"{found}://{place}/…"


def destinations(urls: Iterable[str]) -> tuple[Destination, ...]:
    """The destinations of mlops.toml, each once."""
    alike: Counter[str] = Counter()
    found = []
    for url in dict.fromkeys(urls):
        name = masked(url)
        alike[name] += 1
        if alike[name] > 1:
            name = f"{name}#{alike[name]}"
        found.append(Destination(hashlib.sha256(name.encode()).hexdigest()[:12], name, url))
    return tuple(found)
