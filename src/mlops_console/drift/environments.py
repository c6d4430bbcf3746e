"""The environments that drift can be asked of."""

from mlops_console.core.errors import ConfigError, NotFoundError
from mlops_console.core.text import did_you_mean, safe_line
from mlops_console.store import deployments
from mlops_console.store.workspace import Workspace


def require_environment(workspace: Workspace, environment: str) -> None:
    """Nothing, where mlops.toml has it, or it was ever deployed to, or mlops.toml can't tell.

    Raises:
        NotFoundError: there is no such environment. Of a number, which is rather that of a report, the hint says so.
    """
    with workspace.store.read() as db:
        known = [found.name for found in deployments.environments(db)]
    if environment in known:
        return
    try:
        known = list(dict.fromkeys([*workspace.config().environments, *known]))
    except ConfigError:
        return
    if environment in known:
        return
    hint = f"Known are: {', '.join(map(safe_line, known))}." if known else "Add one to mlops.toml: [environments.NAME]."
    if environment.isdecimal():
        hint = f"To see report {environment}: 'mlops-console drift show ENVIRONMENT --report {environment}'. {hint}"
    raise NotFoundError(f"There is no environment {environment!r}{did_you_mean(environment, known) or '.'}", hint)
