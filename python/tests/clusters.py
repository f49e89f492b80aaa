"""Local clusters of several processes, and what has to come out of them.

    pip install 'WHEEL[ray,daft,spark]'
    python python/tests/clusters.py ray --molecules 200000
    python python/tests/clusters.py ray --speed
    python python/tests/clusters.py daft --molecules 20000
    python python/tests/clusters.py spark --molecules 20000

Ray runs on two nodes, Daft on processes, Spark on two executors (`local-cluster`; it needs
Java), all on this machine. From Parquet to Parquet; of Ray's workers one is killed half-way.
Every row has to come out once, with the values of this process. The tests run the first in
its quick form.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from made import molecules

import delicate

# In the environment of every process of ours.
MARK = "DELICATE_CLUSTER"


def write_library(folder: Path, count: int, files: int) -> list[str]:
    """Files of molecules, with a column of another type beside them."""
    smiles = molecules(count)
    table = pa.table({"number": range(count), "smiles": smiles})
    folder.mkdir()
    size = max(1, count // files)
    for start in range(0, count, size):
        pq.write_table(table.slice(start, size), folder / f"{start:09}.parquet")
    return smiles


def check(folder: Path, smiles: list[str]) -> int:
    """Checks what was written; how many rows have errors."""
    found = pq.read_table(folder).sort_by("number")
    assert found["number"].to_pylist() == list(range(len(smiles))), "a row is missing or twice"
    scorer = delicate.Scorer(device="cpu")
    expected = scorer.score(smiles)
    for endpoint in scorer.endpoints:
        # Batches are put together otherwise, which the last digits show.
        np.testing.assert_allclose(
            found[endpoint.name].to_numpy(),
            expected[endpoint.name],
            rtol=1e-4,
            atol=1e-4,
            err_msg=endpoint.name,
        )
    assert found["error"].to_pylist() == list(expected["error"])
    assert found["standardized"].to_pylist() == list(expected["standardized"])
    return sum(error is not None for error in expected["error"])


@contextmanager
def ray_of_two_nodes() -> Iterator[Any]:
    """Ray on a head and a second node, processes of this machine."""
    os.environ[MARK] = str(os.getpid())
    # Before Ray is imported: it says nothing of itself to anybody.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Workers that nobody has asked for yet.
    os.environ["RAY_enable_worker_prestart"] = "0"
    os.environ["RAY_prestart_worker_first_driver"] = "0"
    # Workers stand back behind all else on a machine; on a busy one they would not move.
    os.environ["RAY_worker_niceness"] = "0"
    # There a worker also takes longer to begin than the minute after which it is taken for
    # dead, and the next one no less.
    os.environ["RAY_worker_register_timeout_seconds"] = "300"
    import ray
    import ray.data
    from ray.cluster_utils import Cluster

    # Ray Data waits where a few of its blocks do not fit.
    store = 1024 * 1024 * 1024
    # Actors take one each, and reading and writing one more.
    head = {"num_cpus": 2, "object_store_memory": store, "include_dashboard": False}
    with ExitStack() as ended:
        cluster = _started(lambda: Cluster(initialize_head=True, head_node_args=head))
        ended.callback(cluster.shutdown)
        _started(lambda: cluster.add_node(num_cpus=2, object_store_memory=store))
        ended.callback(ray.shutdown)
        ray.init(address=cluster.address, log_to_driver=False)
        # Ray has types, but not here.
        nodes: Any = ray.nodes
        assert sum(node["Alive"] for node in nodes()) == 2
        ray.data.DataContext.get_current().enable_progress_bars = False
        yield ray


def _started(start: Callable[[], Any]) -> Any:
    """What starts, on a busy machine at the third time: Ray waits half a minute, no more."""
    for _ in range(2):
        with suppress(Exception):
            return start()
    return start()


def actors() -> list[int]:
    """The processes of Ray's actors that score."""
    ours = f"{MARK}={os.getpid()}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            title = (entry / "cmdline").read_bytes()
            owner = (entry / "environ").read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::") and b"Map" in title and ours in owner:
            found.append(int(entry.name))
    return found


