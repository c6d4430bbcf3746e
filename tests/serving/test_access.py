"""Who may ask a server: tokens, addresses, TLS."""

import hashlib
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from mlops_console import actions
from mlops_console.core.deployments import RevisionState, ServerSettings
from mlops_console.core.errors import NotFoundError, UsageError
from mlops_console.store import deploying, tokens
from mlops_console.store.workspace import Workspace
from tests.serving.helpers import add_constant, add_revision, environment, go_live, serving, start
from tests.support import free_port, wait_for

BODY = {"instances": [[1.0]]}


def let_in(workspace: Workspace, name: str, token: str) -> None:
    with workspace.store.write() as tx:
        tokens.add(tx, "production", name, hashlib.sha256(token.encode()).hexdigest(), "ann")


def status(url: str, token: str = "", path: str = "/invocations") -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = httpx.post if path == "/invocations" else httpx.get
    return request(f"{url}{path}", headers=headers, **({"json": BODY} if path == "/invocations" else {})).status_code


def test_from_the_first_token_on_every_request_needs_one(workspace: Workspace) -> None:
    with serving(workspace, add_constant(workspace, 1)) as server:
        assert status(server.url) == 200
        let_in(workspace, "ci", "s3cret")
        let_in(workspace, "app", "0ther")
        wait_for(lambda: status(server.url) == 401, 10, "the tokens")
        assert status(server.url, "s3cret") == status(server.url, "0ther") == 200
        assert status(server.url, "S3cret") == status(server.url, "s3cret x") == 401
        refused = httpx.post(f"{server.url}/invocations", json=BODY)
        assert refused.headers["www-authenticate"] == "Bearer"
        assert "Authorization: Bearer TOKEN" in refused.json()["error"]
        assert status(server.url, path="/metrics") == status(server.url, path="/v2/models/fraud") == 401
        assert status(server.url, path="/ping") == status(server.url, path="/v2/health/ready") == 200
        assert_hides(server.url, "s3cret")
        with workspace.store.write() as tx:
            tokens.revoke(tx, "production", "ci")
        wait_for(lambda: status(server.url, "s3cret") == 401, 10, "the end of a token")
        assert status(server.url, "0ther") == 200
        with workspace.store.write() as tx:
            tokens.revoke(tx, "production", "app")
        wait_for(lambda: status(server.url, "0ther") == 401, 10, "the end of the other")
        assert status(server.url) == 401, "without a token that holds nobody may ask, rather than everybody"
        wait_for(lambda: recent_errors(workspace) >= 4, 20, "the refused requests, in what the console's card tells")


def assert_hides(url: str, token: str) -> None:
    """Whether a model is ready anybody may ask, but not what else there is."""
    assert status(url, path="/v2/models/fraud/ready") == status(url, path="/v2/models/fraud/versions/1/ready") == 200
    for path in ("/v2/models/churn/ready", "/v2/models/fraud/versions/7/ready"):
        told = {"error": "This server serves no such model or version."}
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            stranger = httpx.get(f"{url}{path}", headers=headers)
            assert (stranger.status_code, stranger.json()) == (404, told)
        known = httpx.get(f"{url}{path}", headers={"Authorization": f"Bearer {token}"})
        assert (known.status_code, "fraud:1" in known.json()["error"]) == (404, True)


