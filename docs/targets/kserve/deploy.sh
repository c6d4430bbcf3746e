#!/bin/sh
# Pushes the image of a version, applies the InferenceService with it, and waits until that very version serves.
set -eu

docker() { command ${DOCKER:-docker} "$@"; }
kubectl() { command ${KUBECTL:-kubectl} --namespace "${NAMESPACE:-default}" "$@"; }

name="$MLOPS_MODEL-$MLOPS_ENVIRONMENT"
image="$REGISTRY/$MLOPS_MODEL:$MLOPS_VERSION"
packages="$(dirname "$MLOPS_PATH")/packages"

mlops-console model package "$MLOPS_MODEL:$MLOPS_VERSION" --output "$packages"
docker build --tag "$image" "$packages/$MLOPS_MODEL-$MLOPS_VERSION"
docker push "$image"

sed -e "s|@NAME@|$name|" -e "s|@MODEL@|$MLOPS_MODEL|" -e "s|@VERSION@|$MLOPS_VERSION|" -e "s|@REVISION@|$MLOPS_REVISION|" \
    -e "s|@SHA256@|$MLOPS_SHA256|" -e "s|@IMAGE@|$image|" "$(dirname "$0")/inferenceservice.yaml" | kubectl apply --filename -

"$(dirname "$0")/status.sh" wait
