"""A shell script that copies pushed models to the volume of a cluster."""

from __future__ import annotations

import shlex

from serving.deploy.settings import MODELS, Settings

HEAD = """\
#!/bin/sh
# Copies the pushed versions that the cluster's volume of models does not have yet. A version appears there complete
# or not at all, so that servers that poll the volume never load half of one.
# Usage: fill-models.sh [options of kubectl, such as --context=staging]
set -eu
"""

COPY = """
copy() { # a model's name, its folder of versions
    for folder in "$2"/*/; do
        version=$(basename "$folder")
        case $version in *[!0-9]*) continue ;; esac
        target=$models/$1/$version
        staged=$models/$1/.incoming-$version
        if kube exec "$loader" -- test -d "$target"; then
            echo "$1 $version: there already"
            continue
        fi
        kube exec "$loader" -- mkdir -p "$models/$1"
        kube exec "$loader" -- rm -rf "$staged"
        kube cp "${folder%/}" "$loader:$staged"
        kube exec "$loader" -- mv "$staged" "$target"
        echo "$1 $version: copied"
    done
}
"""


def script(settings: Settings) -> str:
    """The script; it stands beside the folder `kubernetes` and the loader's manifest."""
    namespace = f" --namespace={settings.namespace}" if settings.namespace else ""
    settled = [
        f"loader={settings.name}-loader",
        f"models={MODELS}",
        "options=$*",
        'here=$(cd "$(dirname "$0")" && pwd)',
        "",
        f'kube() {{ kubectl{namespace} $options "$@"; }}',
    ]
    steps = [
        'kube apply -f "$here/kubernetes/models-volume.yaml" -f "$here/loader-pod.yaml"',
        "trap 'kube delete pod \"$loader\" --wait=false' EXIT",
        'kube wait --for=condition=Ready "pod/$loader" --timeout=300s',
        *(f"copy {name} {shlex.quote(str(folder))}" for name, folder in settings.models.items()),
    ]
    return "\n".join([HEAD + "\n".join(settled), COPY, *steps, ""])
