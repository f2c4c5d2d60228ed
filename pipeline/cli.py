"""The `mlpipe` command: each command is a thin function over a module that does the work.

Nothing heavy is imported at the top: `mlpipe list`, `status`, `lineage` and `--help` must answer in under a second.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from common.errors import UserError
from pipeline import (
    cleanup_command,
    data_command,
    node_command,
    report_command,
    text_commands,
    ui_command,
    unseen_commands,
)
from pipeline import home as home_module
from pipeline.server_flags import with_server_flags
from pipeline.signals import Terminated
from pipeline.target_flags import HomeOption
from serving.deploy.settings import Settings

INTERRUPTED = 130

app = typer.Typer(
    help="TFX pipelines from raw data to a served, validated, traceable model.",
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain: markup would swallow what stands in brackets, and tables cut long options short.
    rich_markup_mode=None,
)

export_app = typer.Typer(help="Write files for other systems.", rich_markup_mode=None)
app.add_typer(export_app, name="export")
app.add_typer(data_command.app, name="data")
app.add_typer(node_command.app, name="node")

SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a configuration value: --set trainer.training.seed=7."),
]


@app.command("list")
def list_() -> None:
    """List the pipelines of the catalog."""
    from pipeline import show_catalog

    show_catalog.show_list()


@app.command()
def describe(
    pipeline: Annotated[str, typer.Argument(help="Name in the catalog, or a YAML file.")],
    set_: SetOption = None,
) -> None:
    """Show a pipeline's DAG and its configuration with all defaults filled in."""
    from pipeline import config, show_catalog

    show_catalog.show_pipeline(config.load(pipeline, set_ or ()))


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the new pipeline.")],
    csv: Annotated[
        str,
        typer.Option("--csv", help="CSV, Parquet, JSON lines or Arrow file, folder, glob or {SPAN} pattern."),
    ],
    label: Annotated[
        list[str], typer.Option("--label", help="Column to predict; several times: several outputs.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder to write to [default: the catalog].")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Propose a pipeline for CSV files: one YAML file with types, task, gates and slices."""
    from pipeline import config, scaffold, wording

    path = scaffold.new_pipeline(name, csv, label, out, force)
    print(f"wrote {wording.display(path)}")
    if dropped := len(config.load(str(path)).data.drop):
        print(f"left out: {dropped} column{'s' if dropped > 1 else ''}; data.drop tells which, and why")
    print(f"next: look it over, then: mlpipe run {path if out else name}")


@app.command()
def run(
    pipeline: Annotated[str, typer.Argument(help="Name in the catalog, or a YAML file.")],
    set_: SetOption = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Run this component and all after it, cached or not.")
    ] = None,
    only: Annotated[
        str | None, typer.Option("--only", help="Run this component alone, on what the last run made.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Stop after this component.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Run every component, cached or not.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for another run of this pipeline to end.")
    ] = False,
    run_id: Annotated[str | None, typer.Option("--run-id", hidden=True)] = None,
    home: HomeOption = None,
) -> None:
    """Run a pipeline from its data to a pushed model; what has not changed is not run again."""
    from pipeline import config, run

    options = run.Options(force, start, only, until, wait=wait, run_id=run_id)
    run.run(config.load(pipeline, set_ or ()), home_module.find(home), options)


PipelineOption = Annotated[
    str | None, typer.Option("--pipeline", help="Its name; can be left out when only one fits.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RunArgument = Annotated[
    str, typer.Argument(help="A run id or its start, last, last~N, or vN: the run that pushed version N.")
]


@app.command()
def runs(
    pipeline: Annotated[str, typer.Argument(help="Name of a pipeline that has run.")],
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many of the latest runs.")] = 20,
    home: HomeOption = None,
) -> None:
    """List the latest runs of a pipeline: how each ended, what was cached, what was pushed."""
    from pipeline import metadata, pushes, reconcile, runs, show

    found = home_module.find(home)
    store = metadata.open_store(found)
    reconcile.with_evaluations(store, found, pipeline)
    listed = runs.list_runs(store, pipeline, limit, evaluations=True)
    pushed = pushes.pushed_models(store, pipeline)
    show.show(show.runs_table(listed, pushed, pushes.makers(store, pushed.values())))


@app.command()
def status(
    pipeline: Annotated[str, typer.Argument(help="Name of a pipeline that has run.")],
    selector: Annotated[str, typer.Option("--run", help="Which run; as for compare.")] = "last",
    home: HomeOption = None,
) -> None:
    """Show one run of a pipeline, component by component, and which versions are served."""
    from pipeline import lock, metadata, pushes, reconcile, runs, show

    found = home_module.find(home)
    store = metadata.open_store(found)
    reconcile.with_evaluations(store, found, pipeline)
    run = runs.get_run(store, pipeline, selector)
    holder = lock.holder(found, run.recorded_under) if run.state == "running" else None
    pushed = pushes.pushed_models(store, pipeline)
    show.show(*show.status(run, holder, pushed, found.log(run.recorded_under, run.id)))


@app.command()
def lineage(
    what: Annotated[
        str, typer.Argument(help="model, artifact, examples, or a pipeline: its model pushed last.")
    ],
    which: Annotated[
        str | None, typer.Argument(help="Version of a model, id of an artifact, or last.")
    ] = None,
    downstream: Annotated[
        bool, typer.Option("--downstream", help="What came of it, not what it came from.")
    ] = False,
    pipeline: PipelineOption = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Tell which data, schema, code and hyperparameters made a model, or what came of an artifact."""
    from pipeline import lineage_report, metadata, show, show_lineage

    store = metadata.open_store(home_module.find(home))
    artifact_id = lineage_report.find(store, what, which, pipeline)
    answer = (lineage_report.downstream if downstream else lineage_report.upstream)(store, artifact_id)
    print(json.dumps(answer, indent=1)) if as_json else show.show(show_lineage.tree(answer))


@app.command()
def compare(
    before: RunArgument,
    after: RunArgument,
    pipeline: PipelineOption = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Show what changed from one run to another: configuration, code, data, metrics, verdict."""
    from pipeline import compare, metadata, runs, show

    store = metadata.open_store(home_module.find(home))
    name = runs.find_pipeline(store, pipeline)
    answer = compare.compare(store, runs.get_run(store, name, before), runs.get_run(store, name, after))
    print(json.dumps(answer, indent=1)) if as_json else show.show(*show.comparison(answer))


app.command()(report_command.report)
app.command()(ui_command.ui)


@app.command()
@with_server_flags
def serve(
    pipelines: Annotated[
        list[str] | None, typer.Argument(help="Names or YAML files; none: all that pushed a model.")
    ] = None,
    versions: Annotated[
        int, typer.Option("--versions", min=1, help="How many of the latest versions are served.")
    ] = 1,
    home: HomeOption = None,
    **flags: Any,
) -> int:
    """Serve pushed models over REST and gRPC as TF Serving does; new pushes are taken up while it runs."""
    from pipeline import serve

    return serve.serve(home_module.find(home), pipelines or (), versions, flags)


@app.command()
def predict(
    pipeline: Annotated[str, typer.Argument(help="Name of a pipeline that pushed a model.")],
    json_: Annotated[
        str | None,
        typer.Option("--json", help="An object or a list of them; @FILE, or - for standard input."),
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="CSV file whose header names the inputs.")] = None,
    image: Annotated[list[Path] | None, typer.Option("--image", help="Encoded image; repeatable.")] = None,
    text: Annotated[list[str] | None, typer.Option("--text", help="A text; repeatable.")] = None,
    local: Annotated[bool, typer.Option("--local", help="Load the pushed model; ask no server.")] = False,
    version: Annotated[int | None, typer.Option("--version", help="Version [default: the latest].")] = None,
    label: Annotated[str | None, typer.Option("--label", help="Version label of the server.")] = None,
    signature: Annotated[str, typer.Option("--signature", help="Signature, where not the usual one.")] = "",
    host: Annotated[str, typer.Option("--host", help="Where the server runs.")] = "localhost",
    rest_api_port: Annotated[int, typer.Option("--rest-api-port", help="Its REST port.")] = 8501,
    grpc: Annotated[bool, typer.Option("--grpc", help="Ask over gRPC, not REST.")] = False,
    port: Annotated[int, typer.Option("--port", help="Its gRPC port.")] = 8500,
    timeout: Annotated[float, typer.Option("--timeout", min=0.001, help="Seconds per request.")] = 30.0,
    output: Annotated[
        Literal["table", "json"], typer.Option("--output", help="For people, or JSON lines.")
    ] = "table",
    home: HomeOption = None,
) -> None:
    """Ask a pushed model: a server that runs (mlpipe serve), or the model itself (--local)."""
    from pipeline import predict, show_predictions

    question = predict.Question(json_, csv, tuple(image or ()), tuple(text or ()))
    target = predict.Target(
        version, label, signature, host, rest_api_port, timeout, local, grpc_port=port if grpc else None
    )
    answers = predict.predict(pipeline, question, target, home_module.find(home))
    if output == "json":
        show_predictions.show_json(answers)
    else:
        show_predictions.show_table(answers, {"image": image} if image else {"text": text} if text else None)


for command in (
    cleanup_command.gc,
    *unseen_commands.COMMANDS,
    text_commands.generate,
    text_commands.translate,
):
    app.command()(command)


@export_app.command("serving")
def export_serving(
    pipelines: Annotated[
        list[str] | None, typer.Argument(help="Names or YAML files; none: all that pushed a model.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", help="Folder to write to.")] = Path("deploy"),
    name: Annotated[str, typer.Option("--name", help="Of the deployment and its objects.")] = Settings.name,
    namespace: Annotated[str, typer.Option("--namespace", help="Of Kubernetes [default: kubectl's].")] = "",
    image: Annotated[str, typer.Option("--image", help="TF Serving's image, with its tag.")] = Settings.image,
    cpus: Annotated[int, typer.Option("--cpus", min=1, help="Per replica.")] = Settings.cpus,
    min_replicas: Annotated[int, typer.Option("--min-replicas", min=1)] = Settings.min_replicas,
    max_replicas: Annotated[int, typer.Option("--max-replicas", min=1)] = Settings.max_replicas,
    versions: Annotated[
        int, typer.Option("--versions", min=1, help="How many of the latest versions are served.")
    ] = 1,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are not its own.")] = False,
    home: HomeOption = None,
) -> None:
    """Write what runs TF Serving itself on pushed models: docker compose, Kubernetes, Prometheus."""
    from pipeline import export_serving

    export_serving.export(
        home_module.find(home),
        pipelines or (),
        output,
        name=name,
        namespace=namespace,
        image=image,
        cpus=cpus,
        replicas=(min_replicas, max_replicas),
        num_versions=versions,
        force=force,
    )


@export_app.command("airflow")
def export_airflow(
    pipeline: Annotated[str, typer.Argument(help="Name in the catalog, or a YAML file.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("dags"),
    set_: SetOption = None,
    command: Annotated[
        str | None,
        typer.Option("--command", help="The mlpipe command on Airflow's workers [default: this one]."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is not its own.")] = False,
    home: HomeOption = None,
) -> None:
    """Write a pipeline as a DAG file for Airflow 3: a task a node, each by this command."""
    from pipeline.orchestration import airflow

    airflow.export(pipeline, set_ or (), home_module.find(home), out, command, force)


@export_app.command("kubeflow")
def export_kubeflow(
    pipeline: Annotated[str, typer.Argument(help="Name in the catalog, or a YAML file.")],
    out: Annotated[Path | None, typer.Option("--out", help="File to write [default: PIPELINE.yaml].")] = None,
    set_: SetOption = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is not its own.")] = False,
) -> None:
    """Write a pipeline as a spec of Kubeflow Pipelines 2 or Vertex AI: a container a node, each by this command."""
    from pipeline.orchestration import kubeflow

    kubeflow.export(pipeline, set_ or (), out, force)


def main() -> None:
    """Run the command line; any error ends in one line and its exit code, without a traceback unless `--debug`."""
    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    # A trainer module or a loader of the user's own, which an installed command would not find.
    sys.path.append(str(Path.cwd()))
    try:
        code = app(standalone_mode=False) or 0
    except Exception as error:
        if debug:
            raise
        print(f"mlpipe: {_one_line(error)}", file=sys.stderr)
        code = getattr(error, "exit_code", 1)
    except Terminated as error:
        code = error.exit_code
        print("mlpipe: ended by SIGTERM", file=sys.stderr)
    if code == INTERRUPTED:
        rest = "; the next run continues from the last finished component" if sys.argv[1] == "run" else ""
        print(f"mlpipe: interrupted{rest}", file=sys.stderr)
    sys.exit(code)


def _one_line(error: Exception) -> str:
    if isinstance(error, UserError):
        return " ".join(str(error).splitlines())
    if hasattr(error, "format_message"):
        context = getattr(error, "ctx", None)
        return f"{error.format_message()} See: {context.command_path if context else 'mlpipe'} --help"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"{type(error).__name__}: {' '.join(str(error).split())} (--debug shows where)"


if __name__ == "__main__":
    main()