def test_a_token_is_told_once_and_kept_as_its_hash(workspace: Workspace) -> None:
    workspace.config_path.write_text('[project]\nname = "x"\n[environments.production]\nmodel = "fraud"\nport = 8123\n')
    asked = {"environment": "production", "name": "ci"}
    _, result = actions.perform(workspace, "set_token", asked)
    token = result["token"]
    assert len(token) > 40
    with workspace.store.read() as db:
        [kept] = tokens.tokens(db, "production")
        everything = "".join(map(str, db.execute("SELECT detail FROM ledger").fetchall()[0]))
    assert kept.hash == hashlib.sha256(token.encode()).hexdigest()
    assert token not in everything
    with pytest.raises(UsageError, match="has a token 'ci' already"):
        actions.perform(workspace, "set_token", asked)
    plan, _ = actions.perform(workspace, "set_token", {**asked, "revoke": True})
    assert plan.notes == ("No other token is left: production lets nobody in until there is a new one.",)
    with pytest.raises(NotFoundError, match="The token 'ci' of production is revoked already"):
        actions.perform(workspace, "set_token", {**asked, "revoke": True})
    with pytest.raises(NotFoundError, match="production has no token 'cd'"):
        actions.perform(workspace, "set_token", {**asked, "name": "cd", "revoke": True})
    _, again = actions.perform(workspace, "set_token", asked)
    with workspace.store.read() as db:
        [renewed] = tokens.tokens(db, "production")
    assert (renewed.hash, renewed.revoked_at) == (hashlib.sha256(again["token"].encode()).hexdigest(), None)
    assert renewed.hash != kept.hash  # so that the token that was revoked is not let in again


def test_a_server_that_others_reach_does_not_start_without_a_token(workspace: Workspace) -> None:
    version = add_constant(workspace, 1)
    with workspace.store.write() as tx:
        deploying.ensure_environment(tx, "production", "fraud", "0.0.0.0", free_port())
        found = deploying.add_revision(tx, "production", version, kind="deploy", actor="ann", reason="")
        deploying.advance(tx, "production", found.revision, RevisionState.LOADING, "ann")
    process = start(workspace)
    assert process.wait(30) == 3
    log = (workspace.logs_dir / "server.log").read_text()
    assert "where other machines can ask it without a token" in log
    assert "Traceback" not in log


def test_tls(workspace: Workspace) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    files = make_certificate(workspace.root)
    version = add_constant(workspace, 1)
    port = free_port()
    with workspace.store.write() as tx:
        settings = ServerSettings(certificate=files[0].name, key=files[1].name)
        deploying.ensure_environment(tx, "production", "fraud", "127.0.0.1", port, settings)
    add_revision(workspace, version, port)
    process = start(workspace)
    try:
        wait_for(lambda: environment(workspace).processes and environment(workspace).processes[0].prepared, 30, "it")
        go_live(workspace, 1)
        wait_for(lambda: environment(workspace).observed == 1, 20, "revision 1")
        assert environment(workspace).url == f"https://127.0.0.1:{port}"
        trust = ssl.create_default_context(cafile=str(files[0]))
        answer = httpx.post(f"https://127.0.0.1:{port}/invocations", json=BODY, verify=trust)
        assert answer.json() == {"predictions": [1]}
        assert_renewed(workspace, port, files[0])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            plain.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
            assert not plain.recv(100).startswith(b"HTTP/1.1 200")
    finally:
        process.terminate()
        process.wait(20)


def recent_errors(workspace: Workspace) -> int:
    told = environment(workspace).processes[0].stats.get("recent", {})
    return int(told.get("errors", 0))


def assert_renewed(workspace: Workspace, port: int, certificate: Path) -> None:
    """A half-written certificate leaves the old one in use; a whole one replaces it, and the process stays."""
    process = environment(workspace).processes[0].process
    before = certificate.read_text()
    certificate.write_text(before[:100])
    log = workspace.logs_dir / "server.log"
    wait_for(lambda: "is not taken over" in log.read_text(), 20, "the warning")
    assert ssl.get_server_certificate(("127.0.0.1", port)).strip() == before.strip()
    old_key = (key := certificate.with_name("key.pem")).read_text()
    make_certificate(workspace.root)
    after, new_key = certificate.read_text().strip(), key.read_text()
    key.write_text(old_key)  # the new certificate is there before its key
    wait_for(lambda: log.read_text().count("is not taken over") >= 2, 20, "the second warning")
    assert ssl.get_server_certificate(("127.0.0.1", port)).strip() == before.strip()
    key.write_text(new_key)
    wait_for(lambda: ssl.get_server_certificate(("127.0.0.1", port)).strip() == after, 20, "the new certificate")
    assert environment(workspace).processes[0].process == process


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that signs itself, and its key."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return certificate, key
