#!/bin/sh
# Passes where the version is AVAILABLE, by TensorFlow Serving's REST API.
set -eu

url="http://${TF_SERVING_HOST:-127.0.0.1}:$MLOPS_PORT/v1/models/$MLOPS_MODEL/versions/$MLOPS_VERSION"
"${PYTHON:-python3}" - "$url" << 'END'
import json, sys, urllib.error, urllib.request

try:
    with urllib.request.urlopen(sys.argv[1], timeout=5) as answer:
        states = json.load(answer)["model_version_status"]
except urllib.error.URLError as error:
    sys.exit(f"{sys.argv[1]}: {error}")
print(states)
sys.exit(any(state["state"] != "AVAILABLE" for state in states))
END
