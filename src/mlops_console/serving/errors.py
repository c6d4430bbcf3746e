"""What a model server answers when it can't answer."""

from mlops_console.core.errors import RequestError


class HttpError(RequestError):
    """A request that gets no prediction: an HTTP status and one sentence."""

    status = 400


class WrongInputError(HttpError):
    """The body can be read, but its rows don't fit the model."""

    status = 422


class NoSuchModelError(HttpError):
    status = 404


class TooLargeError(HttpError):
    status = 413


class NotReadyError(HttpError):
    status = 503
