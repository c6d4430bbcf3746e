#!/bin/sh
# Applies a version.
set -eu

state="$(dirname "$MLOPS_PATH")"
mlops-console model package "$MLOPS_MODEL:$MLOPS_VERSION" --output "$state/packages"

cd "$(dirname "$0")"
export TF_DATA_DIR="$state/terraform" TF_IN_AUTOMATION=1
terraform init -input=false -backend-config="path=$state/terraform.tfstate" > /dev/null
terraform apply -input=false -auto-approve -no-color \
    -var "model=$MLOPS_MODEL" -var "release=$MLOPS_VERSION" -var "sha256=$MLOPS_SHA256" -var "port=$MLOPS_PORT" \
    -var "revision=$MLOPS_REVISION" -var "package=$state/packages/$MLOPS_MODEL-$MLOPS_VERSION" -var "python=${PYTHON:-python3}"
