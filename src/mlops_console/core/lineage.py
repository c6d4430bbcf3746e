"""Why something is live: the chain from a revision to the code and the data that its version was made of."""

from dataclasses import dataclass

from mlops_console.core.comparison import is_of_machine
from mlops_console.core.datasets import RunInput
from mlops_console.core.deployments import Approval, Revision, RevisionChange
from mlops_console.core.jobs import Job
from mlops_console.core.models import ModelVersion
from mlops_console.core.plans import GateResult
from mlops_console.core.runs import Artifact, Run, SeriesSummary


@dataclass(frozen=True, slots=True)
class Passage:
    """How a revision came in: its life, what its gates said, and who approved it.

    Attributes:
        job: that brought it on its way; of one that waited for approvals, the job that rolled it out.
    """

    revision: Revision
    changes: tuple[RevisionChange, ...]
    gates: tuple[GateResult, ...]
    approvals: tuple[Approval, ...]
    job: Job | None


@dataclass(frozen=True, slots=True)
class Lineage:
    """All that is known of why a revision serves what it serves.

    Attributes:
        passage: of the revision itself.
        origin: of a rollback: the deployment that first brought in what it goes back to, with the gates and approvals
            that let it in. None for a deployment.
        run: that made the version.
        patch: the artifacts of the run that tell what was not committed.
        inputs: the dataset versions that the run has read.
        training: the job that the run was made in.
        trigger: the name of the trigger that asked for the training, or else for the deployment.
        gaps: one sentence for each link of the chain that is missing, from the revision down.
    """

    environment: str
    passage: Passage
    origin: Passage | None
    version: ModelVersion
    run: Run | None
    patch: tuple[Artifact, ...]
    inputs: tuple[RunInput, ...]
    training: Job | None
    trigger: str | None
    gaps: tuple[str, ...]

    @property
    def revision(self) -> Revision:
        return self.passage.revision

    @property
    def admission(self) -> Passage:
        """The passage whose gates and approvals count: that of the deployment."""
        return self.origin or self.passage

    @property
    def metrics(self) -> tuple[SeriesSummary, ...]:
        """Those of the run by name, without those of its machine, which tell nothing of the version."""
        return _judging(self.run) if self.run else ()


def gaps(
    passage: Passage,
    origin: Passage | None,
    version: ModelVersion,
    run: Run | None,
    patch: tuple[Artifact, ...],
    inputs: tuple[RunInput, ...],
) -> tuple[str, ...]:
    """What is missing in a chain, one sentence each."""
    return (*_of_passage(passage, origin), *_of_version(version, run, patch, inputs))


def _of_passage(passage: Passage, origin: Passage | None) -> list[str]:
    found = []
    revision, admitted = passage.revision, origin or passage
    if revision.kind == "rollback" and origin is None:
        found.append(
            f"Revision {revision.revision} is a rollback, and the deployment that it goes back to is not known."
        )
    if not revision.reason and revision.break_glass is None:
        found.append(f"No reason was given for revision {revision.revision}.")
    if passage.job is None:
        found.append(f"Revision {revision.revision} was made by no job.")
    if admitted.revision.break_glass is not None:
        found.append(
            f"Glass was broken for revision {admitted.revision.revision}: its gates and approvals did not count."
        )
    needed = admitted.revision.approvals
    if needed and not admitted.approvals and admitted.revision.break_glass is None:
        found.append(f"Revision {admitted.revision.revision} has none of the {needed} approvals that it needs.")
    return found


def _of_version(
    version: ModelVersion, run: Run | None, patch: tuple[Artifact, ...], inputs: tuple[RunInput, ...]
) -> list[str]:
    if run is None:
        return [f"{version.ref} was made by no run: its params, its code and its data are not known."]
    found = []
    if not run.params:
        found.append(f"Run {run.name} has recorded no params.")
    if not _judging(run):
        found.append(f"Run {run.name} has recorded no metrics.")
    found += _of_code(run, {artifact.path for artifact in patch})
    if not inputs:
        found.append(f"Run {run.name} has recorded no dataset: what {version.ref} was trained on is not known.")
    return found


def _judging(run: Run) -> tuple[SeriesSummary, ...]:
    return tuple(found for name, found in sorted(run.metrics.items()) if not is_of_machine(name))


def _of_code(run: Run, kept: set[str]) -> list[str]:
    origin = run.provenance
    if origin.git_commit is None:
        return [f"Run {run.name} was not started from a commit: its code is not known."]
    if origin.git_dirty is None:
        return [f"Whether the tree of run {run.name} had changes that were not committed is not known."]
    if not origin.git_dirty:
        return []
    found = []
    if "git/dirty.txt" in kept:
        found.append(f"The changes of run {run.name} that were not committed were too large: only their list is kept.")
    elif not kept:
        found.append(f"The changes of run {run.name} that were not committed were not kept.")
    if "git/untracked.txt" in kept:
        found.append(f"Of the files of run {run.name} that git does not know, only the names are kept.")
    return found
