"""What the SageMaker recipe asks of `aws sagemaker`: models, endpoint configurations and endpoints, each by name."""

import json
import os
import sys
from pathlib import Path

STATE = Path(os.environ["STAND_IN_STATE"])


def main(arguments: list[str]) -> None:
    with (STATE / "aws.calls").open("a") as file:
        file.write(json.dumps(arguments) + "\n")
    service, command, *rest = arguments
    assert service == "sagemaker"
    if command == "wait":
        command, rest = "describe-endpoint", rest[1:]
        assert rest
    options = dict(zip(rest[::2], rest[1::2], strict=True))
    verb, _, kind = command.partition("-")
    path = STATE / f"{kind}-{options[f'--{kind}-name']}"
    if verb == "describe":
        if not path.exists():
            sys.exit(f"{kind} not found")
        told = {"EndpointStatus": "InService", **json.loads(path.read_text())}
        fields = options.get("--query", "").strip("[]").split(",")
        sys.stdout.write("\t".join(told[f] for f in fields if f) + "\n")
        return
    if (verb == "create") == path.exists():
        sys.exit(f"{kind} {'exists already' if path.exists() else 'not found'}")
    path.write_text(json.dumps({"EndpointConfigName": options.get("--endpoint-config-name", "")}))


if __name__ == "__main__":
    main(sys.argv[1:])
