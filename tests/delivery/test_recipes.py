"""The recipes of docs/targets, run as targets. What can't be had here (Docker, a cluster, AWS) has a small stand-in."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from mlops_console.core.deployments import RevisionState
from mlops_console.core.errors import JobError
from mlops_console.delivery import rollout
from mlops_console.models.packaging import package
from mlops_console.store import deployments, jobs
from mlops_console.store.workspace import Workspace
from tests.delivery.helpers import FakeJob
from tests.serving.helpers import FRAUD, ROW, add_constant, add_version, fraud_model
from tests.support import free_port, wait_for

RECIPES = Path(__file__).parents[2] / "docs" / "targets"
STAND_INS = Path(__file__).parent / "stand_ins"
WITH_STATUS = ("docker", "kserve", "sagemaker", "terraform")


@pytest.fixture
def project(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A workspace with all recipes, and stand-ins whose state is in `stand_ins`; what they have started ends."""
    for name in (*WITH_STATUS, "tensorflow-serving"):
        shutil.copytree(RECIPES / name, workspace.root / name)
    state = tmp_path / "stand_ins"
    state.mkdir()
    monkeypatch.setenv("STAND_IN_STATE", str(state))
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setenv("MLOPS_PAUSE", "0.1")
    for name in ("docker", "kubectl", "aws"):
        monkeypatch.setenv(name.upper(), shlex.join([sys.executable, str(STAND_INS / f"{name}.py")]))
    for name, value in (("REGISTRY", "registry.example/team"), ("REPOSITORY", "ecr.example/m"), ("ROLE_ARN", "arn:x")):
        monkeypatch.setenv(name, value)
    yield workspace
    for path in (*state.glob("*.pid"), *workspace.home.rglob("*.pid")):
        try:
            os.kill(int(path.read_text()), signal.SIGKILL)
        except ProcessLookupError:
            continue


def use(workspace: Workspace, recipe: str, status: str | None = None) -> int:
    """An mlops.toml with the target of a recipe; the port."""
    port = free_port()
    workspace.config_path.write_text(
        f"""
        [project]
        name = "fraud-detection"
        [environments.production]
        model = "fraud"
        port = {port}
        [environments.production.target]
        deploy = "{recipe}/deploy.sh"
        status = "{status or f"{recipe}/status.sh"}"
        """
    )
    return port


def deploy(workspace: Workspace, ref: str) -> str:
    """Deploy a version; what its commands printed."""
    with workspace.store.write() as tx:
        job = FakeJob(id=jobs.enqueue(tx, "deploy", "production", {}, "ann"))
    rollout.deploy(workspace, ref, "production", "", job)
    return (workspace.logs_dir / str(job.id) / "target.log").read_text()


def rollback(workspace: Workspace) -> None:
    with workspace.store.write() as tx:
        job = FakeJob(id=jobs.enqueue(tx, "rollback", "production", {}, "ann"))
    rollout.rollback(workspace, "production", None, "bad", job)


def live(workspace: Workspace) -> str:
    with workspace.store.read() as db:
        found = deployments.environment(db, "production")
    assert found is not None
    assert found.live is not None
    return found.live.model_ref


def answers(port: int) -> tuple[str, str, int]:
    """Version, revision and prediction of what answers on a port."""
    answer = httpx.post(f"http://127.0.0.1:{port}/invocations", json={"dataframe_records": [{"x": 1.0}]})
    return answer.headers["X-Model"], answer.headers["X-Revision"], answer.json()["predictions"][0]


