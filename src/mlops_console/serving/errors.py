"""What a model server answers when it can't answer."""

from mlops_console.core.errors import RequestError


class HttpError(RequestError):
    """A request that gets no prediction: an HTTP status and one sentence."""

    status = 400
    headers: tuple[tuple[bytes, bytes], ...] = ()


class WrongInputError(HttpError):
    """The body can be read, but its rows don't fit the model."""

    status = 422


class NoSuchModelError(HttpError):
    status = 404


class TooLargeError(HttpError):
    status = 413


class UnknownContentError(HttpError):
    """The body is of a type or charset that is not read here."""

    status = 415


class NotReadyError(HttpError):
    status = 503
    headers = ((b"retry-after", b"1"),)


class BusyError(HttpError):
    """Too many requests wait already."""

    status = 503
    headers = ((b"retry-after", b"1"),)


class UnableError(HttpError):
    """Something here is damaged or missing; the log says what."""

    status = 503


class TooLateError(HttpError):
    status = 504


class UnauthorizedError(HttpError):
    status = 401
    headers = ((b"www-authenticate", b"Bearer"),)


class WrongMethodError(HttpError):
    status = 405

    def __init__(self, message: str, allow: str) -> None:
        super().__init__(message)
        self.headers = ((b"allow", allow.encode()),)


class WrongPathError(HttpError):
    status = 404
