"""Grading on a Dask cluster: a real scheduler and real workers on this machine, one of which gets lost."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backprop import __version__
from backprop.cluster import CHUNK, Cluster, grade_chunk
from backprop.errors import BackpropError, UsageError
from backprop.grading import grade_rows, read_key
from backprop.tables import Record, Table

SOURCE = str(Path(__file__).parents[1] / "src")
KEY = "problem_id,problem,wrt,points\nchain,sin(x^2+3x),x,2\npower,x^4,x,1\nproduct,x ln(x),x,1.5\n"


def start(*arguments, **options):
    """A Python program with the package on its path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([SOURCE, os.environ.get("PYTHONPATH", "")])}
    settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "env": environment}
    return subprocess.Popen([sys.executable, "-m", *arguments], **(settings | options))


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Machines:
    """A scheduler and workers, each a process on loopback."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        file = folder / "scheduler.json"
        self._start("scheduler", "--scheduler-file", str(file), "--port", "0", "--no-dashboard")
        wait_for(lambda: file.exists() and file.read_text().endswith("}"))
        self.address = json.loads(file.read_text())["address"]

    def worker(self):
        """One more worker of one thread."""
        return self._start("worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard")

    def _start(self, what, *arguments):
        log = open(self.folder / f"{what}{len(self.processes)}.log", "w")  # noqa: SIM115
        with log:
            process = start(
                f"distributed.cli.dask_{what}", *arguments, "--host", "127.0.0.1", cwd=self.folder, stdout=log
            )
        self.processes.append(process)
        return process

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def machines(tmp_path):
    found = Machines(tmp_path)
    yield found
    found.close()


RIGHT = {"chain": "(2x+3)cos(x^2+3x)", "power": "4x^3", "product": "ln(x)+1"}


def table(count):
    lines = []
    for k in range(count):
        problem = list(RIGHT)[k % 3]
        wrong = f"+ {k % 17}" if k % 10 == 0 else ""
        lines.append(f"s{k % 9},{problem},{RIGHT[problem]} + {k} - {k} {wrong}")
    lines[3], lines[70] = "s3,nix,2x", "s0,chain,2x++"
    return "student,problem_id,answer\n" + "\n".join(lines) + "\n"


def problems():
    rows = [line.split(",") for line in KEY.splitlines()]
    return read_key(Record(n, n + 1, rows[0], row) for n, row in enumerate(rows[1:], 1))


def test_a_lost_worker_loses_no_row_and_the_table_is_that_of_a_local_run(machines, tmp_path):
    (tmp_path / "key.csv").write_text(KEY)
    (tmp_path / "answers.csv").write_text(table(320))
    machines.worker()
    doomed = machines.worker()
    command = ["backprop", "grade", "answers.csv", "--key", "key.csv", "--feedback"]
    local = start(*command, "local", "-o", "local.csv", cwd=tmp_path)
    assert local.communicate(timeout=60)[1] is None
    away = start(*command, "away", "-o", "away.csv", "--cluster", machines.address, cwd=tmp_path)
    journal = tmp_path / "away.csv.part.jsonl"
    wait_for(lambda: journal.exists() and journal.read_bytes().count(b"\n") > CHUNK)
    doomed.send_signal(signal.SIGKILL)
    assert away.poll() is None
    said = away.communicate(timeout=60)[0]
    assert away.returncode == 0, said
    assert (tmp_path / "away.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
    with Table(str(tmp_path / "away.csv")) as graded:
        assert sum(1 for _ in graded) == 320
    texts = [{file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("local", "away")]
    assert texts[0] == texts[1]


def test_a_cluster_that_is_lost_ends_the_run_and_not_in_silence(machines):
    names = ("student", "problem_id", "answer")
    rows = (Record(n, n + 1, names, ("Ann", "power", f"{n}x^3")) for n in range(1, 400))
    machines.worker()
    with Cluster(machines.address, patience=1.0) as cluster:
        found = grade_rows(rows, problems(), cluster)
        assert next(found).verdict == "incorrect"
        machines.processes[1].kill()
        with pytest.raises(BackpropError, match="does not answer: it has had no worker for 1 s"):
            list(found)


def test_no_scheduler_is_said(monkeypatch):
    monkeypatch.setattr("backprop.cluster.TIMEOUT", 0.5)
    with pytest.raises(UsageError, match=r"cannot reach a Dask scheduler at tcp://127\.0\.0\.1:9"):
        Cluster("tcp://127.0.0.1:9")


def test_another_version_is_refused():
    answer = json.loads(grade_chunk(json.dumps({"version": "0.0.1", "tasks": []})))
    assert answer == {"error": f"the cluster has backprop {__version__}, here is 0.0.1"}
