#!/bin/sh
# Pushes the image of a version and has the endpoint of the environment serve it.
set -eu

aws() { command ${AWS:-aws} sagemaker "$@"; }
docker() { command ${DOCKER:-docker} "$@"; }

endpoint="$MLOPS_MODEL-$MLOPS_ENVIRONMENT"
name="$endpoint-$MLOPS_VERSION-$(echo "$MLOPS_SHA256" | cut -c 1-12)"
image="$REPOSITORY:$MLOPS_MODEL-$MLOPS_VERSION"
packages="$(dirname "$MLOPS_PATH")/packages"

# The name holds the checksum: what is there already is of this very version.
if ! aws describe-endpoint-config --endpoint-config-name "$name" > /dev/null 2>&1; then
    mlops-console model package "$MLOPS_MODEL:$MLOPS_VERSION" --output "$packages"
    docker build --platform linux/amd64 --tag "$image" "$packages/$MLOPS_MODEL-$MLOPS_VERSION"
    docker push "$image"
    aws describe-model --model-name "$name" > /dev/null 2>&1 ||
        aws create-model --model-name "$name" --execution-role-arn "$ROLE_ARN" --primary-container "Image=$image"
    aws create-endpoint-config --endpoint-config-name "$name" --production-variants \
        "VariantName=live,ModelName=$name,InstanceType=${INSTANCE_TYPE:-ml.m5.large},InitialInstanceCount=${INSTANCES:-1}"
fi

if ! serving=$(aws describe-endpoint --endpoint-name "$endpoint" --query EndpointConfigName --output text 2> /dev/null); then
    aws create-endpoint --endpoint-name "$endpoint" --endpoint-config-name "$name"
elif [ "$serving" != "$name" ]; then
    aws update-endpoint --endpoint-name "$endpoint" --endpoint-config-name "$name"
fi
aws wait endpoint-in-service --endpoint-name "$endpoint"
