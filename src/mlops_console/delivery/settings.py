"""From an environment's table in mlops.toml to what a deployment settles."""

from mlops_console.core.config_values import percent, size
from mlops_console.core.deployments import LOOPBACK, RolloutPlan, ServerSettings, TargetSettings
from mlops_console.core.environments import EnvironmentConfig
from mlops_console.core.names import seconds


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
