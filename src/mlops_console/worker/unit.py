"""The worker as a systemd user unit, for who wants it up from the boot on."""

from pathlib import Path

from mlops_console.worker.processes import command

_UNIT = """\
[Unit]
Description=mlops-console worker of {name}

[Service]
ExecStart={start}
# Not one that was told to stop: 'mlops-console worker stop' counts.
Restart=on-failure
RestartSec=10
# Jobs and servers outlive a worker that dies: the next one takes over.
KillMode=process

[Install]
WantedBy=default.target
"""


def unit(root: Path) -> str:
    """The text of a unit whose worker serves the workspace at `root`; see systemd.service(5)."""
    words = command("mlops_console", ["worker", "run", "--stay", "--workspace", str(root)])
    return _UNIT.format(name=_escaped(root.name), start=" ".join(map(_quoted, words)))


def _quoted(word: str) -> str:
    text = _escaped(word).replace("$", "$$").replace('"', '\\"')
    return f'"{text}"'


def _escaped(text: str) -> str:
    """No specifier, no escape sequence and no other line comes out of a path."""
    return text.replace("\\", "\\\\").replace("%", "%%").replace("\n", "\\n")