def calls(name: str) -> list[list[str]]:
    """What a stand-in was asked, in order."""
    path = Path(os.environ["STAND_IN_STATE"]) / f"{name}.calls"
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("recipe", WITH_STATUS)
def test_the_configuration_of_a_readme_is_accepted(recipe: str) -> None:
    """Each README shows the target that the tests here use."""
    text = (RECIPES / recipe / "README.md").read_text()
    assert f'deploy = "{recipe}/deploy.sh"\nstatus = "{recipe}/status.sh"\n' in text


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*/*.sh")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_script_is_executable_and_plain_shell(path: Path) -> None:
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/bin/sh\n")
    checked = subprocess.run(["sh", "-n", path], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.long
@pytest.mark.timeout(300)
def test_docker(project: Workspace) -> None:
    port = use(project, "docker")
    add_constant(project, 10)
    add_constant(project, 20)
    deploy(project, "fraud:1")
    assert answers(port) == ("fraud:1", "1", 10)
    deploy(project, "fraud:2")
    assert answers(port) == ("fraud:2", "2", 20)
    rollback(project)
    assert (answers(port), live(project)) == (("fraud:1", "3", 10), "fraud:1")
    (Path(os.environ["STAND_IN_STATE"]) / "unhealthy").touch()
    with pytest.raises(JobError, match=r"fraud:2 does not become healthy: it is unhealthy\."):
        deploy(project, "fraud:2")
    assert (answers(port), live(project)) == (("fraud:1", "3", 10), "fraud:1")
    verbs = [call[0] for call in calls("docker") if call[0] in ("build", "run")]
    assert verbs == ["build", "run", "run"] * 3 + ["build", "run"]


def test_the_dockerfile_has_what_an_image_needs(project: Workspace, tmp_path: Path) -> None:
    folder = package(project, add_constant(project, 10), "oci-dir", tmp_path)
    joined = (folder / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    known = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "ENV", "EXPOSE", "HEALTHCHECK", "CMD"}
    instructions = {word for word, _ in lines}
    assert instructions == known
    assert lines[0][0] == "FROM"
    told = dict(lines)
    assert (told["USER"], told["EXPOSE"], json.loads(told["CMD"])) == ("serve", "8080", ["serve"])
    health = json.loads(told["HEALTHCHECK"].partition("CMD ")[2])
    assert health[:2] == ["python", "-c"]
    compile(health[2], "HEALTHCHECK", "exec")
    assert set((folder / ".dockerignore").read_text().split()) >= {"blobs", "index.json", "oci-layout"}


@pytest.mark.long
@pytest.mark.timeout(300)
def test_kserve(project: Workspace) -> None:
    use(project, "kserve")
    add_constant(project, 10)
    add_constant(project, 20)
    deploy(project, "fraud:1")
    applied = Path(os.environ["STAND_IN_STATE"]) / "applied.yaml"
    service = yaml.safe_load(applied.read_text())
    assert (service["apiVersion"], service["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    assert service["metadata"]["name"] == "fraud-production"
    assert set(service["spec"]["predictor"]) == {"minReplicas", "containers"}
    [container] = service["spec"]["predictor"]["containers"]
    assert (container["name"], container["image"]) == ("kserve-container", "registry.example/team/fraud:1")
    assert container["ports"] == [{"containerPort": 8080, "protocol": "TCP"}]
    assert {"readinessProbe", "livenessProbe", "resources", "securityContext"} <= set(container)
    assert all(isinstance(value, str) for value in service["metadata"]["annotations"].values())
    assert "@" not in applied.read_text().split("\n", 1)[1]
    deploy(project, "fraud:2")
    assert yaml.safe_load(applied.read_text())["spec"]["predictor"]["containers"][0]["image"].endswith("fraud:2")
    assert [call[0] for call in calls("docker")] == ["build", "push", "build", "push"]


@pytest.mark.long
@pytest.mark.timeout(300)
def test_kserve_fails_where_the_newest_revision_does_not_serve(project: Workspace) -> None:
    use(project, "kserve", "kserve/status.sh")
    add_constant(project, 10)
    (project.root / "kserve" / "deploy.sh").write_text(
        (RECIPES / "kserve" / "deploy.sh").read_text().replace('/status.sh" wait', '/status.sh"')
    )
    (Path(os.environ["STAND_IN_STATE"]) / "unready").touch()
    with pytest.raises(JobError, match=r"inferenceservice/fraud-production does not serve fraud:1: .* False"):
        deploy(project, "fraud:1")


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on the PATH")
def test_kubectl_itself_reads_the_manifest_and_the_path_of_the_status(tmp_path: Path) -> None:
    """`annotate --local` takes a file and asks no server; KServe's part, the status, is written beside."""
    service = yaml.safe_load((RECIPES / "kserve" / "inferenceservice.yaml").read_text().replace("@SHA256@", "abc"))
    service["metadata"]["generation"] = 4
    conditions = [{"type": "IngressReady", "status": "False"}, {"type": "Ready", "status": "True"}]
    revisions = {"latestCreatedRevision": "fraud-2", "latestReadyRevision": "fraud-2"}
    service["status"] = {"observedGeneration": 4, "conditions": conditions, "components": {"predictor": revisions}}
    file, local = tmp_path / "service.yaml", tmp_path / "local.sh"
    local.write_text(f'#!/bin/sh\nexec kubectl annotate --local --filename {file} seen=yes --output "$6"\n')
    variables = {"PATH": os.environ["PATH"], "KUBECONFIG": os.devnull, "HOME": str(tmp_path), "KUBECTL": f"sh {local}"}
    variables |= {"MLOPS_MODEL": "fraud", "MLOPS_VERSION": "1", "MLOPS_ENVIRONMENT": "p", "MLOPS_SHA256": "abc"}

    def status() -> int:
        file.write_text(yaml.safe_dump(service))
        asked = subprocess.run(
            ["sh", RECIPES / "kserve" / "status.sh"], env=variables, capture_output=True, check=False
        )
        assert b"abc 4 4" in asked.stderr or asked.returncode == 0
        return asked.returncode

    assert status() == 0
    revisions["latestReadyRevision"] = "fraud-1"
    assert status() == 1


@pytest.mark.long
@pytest.mark.timeout(300)
def test_sagemaker(project: Workspace) -> None:
    use(project, "sagemaker")
    add_constant(project, 10)
    add_constant(project, 20)
    deploy(project, "fraud:1")
    deploy(project, "fraud:2")
    rollback(project)
    assert live(project) == "fraud:1"
    made = [call[1] for call in calls("aws") if call[1].startswith(("create", "update"))]
    model = ["create-model", "create-endpoint-config"]
    assert made == [*model, "create-endpoint", *model, "update-endpoint", "update-endpoint"]
    assert [call[0] for call in calls("docker")] == ["build", "push"] * 2  # a rollback builds nothing
    before = len(calls("aws"))
    deploy(project, "fraud:1")
    assert not [call for call in calls("aws")[before:] if call[1].startswith(("create", "update"))]


@pytest.mark.timeout(120)
def test_a_package_keeps_sagemakers_contract(workspace: Workspace, tmp_path: Path) -> None:
    """Started with the word `serve`, on its PATH, with what the image sets and nothing else."""
    folder = package(workspace, add_version(workspace, fraud_model(), FRAUD, [ROW]), "oci-dir", tmp_path)
    port = free_port()
    variables = {"PATH": f"{folder}:{os.defpath}", "PYTHON": sys.executable, "MLOPS_HOST": "0.0.0.0"}
    server = subprocess.Popen(["sh", "-c", "exec serve"], env={**variables, "MLOPS_PORT": str(port)}, cwd=tmp_path)
    try:

        def pinged() -> bool:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/ping").status_code == 200
            except httpx.TransportError:
                return False

        wait_for(pinged, 30)
        url = f"http://127.0.0.1:{port}/invocations"
        csv = httpx.post(url, content=b"amount,count,country\n12.5,3,NO\n", headers={"Content-Type": "text/csv"})
        assert csv.json() == httpx.post(url, json={"dataframe_records": [ROW]}).json()
    finally:
        server.terminate()
        assert server.wait(20) == 0


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not on the PATH")
def test_terraform(project: Workspace) -> None:
    folder = project.root / "terraform"
    state = project.home / "targets" / "production"
    port = use(project, "terraform")
    subprocess.run(["terraform", "fmt", "-check"], cwd=folder, check=True)
    add_constant(project, 10)
    add_constant(project, 20)
    deploy(project, "fraud:1")
    assert answers(port) == ("fraud:1", "1", 10)
    deploy(project, "fraud:2")
    assert answers(port) == ("fraud:2", "2", 20)
    rollback(project)
    assert (answers(port), live(project)) == (("fraud:1", "3", 10), "fraud:1")
    assert "0 added, 0 changed, 0 destroyed" in deploy(project, "fraud:1")
    data = {**os.environ, "TF_DATA_DIR": str(state / "terraform")}
    subprocess.run(["terraform", "validate"], cwd=folder, env=data, check=True, capture_output=True)
    unused = ["model=", "release=0", "sha256=", "port=0", "revision=0", "package="]
    variables = [word for one in unused for word in ("-var", one)]
    subprocess.run(
        ["terraform", "destroy", "-auto-approve", "-input=false", *variables],
        cwd=folder,
        env=data,
        check=True,
        capture_output=True,
    )
    with pytest.raises(httpx.ConnectError):
        answers(port)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_tensorflow_serving(project: Workspace) -> None:
    use(project, "docker", "tensorflow-serving/status.sh")
    add_constant(project, 10)
    assert "'state': 'AVAILABLE'" in deploy(project, "fraud:1")
    add_constant(project, 20)
    text = project.config_path.read_text().replace("docker/deploy.sh", "true")  # which leaves the first one there
    project.config_path.write_text(text)
    with pytest.raises(JobError, match=r"its status command ended with exit code 1: .*versions/2: HTTP Error 404"):
        deploy(project, "fraud:2")
    with project.store.read() as db:
        assert deployments.revision(db, "production", 2).state is RevisionState.FAILED
