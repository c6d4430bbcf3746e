"""The plain webhook: one signed POST of JSON, with nothing but the standard library.

A receiver checks that `X-Mlops-Signature` is `sha256=` and the HMAC-SHA256, in hexadecimal digits, of the timestamp in
`X-Mlops-Timestamp`, a full stop and the body, under the secret that both know; and that the timestamp is of just now.
"""

import base64
import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from mlops_console._version import __version__
from mlops_console.core.errors import MlopsError
from mlops_console.core.text import safe_line


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """`sha256=…` of a message that is sent at this time."""
    return "sha256=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def post(url: str, document: Mapping[str, Any], key: str, secret: bytes | None, timeout: float) -> None:
    """Deliver a document. A redirect is not followed: it is a failure, as every answer but 2xx.

    Args:
        key: tells the receiver which message this is, however often it comes.
        timeout: seconds for the connection, and for each part of the answer.

    Raises:
        MlopsError: why it could not be delivered, without the URL.
    """
    body = json.dumps(document).encode()  # in ASCII: half a surrogate pair is no UTF-8
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"mlops-console/{__version__}",
        "Idempotency-Key": key,
        "X-Mlops-Event": str(document["event"]),
        "X-Mlops-Timestamp": timestamp,
    }
    if secret is not None:
        headers["X-Mlops-Signature"] = signature(secret, timestamp, body)
    try:
        status = _post(url, body, headers, timeout)
    except TimeoutError:
        raise MlopsError(f"There was no answer within {timeout:g} s.") from None
    except OSError as error:
        raise MlopsError(f"It can't be reached: {safe_line(error.strerror or type(error).__name__, 200)}.") from None
    except http.client.InvalidURL:  # its text holds the URL
        raise MlopsError("Its URL is none.", "Mend it in mlops.toml.") from None
    except http.client.HTTPException as error:
        raise MlopsError(f"It does not answer in HTTP: {type(error).__name__}.") from None
    except ValueError:
        raise MlopsError("Its URL is none.", "Mend it in mlops.toml.") from None
    if 300 <= status < 400:
        raise MlopsError(f"It answered {status}: redirects are not followed.", "Give the address it leads to.")
    if not 200 <= status < 300:
        raise MlopsError(f"It answered {status}.")


def _post(url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> int:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme.lower() == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout)
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = {**headers, "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, body, dict(headers))
        return connection.getresponse().status  # of the rest nothing is read
    finally:
        connection.close()
