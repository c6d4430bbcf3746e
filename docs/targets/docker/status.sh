#!/bin/sh
# Passes where the environment's container is healthy and of this very version.
set -eu

docker() { command ${DOCKER:-docker} "$@"; }

found=$(docker inspect --format '{{.Config.Image}} {{.State.Health.Status}}' "mlops-$MLOPS_ENVIRONMENT")
echo "$found"
[ "$found" = "$MLOPS_MODEL:$MLOPS_VERSION healthy" ]
