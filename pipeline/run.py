"""One run of a pipeline on this machine, from the configuration to the summary."""

from __future__ import annotations

import time

from pipeline import copies, metadata_address, node_list, record, work
from pipeline import job as jobs
from pipeline.home import Home
from pipeline.lock import Busy, Holder, lock
from pipeline.metadata import RunExists, Store, open_store
from pipeline.reconcile import check_alone, reconcile
from pipeline.sections import Config
from pipeline.work import Options

_POLL_SECONDS = 2.0


def run(config: Config, home: Home, options: Options) -> None:
    """Runs a pipeline, or says that it is up to date; progress and summary go to standard output.

    Raises:
      UserError: the run ended without a pushed model; the exit code says why.
    """
    nodes = node_list.node_list(config)
    for named in (options.start, options.only, options.until):
        if named is not None:
            node_list.find(nodes, named)
    metadata_address.keep(home, config.metadata.uri, config.metadata.password_file)
    home.check_writable(config.name)
    store = open_store(home, create=True)
    copies.check(config, home, store)
    waits = False
    while True:
        run_id = options.run_id or record.new_run_id(store)
        with lock(home, config.name, run_id, wait=options.wait, on_wait=_tell_who_runs):
            reconcile(store, home, config.name)
            try:
                check_alone(store, home, config.name, run_id)
                _run(config, home, options, store, run_id)
                return
            except RunExists:
                if options.run_id:
                    raise
                # Another pipeline began in the same second.
                continue
            except Busy as error:
                # A run that goes node by node, and is between two of them, holds no lock.
                if not options.wait:
                    raise
                if not waits:
                    print(f"waiting: {error}", flush=True)
                waits = True
        time.sleep(_POLL_SECONDS)


def _run(config: Config, home: Home, options: Options, store: Store, run_id: str) -> None:
    inputs = jobs.find(config, home)
    made_of = record.fingerprint_run(config, inputs)
    former = record.up_to_date(store, made_of)
    if former and not options.asks_for_work:
        print(f"{config.name} is up to date: run {former} used the same data, code and configuration")
        return
    job, left_out = jobs.prepare(config, home, run_id, inputs)
    record.begin(store, job, made_of, whole=options.whole)
    work.do(job, options, store, left_out)


def _tell_who_runs(holder: Holder) -> None:
    print(f"waiting for run {holder.run_id} (process {holder.pid})", flush=True)
