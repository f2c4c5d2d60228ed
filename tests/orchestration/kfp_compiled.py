"""Penguin's pipeline as kfp compiles it, from Python. kfp reads annotations as they stand: they must not be text."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from kfp import compiler, dsl, kubernetes

from pipeline import config, node_list
from pipeline.orchestration import kubeflow

PENGUIN = config.load("penguin")


def documents(containers: Mapping[str, Mapping[str, Any]], path: Path) -> list[Any]:
    """The documents that kfp writes of penguin's nodes, with a volume, a secret, a parameter, and a GPU for the Trainer.

    Args:
      containers: task -> its image and arguments.
      path: where kfp writes.
    """
    run_id = dsl.PIPELINE_JOB_ID_PLACEHOLDER

    @dsl.pipeline(name="penguin", description=PENGUIN.description)
    def pipeline(trainer_training_epochs: str = str(PENGUIN.trainer.training["epochs"])) -> None:
        end = _configured(_end(containers["end"])(run_id=run_id), "end", containers, 120)
        with dsl.ExitHandler(end, name="penguin"):
            tasks: dict[str, dsl.PipelineTask] = {}
            for node in node_list.node_list(PENGUIN):
                name = kubeflow.task_name(node.id)
                component = _node(name, containers[name])
                task = component(run_id=run_id, trainer_training_epochs=trainer_training_epochs)
                task.set_display_name(node.id).set_retry(2, "60s", 2.0, "1h")
                task.after(*(tasks[one] for one in node.upstream))
                _configured(task, name, containers, 600 if node.id == "Trainer" else 120)
                if node.id == "Trainer":
                    task.set_cpu_limit("3500m").set_memory_limit("16Gi")
                    task.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(1)
                    kubernetes.add_node_selector(task, "pool", "gpu")
                tasks[node.id] = task

    compiler.Compiler().compile(pipeline, str(path))
    return list(yaml.safe_load_all(path.read_text()))


def _configured(
    task: dsl.PipelineTask, name: str, containers: Mapping[str, Mapping[str, Any]], minutes: int
) -> dsl.PipelineTask:
    for one in containers[name]["env"]:
        task.set_env_variable(one["name"], one["value"])
    task.set_caching_options(False)
    kubernetes.mount_pvc(task, "mlpipe-state", "/state")
    kubernetes.use_secret_as_env(task, "mlmd", {"password": "MLPIPE_METADATA_PASSWORD"})
    kubernetes.set_image_pull_secrets(task, ["registry"])
    kubernetes.set_timeout(task, minutes * 60)
    return task


def _node(name: str, container: Mapping[str, Any]) -> Any:
    def component(run_id: str, trainer_training_epochs: str) -> dsl.ContainerSpec:
        given = {"run_id": run_id, "trainer_training_epochs": trainer_training_epochs}
        return dsl.ContainerSpec(image=container["image"], command=["mlpipe"], args=_filled(container, given))

    component.__name__ = name.replace("-", "_")
    return dsl.container_component(component)


def _end(container: Mapping[str, Any]) -> Any:
    def end(run_id: str) -> dsl.ContainerSpec:
        args = _filled(container, {"run_id": run_id})
        return dsl.ContainerSpec(image=container["image"], command=["mlpipe"], args=args)

    return dsl.container_component(end)


def _filled(container: Mapping[str, Any], given: Mapping[str, Any]) -> list[Any]:
    """The arguments with kfp's own objects in the place of the placeholders."""
    args = []
    for word in container["args"]:
        for name, placeholder in given.items():
            before, found, after = word.partition(f"{{{{$.inputs.parameters['{name}']}}}}")
            if found:
                args.append(f"{before}{placeholder}{after}" if before or after else placeholder)
                break
        else:
            args.append(word)
    return args
