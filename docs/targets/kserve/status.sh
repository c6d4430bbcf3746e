#!/bin/sh
# Passes where the InferenceService is Ready with this very version; with `wait`, waits for it for ten minutes.
set -eu

kubectl() { command ${KUBECTL:-kubectl} --namespace "${NAMESPACE:-default}" "$@"; }

service="inferenceservice/$MLOPS_MODEL-$MLOPS_ENVIRONMENT"
path='{.metadata.annotations.mlops-console/sha256} {.metadata.generation} {.status.observedGeneration}'
path="$path "'{.status.conditions[?(@.type=="Ready")].status}'
# In the serverless mode the newest revision may not be the one that serves; elsewhere both are empty.
path="$path"' [{.status.components.predictor.latestCreatedRevision}] [{.status.components.predictor.latestReadyRevision}]'

serves() {
    found=$(kubectl get "$service" --output "jsonpath=$path")
    # shellcheck disable=SC2086 # its words are wanted
    set -- $found
    [ $# -eq 6 ] && [ "$1" = "$MLOPS_SHA256" ] && [ "$2" = "$3" ] && [ "$4" = True ] && [ "$5" = "$6" ]
}

for _ in $(seq "$([ "${1:-}" = wait ] && echo 300 || echo 1)"); do
    serves && exit 0
    [ "${1:-}" = wait ] && sleep "${MLOPS_PAUSE:-2}"
done
echo "$service does not serve $MLOPS_MODEL:$MLOPS_VERSION: $found" >&2
exit 1
