#!/bin/sh
# Passes where the state names this very version and its server answers.
set -eu

export TF_DATA_DIR="$(dirname "$MLOPS_PATH")/terraform"
cd "$(dirname "$0")"
found=$(terraform output -raw serves)
echo "Terraform's state says $found."
[ "$found" = "$MLOPS_MODEL:$MLOPS_VERSION" ]
"${PYTHON:-python3}" -c 'import sys, urllib.request as u; sys.exit(u.urlopen(sys.argv[1], timeout=5).headers["X-Model"] != sys.argv[2])' \
    "$(terraform output -raw url)/ping" "$found"
