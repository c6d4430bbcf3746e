"""What the KServe recipe asks of `kubectl`: keeps what is applied, and says of it what KServe would."""

import os
import sys
from pathlib import Path

import yaml

STATE = Path(os.environ["STAND_IN_STATE"])


def main(arguments: list[str]) -> None:
    assert arguments[:2] == ["--namespace", "default"]
    verb, *rest = arguments[2:]
    if verb == "apply":
        assert rest == ["--filename", "-"]
        (STATE / "applied.yaml").write_text(sys.stdin.read())
        return
    assert verb == "get"
    assert rest[0] == "inferenceservice/fraud-production"
    service = yaml.safe_load((STATE / "applied.yaml").read_text())
    sha256 = service["metadata"]["annotations"]["mlops-console/sha256"]
    ready = not (STATE / "unready").exists()
    sys.stdout.write(f"{sha256} 1 1 {ready} [fraud-2] [{'fraud-2' if ready else 'fraud-1'}]")


if __name__ == "__main__":
    main(sys.argv[1:])
