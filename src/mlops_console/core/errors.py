"""Every error the product expects, as one tree.

MlopsError                    exit 1   something went wrong
  UsageError                  exit 2   what was asked makes no sense
    NotFoundError             exit 2   there is no such thing
    ConfigError               exit 2   mlops.toml or params.toml is wrong
    RequestError              exit 2   data sent to a model does not fit its signature
  RefusedError                exit 3   a gate, read-only mode or an approval stands in the way
  StoreError                  exit 1   the store can't be opened, read or written
  ModelError                  exit 1   a model file is damaged, not trusted or of the wrong kind
  JobError                    exit 1   a job or a stage failed
    JobStopped                exit 1   it gave up because a stop was asked for
"""


class MlopsError(Exception):
    """An expected error: `message` says what is wrong and where, `hint` what to do about it."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(MlopsError):
    exit_code = 2


class NotFoundError(UsageError):
    pass


class ConfigError(UsageError):
    pass


class RequestError(UsageError):
    pass


class RefusedError(MlopsError):
    exit_code = 3


class StoreError(MlopsError):
    pass


class ModelError(MlopsError):
    pass


class JobError(MlopsError):
    pass


class JobStopped(JobError):  # noqa: N818 - it tells of an order that was followed, not of an error
    pass
