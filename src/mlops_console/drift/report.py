"""A drift report: what an environment has answered lately, beside the data its model was trained on."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlops_console.core.config import Monitor
from mlops_console.core.deployments import Revision, RevisionState
from mlops_console.core.drift import LEAST_ROWS, Against, DriftReport, DriftSettings, FeatureDrift, SliceDrift
from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.core.models import ModelRef, ModelVersion, Signature
from mlops_console.core.performance import Performance
from mlops_console.core.profiles import FeatureCounts, WindowCounts
from mlops_console.core.slices import Slice, parse_slice
from mlops_console.core.text import safe_line
from mlops_console.core.windows import Window
from mlops_console.drift.environments import require_environment
from mlops_console.drift.features import compare, compare_counts
from mlops_console.drift.live.rows import LiveRows, to_array
from mlops_console.drift.live.traffic import Counted, Traffic
from mlops_console.drift.performance.error_drift import error_drift
from mlops_console.drift.performance.measure import measure, remarks
from mlops_console.drift.profiles import read_profile
from mlops_console.drift.slicing import check_slices, slice_drift
from mlops_console.drift.statistics.together import compare_together
from mlops_console.drift.verdicts import LEVEL_OF_COLUMNS, LEVEL_OF_ERROR, LEVEL_OF_TOGETHER, part_of
from mlops_console.store import deployments, models
from mlops_console.store.predictions import PredictionLog
from mlops_console.store.workspace import Workspace

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LATE = 60.0  # seconds that a row may be from after the end of a window: it was answered while the window was read
_SAMPLED = 2_000  # rows of the log that are read to compare all columns at once, where nothing else needs them


def live_version(workspace: Workspace, environment: str) -> tuple[Revision, ModelVersion]:
    """What is live in an environment, and can be compared with its reference data.

    Raises:
        NotFoundError: there is no such environment, or nothing is live there.
        UsageError: the live version has no reference data.
    """
    with workspace.store.read() as db:
        revisions = deployments.revisions(db, environment)
        live = next((r for r in revisions if r.state is RevisionState.LIVE), None)
        if live is None:
            require_environment(workspace, environment)
            raise NotFoundError(
                f"Nothing is live in {environment!r}, so there is no traffic to check.",
                f"'mlops-console deploy MODEL {environment}' makes a version serve there.",
            )
        version = models.get(db, ModelRef(live.model, live.version))
    if version.reference is None and version.profile is None:
        raise UsageError(
            f"{version.ref} has no reference data to compare its traffic with.",
            "Call run.log_dataset('train', frame) before run.log_model in the training script.",
        )
    return live, version


def make_report(
    workspace: Workspace,
    environment: str,
    window: Window,
    monitor: Monitor,
    now: float,
    against: Against = "reference",
) -> DriftReport:
    """Compare the newest traffic of an environment with what its version was trained on. Stores nothing.

    What its servers have counted is compared; where they have not counted all of the window, what the prediction log
    has. Against the reference a report also tells of the performance, the error, the slices and all columns at once.

    Args:
        window: how much of the traffic: the newest seconds, or the newest rows.
        monitor: how the verdict is made.
        now: end of the window, seconds since the epoch.
        against: what the window is compared with: the training data, the window before it, or that of a week before.

    Raises:
        NotFoundError, UsageError: see `live_version`.
        StoreError: the reference data are missing or damaged, or the prediction log can't be read.
    """
    traffic = _traffic(workspace, environment, monitor)
    live, version = traffic.live, traffic.version
    current = traffic.newest(window, now)
    if against == "reference":
        found = _Beside(traffic, current, monitor).found()
    else:
        found = _beside_before(traffic, current, window, monitor.settings, against)
    return DriftReport(
        environment=environment,
        model=version.model,
        version=version.version,
        revision=live.revision,
        window_start=current.span.start,
        window_end=current.span.end,
        rows=current.counts.rows,
        reference_rows=found.reference_rows,
        level=monitor.level,
        drifted=any(feature.drifted for feature in found.features),
        created_at=now,
        features=tuple(sorted(found.features, key=lambda feature: not feature.drifted)),  # else in the order they are
        against=against,
        least_effect=monitor.effect,
        performance=found.performance,
        slices=found.slices,
        notes=(*_of_window(traffic, current, window, now), *found.notes),
    )


def _traffic(workspace: Workspace, environment: str, monitor: Monitor) -> Traffic:
    live, version = live_version(workspace, environment)
    with workspace.store.read() as db:
        known = deployments.environment(db, environment)
    assert known is not None, "something is live there"
    return Traffic(
        workspace,
        PredictionLog(workspace.predictions_path),
        live,
        version,
        read_profile(workspace.objects, version),
        monitor.rows,
        frozenset(known.settings.private),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """What came of a comparison."""

    features: tuple[FeatureDrift, ...]
    reference_rows: int
    performance: Performance | None = None
    slices: tuple[SliceDrift, ...] = ()
    notes: tuple[str, ...] = ()


class _Beside:
    """A window beside the reference of its version. What takes long is read once, and only where it is needed."""

    def __init__(self, traffic: Traffic, current: Counted, monitor: Monitor) -> None:
        self._traffic = traffic
        self._current = current
        self._settings = monitor.settings
        self._signature = traffic.version.signature
        self._held_out = traffic.profile.held_out
        self._slices, self._refused = _usable(monitor, self._signature)
        span = current.span
        self._labelled = traffic.log.count_labelled(traffic.live.environment, span.start, span.end)
        self._is_measured = self._held_out is not None or self._labelled > 0

    def found(self) -> _Found:
        features = self._features()
        if self._labelled:
            error = error_drift(self._signature, self._held_out, self._rows, part_of(self._settings, LEVEL_OF_ERROR))
            features = features if error is None else (*features, error)
        if not any(feature.drifted for feature in features):
            together = compare_together(
                self._reference, self._some_rows(), self._signature.inputs, part_of(self._settings, LEVEL_OF_TOGETHER)
            )
            features = features if together is None else (*features, together)
        return _Found(features, self._traffic.profile.rows, self._performance(), self._parts(), tuple(self._notes()))

    def _features(self) -> tuple[FeatureDrift, ...]:
        settings = part_of(self._settings, LEVEL_OF_COLUMNS)
        if settings.profile == "calibrated":
            return compare_counts(self._traffic.profile, self._current.counts, settings)
        importance = {f.name: f.importance for f in self._traffic.profile.features if f.importance is not None}
        return compare(self._reference, self._inputs, self._signature.inputs, settings, importance)

    def _performance(self) -> Performance | None:
        return measure(self._signature, self._held_out, self._rows, self._slices) if self._is_measured else None

    def _parts(self) -> tuple[SliceDrift, ...]:
        if not self._slices:
            return ()
        rows = replace(self._rows, inputs=self._inputs)
        return slice_drift(self._reference, rows, self._signature.inputs, self._settings, self._slices)

    def _notes(self) -> Iterator[str]:
        version = self._traffic.version
        if version.profile is None:
            yield f"{version.ref} was stored without a reference profile; one was made of its stored sample."
        yield from self._refused
        if self._is_measured:
            yield from remarks(self._signature, self._rows)

    def _some_rows(self) -> "Mapping[str, NDArray[Any]]":
        """Those of the prediction log; where it keeps none, the few that its servers have kept with their counts."""
        return self._inputs if self._rows.rows >= LEAST_ROWS else self._arrays(self._current.counts.sample)

    def _arrays(self, sample: Mapping[str, Sequence[Any]]) -> "Mapping[str, NDArray[Any]]":
        kinds = {column.name: column.kind for column in self._signature.inputs}
        return {name: to_array(values, numeric=kinds[name] == "numeric") for name, values in sample.items()}

    @property
    def _inputs(self) -> "Mapping[str, NDArray[Any]]":
        return self._traffic.public(self._rows)

    @cached_property
    def _rows(self) -> LiveRows:
        if self._current.rows is not None:
            return self._current.rows
        all_of_them = self._is_measured or self._slices or self._settings.profile == "evidently"
        traffic = self._traffic if all_of_them else replace(self._traffic, most=min(_SAMPLED, self._traffic.most))
        return traffic.rows_of(traffic.live, self._current.counted_span)

    @cached_property
    def _reference(self) -> "Mapping[str, NDArray[Any]]":
        """Raw rows of the training data: the stored sample, or the few that are in the profile."""
        version = self._traffic.version
        if version.reference is not None:
            from mlops_console.data.samples import read_sample

            return read_sample(self._traffic.workspace.objects, version.reference.sample)
        return self._arrays(self._traffic.profile.sample)


def _beside_before(
    traffic: Traffic, current: Counted, window: Window, settings: DriftSettings, against: Against
) -> _Found:
    """A window beside an earlier one."""
    what = "the window before it" if against == "previous" else "the window a week before"
    before = traffic.before(current, window, week=against == "last-week")
    if before is None:
        nothing = WindowCounts(
            0, {feature.name: FeatureCounts((0,) * len(feature.counts)) for feature in traffic.profile.features}
        )
        features = compare_counts(traffic.profile, current.counts, settings, nothing)
        return _Found(features, 0, notes=(f"Nothing was answered in {what}.",))
    profile = traffic.profile
    if not all(map(traffic.is_of_version, before.revisions)):  # whose predictions mean something else
        profile = replace(profile, features=tuple(f for f in profile.features if f.role == "input"))
    names = ", ".join(f"{revision.revision} ({revision.model_ref})" for revision in before.revisions)
    note = f"{what[0].upper()}{what[1:]} has {before.counts.rows:,} rows, answered by revision {names}."
    if settings.profile == "calibrated":
        features = compare_counts(profile, current.counts, settings, before.counts)
    else:
        features = _raw_before(traffic, current, before, settings)
    return _Found(features, before.counts.rows, notes=(note,))


def _raw_before(
    traffic: Traffic, current: Counted, before: Counted, settings: DriftSettings
) -> tuple[FeatureDrift, ...]:
    import numpy as np

    now = traffic.public(current.rows or traffic.rows_of(traffic.live, current.counted_span))
    then = [traffic.public(traffic.rows_of(revision, before.span)) for revision in before.revisions]
    joined = {name: np.concatenate([part[name] for part in then]) for name in now}
    return compare(joined, now, traffic.version.signature.inputs, settings)


def _usable(monitor: Monitor, signature: Signature) -> tuple[list[Slice], list[str]]:
    """The slices that the model's rows can be cut into, and a sentence on each other one."""
    usable, refused = [], []
    for part in map(parse_slice, monitor.slices):
        try:
            check_slices([part], signature)
            usable.append(part)
        except UsageError as error:
            refused.append(error.message)
    return usable, refused


def _of_window(traffic: Traffic, current: Counted, window: Window, now: float) -> Iterator[str]:
    """What a reader has to know of the window."""
    live, log = traffic.live, traffic.log
    late = log.count(live.environment, now + _LATE, math.inf)
    if late:
        yield f"The clock has gone back: {late:,} rows are from after the end of the window, and are not compared."
    elif (live.live_at or live.created_at) > now:
        yield f"The clock has gone back: revision {live.revision} went live after the end of the window."
    if current.total > current.counts.rows:
        yield f"Of about {current.total:,} rows an even sample of {current.counts.rows:,} was compared."
    if window.rows is not None and current.counts.rows < window.rows and current.total < window.rows:
        yield f"The window has {current.counts.rows:,} of the {window.rows:,} rows that it is to have."
    private = sorted(traffic.private & {column.name for column in traffic.version.signature.inputs})
    if private and current.rows is not None:
        names = safe_line(", ".join(private), 200)
        yield f"Private columns are not in the prediction log, and are not compared: {names}."
