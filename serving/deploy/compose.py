"""Docker compose: TF Serving on the models of this machine, and Prometheus beside it on demand."""

from __future__ import annotations

from typing import Any

from serving.deploy import model_server
from serving.deploy.settings import CONFIG, GRPC_PORT, MEBIBYTE, MODELS, REST_PORT, SERVER, USER, Settings


def document(settings: Settings) -> dict[str, Any]:
    """The compose file; relative paths in it are from its own folder."""
    return {
        "name": settings.name,
        "services": {
            "serving": _serving(settings),
            "prometheus": _prometheus(settings),
        },
    }


def _serving(settings: Settings) -> dict[str, Any]:
    first = next(iter(settings.models))
    return {
        "image": settings.image,
        "entrypoint": [SERVER],
        "command": model_server.arguments(),
        "ports": [f"127.0.0.1:{GRPC_PORT}:{GRPC_PORT}", f"127.0.0.1:{REST_PORT}:{REST_PORT}"],
        "volumes": [
            _mount("./config", CONFIG),
            *(_mount(str(folder), f"{MODELS}/{name}") for name, folder in settings.models.items()),
        ],
        **_hardened(),
        "tmpfs": ["/tmp"],
        "healthcheck": {
            "test": ["CMD", "bash", "-c", health_check(first)],
            "interval": "10s",
            "timeout": "5s",
            "retries": 3,
            "start_period": "120s",
        },
        "deploy": {
            "resources": {
                "limits": {"cpus": str(settings.cpus), "memory": f"{2 * settings.memory // MEBIBYTE}m"},
                "reservations": {"memory": f"{settings.memory // MEBIBYTE}m"},
            }
        },
        "restart": "unless-stopped",
    }


def _prometheus(settings: Settings) -> dict[str, Any]:
    return {
        "image": settings.prometheus_image,
        "profiles": ["metrics"],
        "command": ["--config.file=/etc/prometheus/prometheus.yaml", "--storage.tsdb.path=/prometheus"],
        "ports": ["127.0.0.1:9090:9090"],
        "volumes": [_mount("./prometheus/compose.yaml", "/etc/prometheus/prometheus.yaml")],
        **_hardened(),
        "tmpfs": [f"/prometheus:uid={USER}"],
        "depends_on": {"serving": {"condition": "service_healthy"}},
        "restart": "unless-stopped",
    }


def health_check(model: str, port: int = REST_PORT) -> str:
    """A bash command that succeeds when the model answers: the image has no HTTP client."""
    return (
        f"exec 3<>/dev/tcp/localhost/{port};"
        f" printf 'GET /v1/models/{model}/metadata HTTP/1.0\\r\\n\\r\\n' >&3;"
        ' read -r _ status _ <&3; test "$$status" = 200'
    )


def _hardened() -> dict[str, Any]:
    return {
        "user": f"{USER}:{USER}",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }


def _mount(source: str, target: str) -> dict[str, Any]:
    bind = {"create_host_path": False}
    return {"type": "bind", "source": source, "target": target, "read_only": True, "bind": bind}
