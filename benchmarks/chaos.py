"""`make chaos`: processes that log at full speed are killed by SIGKILL at any moment; no acknowledged point is lost.

    python benchmarks/chaos.py [ROUNDS] [SEED]

Each child tells the number of calls that have returned through a file that it has mapped, which outlives it as the
spool does. It logs metric `a` in every call, with the call's number as step and value, and every fifth time `b`, whose
steps come twice: had a point been taken in again after a later one, the wrong value would stand there.
"""

import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mlops_console.core.runs import Run, RunStatus
from mlops_console.store import runs, series, spools
from mlops_console.store.archive import integrity
from mlops_console.store.database import Connection
from mlops_console.store.workspace import Workspace, open_workspace
from mlops_console.tracking.recover import recover

ROUNDS = 400  # half of them alone, half eight at once
AT_ONCE = 8
LONGEST = 0.5  # seconds from the first point until the kill

_LOGGER = """
import mmap, sys
import mlops_console as mlops
with open(sys.argv[1], "r+b") as file:
    returned = memoryview(mmap.mmap(file.fileno(), 8)).cast("q")  # one store of 8 bytes: no kill finds half a number
run = mlops.start_run(sys.argv[2], params={"lr": 0.1})
log, call = run.log, 0
while True:
    log({"a": float(call)}, call)
    if call % 5 == 0:
        log({"b": -float(call)}, call // 10)
    call += 1
    returned[0] = call
"""

_RECOVERER = """
import sys, time
from pathlib import Path
from mlops_console.store.workspace import open_workspace
from mlops_console.tracking.recover import recover
workspace = open_workspace(Path(sys.argv[1]))
print("begun", flush=True)
while True:
    recover(workspace, time.time() + 60)
"""


@dataclass(slots=True)
class Outcome:
    """Of all rounds; `problems` has a sentence for each promise that was broken."""

    rounds: int
    killed: int
    recoverers_killed: int
    points: int  # acknowledged
    beyond: int  # points stored whose acknowledgement the kill has cut off
    problems: list[str]


@dataclass(frozen=True, slots=True)
class _Child:
    name: str
    shared: Path
    process: "subprocess.Popen[bytes]"

    @property
    def calls(self) -> int:
        return int(struct.unpack("=q", self.shared.read_bytes())[0])


def chaos(folder: Path, rounds: int = ROUNDS, seed: int = 0, *, told: bool = False) -> Outcome:
    """Kill in so many rounds, all in one workspace in `folder`: alone, eight at once, and while others recover."""
    random_ = random.Random(seed)
    workspace = open_workspace(folder)
    outcome = Outcome(rounds, 0, 0, 0, 0, [])
    for number in range(rounds):
        children = [_start(workspace, f"round-{number}-{at}") for at in range(AT_ONCE if number % 4 >= 2 else 1)]
        recoverers = [_recoverer(workspace) for _ in range(2)] if number % 2 else []
        _kill(children, random_)
        for recoverer in recoverers:  # what they were taking in just now is left behind a second time
            time.sleep(random_.uniform(0, 0.05))
            recoverer.kill()
            _, error = recoverer.communicate()
            if recoverer.returncode != -signal.SIGKILL:
                outcome.problems.append(f"round {number}: a recovering process has ended: {error.decode()}")
        recover(workspace, time.time() + 60)
        for child in children:
            _judge(workspace, child, outcome)
        outcome.killed += len(children)
        outcome.recoverers_killed += len(recoverers)
        if told and number % 20 == 19:
            print(f"  {number + 1} rounds, {outcome.points:,} points, {len(outcome.problems)} problems", flush=True)
    _judge_all(workspace, outcome)
    workspace.store.close()
    return outcome


def _start(workspace: Workspace, name: str) -> _Child:
    shared = workspace.root / f"{name}.calls"
    shared.write_bytes(bytes(8))
    command = [sys.executable, "-c", _LOGGER, str(shared), name]
    return _Child(name, shared, subprocess.Popen(command, cwd=workspace.root, stderr=subprocess.DEVNULL))


def _recoverer(workspace: Workspace) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-c", _RECOVERER, str(workspace.root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def _kill(children: list[_Child], random_: random.Random) -> None:
    """At any moment after the first point; now and then even before there is one."""
    if random_.random() < 0.9:
        deadline = time.monotonic() + 30
        while not all(child.calls for child in children) and time.monotonic() < deadline:
            time.sleep(0.001)
    time.sleep(random_.uniform(0, LONGEST))
    for child in random_.sample(children, len(children)):
        child.process.kill()
    for child in children:
        child.process.wait()


def _judge(workspace: Workspace, child: _Child, outcome: Outcome) -> None:
    calls = child.calls
    outcome.points += calls + len(range(0, calls, 5))
    with workspace.store.read() as db:
        found = runs.page(db, runs.RunQuery(f"name = '{child.name}'")).runs
        if not found and calls == 0:
            return
        if len(found) != 1:
            outcome.problems.append(f"{child.name}: {len(found)} runs in the store")
            return
        outcome.problems += [f"{child.name}: {problem}" for problem in _problems(db, found[0], calls, outcome)]


def _problems(db: Connection, run: Run, calls: int, outcome: Outcome) -> list[str]:
    """What is wrong with the run of a child of which so many calls have returned."""
    problems = []
    if run.status is not RunStatus.LOST:
        problems.append(f"its run is {run.status}")
    if calls and run.params != {"lr": 0.1}:
        problems.append(f"its params are {run.params}")
    a, b = series.columns(db, run.id, "a"), series.columns(db, run.id, "b")
    stored = len(a)
    outcome.beyond += max(0, stored - calls)
    if not calls <= stored <= calls + 1:
        problems.append(f"{calls} calls have returned and {stored} points of a are stored")
    if list(a.steps) != list(range(stored)) or list(a.values) != [float(step) for step in range(stored)]:
        problems.append("a has wrong steps or values")
    logged = dict(zip(b.steps, b.values, strict=True))
    if logged not in [{call // 10: -float(call) for call in range(0, end, 5)} for end in (calls, calls + 1)]:
        problems.append("b has lost points or wrong values")
    return problems


def _judge_all(workspace: Workspace, outcome: Outcome) -> None:
    left = sorted(path.name for path in workspace.spool_dir.glob("*.spool"))
    with workspace.store.read() as db:
        positions = spools.names(db)
    if left or positions:
        outcome.problems.append(f"the spool keeps {left} and the store the positions of {positions}")
    found = integrity(workspace)
    if found != "ok":
        outcome.problems.append(f"PRAGMA integrity_check: {found}")


def main() -> int:
    rounds, seed = [int(text) for text in sys.argv[1:3]] + [ROUNDS, random.randrange(1 << 32)][len(sys.argv) - 1 :]
    folder = Path(tempfile.mkdtemp(prefix="mlops-console-chaos-"))
    print(f"{rounds} rounds with seed {seed} in {folder}")
    begun = time.monotonic()
    outcome = chaos(folder, rounds, seed, told=True)
    print(
        f"{outcome.killed} logging and {outcome.recoverers_killed} recovering processes killed in "
        f"{time.monotonic() - begun:.0f} s; {outcome.points:,} acknowledged points, {outcome.beyond} more stored"
    )
    for problem in outcome.problems:
        print(problem)
    if outcome.problems:
        print(f"The store is kept in {folder}.")
        return 1
    shutil.rmtree(folder)
    print("No point is lost, none has a wrong value.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
