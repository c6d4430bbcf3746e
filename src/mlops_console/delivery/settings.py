"""From an environment's table in mlops.toml to what a deployment settles."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mlops_console.core.config_values import percent, size
from mlops_console.core.deployments import LOOPBACK, Environment, RolloutPlan, ServerSettings, TargetSettings
from mlops_console.core.environments import EnvironmentConfig
from mlops_console.core.moments import seconds
from mlops_console.store import deploying, ledger
from mlops_console.store.database import Connection


def rollout_plan(config: EnvironmentConfig) -> RolloutPlan:
    """How a deployment goes live."""
    rollout = config.rollout
    return RolloutPlan(
        config.strategy,
        tuple(percent(step) for step in rollout.steps),
        seconds(rollout.hold),
        rollout.sticky,
        rollout.min_requests,
        rollout.level,
        rollout.max_errors,
        rollout.max_latency,
        rollout.max_drift,
    )


def server_settings(config: EnvironmentConfig) -> ServerSettings:
    """What its servers are run with."""
    tls, log = config.tls, config.log
    return ServerSettings(
        config.workers,
        config.limits.queue,
        seconds(config.limits.deadline),
        size(config.limits.body),
        tls.certificate if tls else None,
        tls.key if tls else None,
        log.sample,
        seconds(log.keep),
        size(log.keep_size),
        log.private,
    )


def target_settings(config: EnvironmentConfig) -> TargetSettings | None:
    """The commands of its target; None where our own servers serve."""
    target = config.target
    if target is None:
        return None
    return TargetSettings(target.deploy, target.rollback, target.status, seconds(target.timeout), target.kind)


def bind_refused(name: str, config: EnvironmentConfig, has_token: bool) -> str | None:
    """Why our own servers may not listen there, as one sentence; None where they may."""
    if config.target is not None or config.host in LOOPBACK or has_token:
        return None
    return f"{name} would listen on {config.host}, where other machines can ask it without a token."


def settle(tx: Connection, name: str, config: EnvironmentConfig, known: Environment | None, actor: str) -> None:
    """What mlops.toml says of an environment holds from now on; the ledger tells all that is different, `null` before
    where it is the first that is known."""
    settings, target = server_settings(config), target_settings(config)
    deploying.ensure_environment(tx, name, config.model, config.host, config.port, settings, target)
    before = _told(known.model, known.host, known.port, known.settings, known.target) if known else {}
    after = _told(config.model, config.host, config.port, settings, target)
    changed = {key: [before.get(key), value] for key, value in after.items() if not known or before[key] != value}
    if changed:
        ledger.append(tx, actor, "settings", name, "changed", {"changed": changed})


def _told(
    model: str, host: str, port: int, settings: ServerSettings, target: TargetSettings | None
) -> Mapping[str, Any]:
    commands = asdict(target) if target else None
    own = {**asdict(settings), "private": list(settings.private)}
    return {"model": model, "host": host, "port": port, **own, "target": commands}
