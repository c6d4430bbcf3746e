#!/bin/sh
# Passes where the endpoint is in service with the configuration of this very version.
set -eu

aws() { command ${AWS:-aws} sagemaker "$@"; }

endpoint="$MLOPS_MODEL-$MLOPS_ENVIRONMENT"
name="$endpoint-$MLOPS_VERSION-$(echo "$MLOPS_SHA256" | cut -c 1-12)"
found=$(aws describe-endpoint --endpoint-name "$endpoint" --query '[EndpointStatus,EndpointConfigName]' --output text)
echo "$endpoint: $found"
# shellcheck disable=SC2086 # its words are wanted
set -- $found
[ "$1" = InService ] && [ "$2" = "$name" ]