def on_ray(count: int, files: int = 50) -> str:
    """Scores on Ray, kills an actor half-way, checks, and tells what happened."""
    import delicate.ray

    with tempfile.TemporaryDirectory() as name, ray_of_two_nodes() as ray:
        folder = Path(name)
        smiles = write_library(folder / "in", count, files)
        killed: list[int] = []
        passed, marker = folder / "passed", folder / "killed"
        passed.mkdir()

        def kill() -> None:
            # Half of the rows are on their way to the actors, or through them.
            while sum(int(path.name.split("-")[1]) for path in passed.iterdir()) < count // 2:
                time.sleep(0.05)
            while not killed:
                for process in actors()[:1]:
                    with suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
                        killed.append(process)
                time.sleep(0.05)
            marker.touch()

        def held(table: pa.Table) -> pa.Table:
            # Until one was killed the last rows are not there, and the actors wait for them.
            if table.num_rows > 0:
                last = pc.max(table["number"]).as_py()
                (passed / f"{last}-{table.num_rows}").touch()
                deadline = time.monotonic() + 300
                while last == count - 1 and not marker.exists() and time.monotonic() < deadline:
                    time.sleep(0.05)
            return table

        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        start = time.monotonic()
        library = ray.data.read_parquet(str(folder / "in"))
        library = library.map_batches(held, batch_size=None, batch_format="pyarrow")
        size = max(1, count // files)
        scored = delicate.ray.score(library, concurrency=2, batch_size=size)
        scored.write_parquet(str(folder / "out"))
        seconds = time.monotonic() - start
        failed = check(folder / "out", smiles)
    assert killed, "no worker was killed in time: take more molecules"
    return f"ray: {count} rows on two nodes in {seconds:.0f} s, one worker killed, {failed} errors"


def on_daft(count: int, files: int = 10) -> str:
    """Scores in Daft and checks."""
    import daft

    import delicate.daft

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        smiles = write_library(folder / "in", count, files)
        start = time.monotonic()
        library = daft.read_parquet(f"{folder}/in/*.parquet")
        scored = delicate.daft.score(library, concurrency=2, batch_size=max(1, count // files))
        scored.write_parquet(str(folder / "out"))
        seconds = time.monotonic() - start
        failed = check(folder / "out", smiles)
    return f"daft: {count} rows in two processes in {seconds:.0f} s, {failed} errors"


def on_spark(count: int, files: int = 10) -> str:
    """Scores on two executors of Spark and checks."""
    # The workers' Python is that of this process, with all that is installed there.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession

    import delicate.spark

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        smiles = write_library(folder / "in", count, files)
        builder: Any = SparkSession.builder
        spark = (
            builder.master("local-cluster[2,1,1024]")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.executor.memory", "1g")
            .config("spark.sql.files.maxPartitionBytes", "64k")
            .config("spark.sql.execution.arrow.maxRecordsPerBatch", "4096")
            .getOrCreate()
        )
        try:
            start = time.monotonic()
            library = spark.read.parquet(str(folder / "in")).repartition(files)
            delicate.spark.score(library).write.parquet(str(folder / "out"))
            seconds = time.monotonic() - start
        finally:
            spark.stop()
        failed = check(folder / "out", smiles)
    return f"spark: {count} rows on two executors in {seconds:.0f} s, {failed} errors"


def speed(count: int, files: int = 20) -> str:
    """What two actors of one thread do beside one, by the clock and by processor time.

    Processor time is that of the actors between two full passes over the library; where
    other work keeps the machine busy, twice the rate at the same processor time a row is
    what two cores of their own would give.
    """
    import delicate.ray

    told = []
    with tempfile.TemporaryDirectory() as name, ray_of_two_nodes() as ray:
        path = Path(name) / "in"
        write_library(path, count, files)
        for number in (1, 2, 1, 2, 1, 2):
            library = ray.data.read_parquet(str(path))
            scored = delicate.ray.score(library, concurrency=number, batch_size=count // files)
            start, used = time.monotonic(), 0.0
            for _ in scored.iter_batches(batch_format="pyarrow"):
                # The actors end with the pass: what they used is seen at its last batch.
                used = sum(map(_processor_seconds, actors()))
            seconds = time.monotonic() - start
            told.append(
                f"{number} actors: {count / seconds:.0f} rows/s by the clock, "
                f"{count / max(used, 1e-9):.0f} rows a second of processor time"
            )
    return "\n".join(told)


def _processor_seconds(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    engines: dict[str, Callable[[int], str]] = {"ray": on_ray, "daft": on_daft, "spark": on_spark}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=list(engines))
    parser.add_argument("--molecules", type=int, default=200_000)
    parser.add_argument("--speed", action="store_true", help="two actors of Ray beside one")
    arguments = parser.parse_args()
    run = speed if arguments.speed else engines[arguments.engine]
    print(run(arguments.molecules))


if __name__ == "__main__":
    main()
