#!/bin/sh
# Builds the image of a version, tries it beside what serves, and then lets it take that one's place.
set -eu

docker() { command ${DOCKER:-docker} "$@"; }

name="mlops-$MLOPS_ENVIRONMENT"
image="$MLOPS_MODEL:$MLOPS_VERSION"
packages="$(dirname "$MLOPS_PATH")/packages"

run() { # NAME PUBLISH: a container of the version
    docker run --detach --name "$1" --publish "$2" --restart unless-stopped --read-only --tmpfs /tmp \
        --env "MLOPS_REVISION=$MLOPS_REVISION" ${MLOPS_TOKEN:+--env MLOPS_TOKEN} "$image" > /dev/null
}

healthy() { # NAME: wait until its HEALTHCHECK passes
    for _ in $(seq 60); do
        state=$(docker inspect --format '{{.State.Health.Status}}' "$1")
        [ "$state" = healthy ] && return
        [ "$state" = unhealthy ] && break
        sleep "${MLOPS_PAUSE:-1}"
    done
    docker logs --tail 20 "$1" >&2
    echo "$image does not become healthy: it is $state." >&2
    return 1
}

mlops-console model package "$image" --output "$packages"
package="$packages/$MLOPS_MODEL-$MLOPS_VERSION"
if [ -n "${MLOPS_WHEEL:-}" ]; then
    mkdir -p "$package/wheels"
    cp "$MLOPS_WHEEL" "$package/wheels/"
fi
docker build --tag "$image" "$package"

trap 'docker rm --force "$name-trial" > /dev/null 2>&1 || true' EXIT
docker rm --force "$name-trial" > /dev/null 2>&1 || true
run "$name-trial" 127.0.0.1::8080
healthy "$name-trial"

docker rm --force "$name" > /dev/null 2>&1 || true
run "$name" "127.0.0.1:$MLOPS_PORT:8080"
healthy "$name"
