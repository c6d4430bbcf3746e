"""What the recipes ask of `docker`: images are packages, and containers are processes that serve them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

STATE = Path(os.environ["STAND_IN_STATE"])


def build(arguments: list[str]) -> None:
    tag, folder = arguments[arguments.index("--tag") + 1], Path(arguments[-1])
    if not (folder / "Dockerfile").is_file():
        sys.exit(f"no Dockerfile in {folder}")
    path("image", tag).write_text(str(folder))


def run(arguments: list[str]) -> None:
    name, publish = (arguments[arguments.index(option) + 1] for option in ("--name", "--publish"))
    image = arguments[-1]
    port = publish.split(":")[1] or free_port()
    if path("container", name).exists():
        sys.exit(f"the name {name} is in use")
    variables = [arguments[at + 1] for at, word in enumerate(arguments) if word == "--env"]
    told = dict(variable.split("=", 1) for variable in variables if "=" in variable)
    with path("log", name).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(Path(path("image", image).read_text()) / "serve.py")],
            env={"PATH": os.defpath, "MLOPS_PORT": str(port), **told},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (STATE / f"{name}.pid").write_text(str(process.pid))
    path("container", name).write_text(json.dumps({"image": image, "port": port}))


def inspect(arguments: list[str]) -> None:
    name = arguments[-1]
    if not path("container", name).exists():
        sys.exit(f"no such container: {name}")
    told = json.loads(path("container", name).read_text())
    template = arguments[arguments.index("--format") + 1]
    values = {"{{.Config.Image}}": told["image"], "{{.State.Health.Status}}": health(told["port"])}
    for field, value in values.items():
        template = template.replace(field, value)
    sys.stdout.write(template + "\n")


def rm(arguments: list[str]) -> None:
    name = arguments[-1]
    if not path("container", name).exists():
        sys.exit(f"no such container: {name}")
    pid = int((STATE / f"{name}.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        time.sleep(0.01)
    path("container", name).unlink()
    (STATE / f"{name}.pid").unlink()


def logs(arguments: list[str]) -> None:
    sys.stdout.write(path("log", arguments[-1]).read_text())


def push(arguments: list[str]) -> None:
    path("image", arguments[-1]).read_text()


def health(port: str) -> str:
    if (STATE / "unhealthy").exists():
        return "unhealthy"
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2).close()
    except urllib.error.URLError:
        return "starting"
    return "healthy"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def path(kind: str, name: str) -> Path:
    return STATE / f"{kind}-{name.replace('/', '_').replace(':', '_')}"


if __name__ == "__main__":
    with (STATE / "docker.calls").open("a") as file:
        file.write(json.dumps(sys.argv[1:]) + "\n")
    COMMANDS = {"build": build, "run": run, "inspect": inspect, "rm": rm, "logs": logs, "push": push}
    COMMANDS[sys.argv[1]](sys.argv[2:])
