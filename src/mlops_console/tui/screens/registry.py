"""Where each view lives. It is imported when it is first visited."""

import importlib

from mlops_console.tui.screens.view import View

_VIEWS = {
    "overview": ("overview.view", "OverviewView"),
    "runs": ("runs.view", "RunsView"),
    "pipelines": ("pipelines.view", "PipelinesView"),
    "models": ("models.view", "ModelsView"),
    "deployments": ("deployments.view", "DeploymentsView"),
    "drift": ("drift.view", "DriftView"),
    "jobs": ("jobs.view", "JobsView"),
    "ledger": ("ledger.view", "LedgerView"),
    "datasets": ("datasets.view", "DatasetsView"),
    "triggers": ("triggers.view", "TriggersView"),
    "sweeps": ("sweeps.view", "SweepsView"),
    "alerts": ("alerts.view", "AlertsView"),
}


def make_view(name: str) -> View:
    """A new view of this name."""
    module, class_name = _VIEWS[name]
    view_class: type[View] = getattr(importlib.import_module(f"mlops_console.tui.screens.{module}"), class_name)
    return view_class()
