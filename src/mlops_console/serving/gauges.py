"""What a server does not count but knows from the store, as Prometheus' gauges: who serves, what drifts, what the model
is worth, and which alerts are open."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_console.core.alerts import Alert, Severity
from mlops_console.core.drift import DriftReport, FeatureDrift
from mlops_console.core.models import ModelVersion
from mlops_console.core.performance import Figure, Performance

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily, Metric

_UNITS = {"σ": "sigma", "share": "share"}  # as labels have them
_OF_EACH_ROW = ("input", "prediction")

Row = tuple[tuple[str, ...], float | None]  # the values of the labels, and that of the gauge; None for none


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """Of one environment; a collector of prometheus_client.

    Attributes:
        served: revision, share of the traffic and version of each that answers.
        report: the newest drift report.
        alerts: that are open; those about another environment are passed over. None where there is no store.
        window_rows: rows that the live window of a revision has so far.
    """

    environment: str
    served: Sequence[tuple[int, float, ModelVersion]]
    report: DriftReport | None = None
    alerts: Sequence[Alert] | None = None
    window_rows: Mapping[int, int] = field(default_factory=dict)

    def collect(self) -> Iterator["Metric"]:
        yield self._gauge(
            "mlops_model_share",
            "The share of the traffic that a version answers.",
            ("model", "version", "revision"),
            [((v.model, str(v.version), str(revision)), share) for revision, share, v in self.served],
        )
        yield self._gauge(
            "mlops_window_rows",
            "Rows that the live window has so far.",
            ("revision",),
            [((str(revision),), float(rows)) for revision, rows in self.window_rows.items()],
        )
        if self.alerts is not None:
            yield self._open_alerts(self.alerts)
        if self.report is not None:
            yield from self._drift(self.report)
        if self.report is not None and self.report.performance is not None:
            yield from self._performance(self.report.performance)

    def _open_alerts(self, alerts: Sequence[Alert]) -> "Metric":
        found = [alert.severity for alert in alerts if alert.environment in ("", self.environment)]
        return self._gauge(
            "mlops_alerts_open",
            "Alerts about the environment, or about none, that are not resolved.",
            ("severity",),
            [((severity.value,), float(found.count(severity))) for severity in Severity],
        )

    def _drift(self, report: DriftReport) -> Iterator["Metric"]:
        yield self._gauge(
            "mlops_drift_checked_timestamp_seconds", "When drift was checked last.", (), [((), report.created_at)]
        )
        yield self._gauge("mlops_drift_window_rows", "Rows that were checked then.", (), [((), float(report.rows))])
        labels = ("feature", "role")
        names = [((feature.name, feature.role), feature) for feature in report.features]
        yield self._gauge(
            "mlops_drift",
            "Whether a feature has drifted, by the newest report.",
            labels,
            [(key, float(feature.drifted)) for key, feature in names],
        )
        yield self._gauge(
            "mlops_drift_p_value",
            "The p-value of a feature's test, before the correction for several tests.",
            labels,
            [(key, feature.p_value) for key, feature in names],
        )
        units = [((*key, _UNITS[feature.unit]), feature) for key, feature in names]
        yield self._gauge(
            "mlops_drift_effect",
            "How far a feature has moved: standard deviations, or a share of the rows.",
            (*labels, "unit"),
            [(key, feature.effect) for key, feature in units],
        )
        yield self._gauge(
            "mlops_drift_threshold",
            "The effect from which it would have drifted.",
            (*labels, "unit"),
            [(key, feature.threshold) for key, feature in units],
        )
        yield self._gauge(
            "mlops_missing_ratio",
            "The share of the checked rows that have no value.",
            labels,
            [
                (key, _missing(feature, report.rows))
                for key, feature in names
                if feature.role in ("input", "prediction")
            ],
        )

    def _performance(self, performance: Performance) -> Iterator["Metric"]:
        labels = ("kind", "metric")
        kinds = (("estimated", performance.estimated), ("realised", performance.realised))
        figures = [((kind, figure.metric), figure) for kind, found in kinds for figure in found]
        reference = [(("reference", metric), value) for metric, value in performance.reference.items()]
        yield self._gauge(
            "mlops_performance",
            "What the model was worth in the newest report: estimated, realised, and on held-out rows of training.",
            labels,
            [*((key, figure.value) for key, figure in figures), *reference],
        )
        for side, help_text in (("low", "The lower end"), ("high", "The upper end")):
            yield self._gauge(
                f"mlops_performance_{side}",
                f"{help_text} of its interval of 95 %.",
                labels,
                [(key, _end(figure, side)) for key, figure in figures],
            )
        yield self._gauge(
            "mlops_labelled_ratio",
            "The share of the checked rows whose true label has come.",
            (),
            [((), performance.share_labelled)],
        )

    def _gauge(self, name: str, help_text: str, labels: tuple[str, ...], rows: Iterable[Row]) -> "GaugeMetricFamily":
        from prometheus_client.core import GaugeMetricFamily

        gauge = GaugeMetricFamily(name, help_text, labels=("environment", *labels))
        for values, value in rows:
            if value is not None:
                gauge.add_metric((self.environment, *values), value)
        return gauge


def _missing(feature: FeatureDrift, rows: int) -> float | None:
    return max(0.0, 1 - feature.m / rows) if rows else None


def _end(figure: Figure, side: str) -> float:
    return figure.low if side == "low" else figure.high
