"""The supervisor on small programs: what a person sees, and that nothing is ever left running."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
# A main process that notes its own number and its grandchild's, and ends softly on SIGTERM.
FAMILY = """
import os, signal, subprocess, sys, time
from pathlib import Path
notes = Path(sys.argv[1])
grandchild = subprocess.Popen([sys.executable, "-c", '''
import signal, sys, time
from pathlib import Path
def term(*_):
    Path(sys.argv[1]).write_text("grandchild was signalled")
signal.signal(signal.SIGTERM, term)
time.sleep(300)
''', str(notes / "signalled")])
time.sleep(0.3)
def term(*_):
    print("draining", flush=True)
    grandchild.kill()
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if "stubborn" in sys.argv else term)
with (notes / "pids").open("a") as file:
    print(os.getpid(), grandchild.pid, file=file)
print("hello", flush=True)
while True:
    time.sleep(0.05)
"""


class Trial:
    """A supervisor in a process of its own, so that it can be signalled and killed."""

    def __init__(self, folder: Path, children: str) -> None:
        self.folder = folder
        (folder / "family.py").write_text(FAMILY)
        script = f"""
            import sys, time
            from portal.kit.supervisor import Child, Supervisor
            python, folder = sys.executable, {str(folder)!r}
            family = [python, folder + "/family.py", folder]
            children = [{" ".join(children.split())}]
            on_ready = lambda: print("all ready", flush=True)
            Supervisor(children, back_off=(0.2,), on_ready=on_ready).run()
            print("supervisor ended", flush=True)
        """
        self.output = folder / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(script)], cwd=ROOT, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip

    def text(self) -> str:
        return self.output.read_text()

    def families(self) -> list[list[int]]:
        pids = self.folder / "pids"
        return (
            [[int(pid) for pid in line.split()] for line in pids.read_text().splitlines()]
            if pids.exists()
            else []
        )

    def wait_for(self, condition: Callable[[], bool], seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"it never came; the output was:\n{self.text()}"
            time.sleep(0.05)

    def wait_until_all_are_gone(self) -> None:
        self.wait_for(lambda: not any(is_alive(pid) for family in self.families() for pid in family))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Callable[[str], Trial]]:
    trials: list[Trial] = []

    def start(children: str) -> Trial:
        trials.append(Trial(tmp_path, children))
        return trials[-1]

    yield start
    for each in trials:
        for pid in [each.process.pid, *(pid for family in each.families() for pid in family)]:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        each.process.wait()


Start = Callable[[str], Trial]


def test_each_line_bears_the_name_of_its_program(trial: Start) -> None:
    run = trial(
        """Child("one", [python, "-c", "import time; print('a'); print('b'); time.sleep(99)"]),
        Child("second", [python, "-c", "import sys, time; print('c', file=sys.stderr); time.sleep(99)"])"""
    )
    run.wait_for(lambda: all(line in run.text() for line in ("one    | a\n", "one    | b\n", "second | c\n")))
    run.process.terminate()
    assert run.process.wait(10) == 0
    assert "supervisor ended" in run.text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_one_signal_ends_all_softly_and_reaches_main_processes_only(
    trial: Start, number: signal.Signals
) -> None:
    run = trial('Child("worker", family)')
    run.wait_for(lambda: "hello" in run.text())
    run.process.send_signal(number)
    assert run.process.wait(10) == 0
    assert "worker | draining" in run.text()
    assert not (run.folder / "signalled").exists()
    run.wait_until_all_are_gone()


def test_who_does_not_end_within_the_grace_is_killed_with_its_group(trial: Start) -> None:
    run = trial('Child("worker", [*family, "stubborn"], grace=1)')
    run.wait_for(lambda: "hello" in run.text())
    run.process.terminate()
    assert run.process.wait(10) == 0
    assert "did not end in time and was killed" in run.text()
    run.wait_until_all_are_gone()


def test_a_second_signal_does_not_wait_for_the_grace(trial: Start) -> None:
    run = trial('Child("worker", [*family, "stubborn"], grace=100)')
    run.wait_for(lambda: "hello" in run.text())
    run.process.terminate()
    run.wait_for(lambda: "Stopping" in run.text())
    time.sleep(0.7)
    assert run.process.poll() is None
    run.process.terminate()
    assert run.process.wait(5) == 0
    run.wait_until_all_are_gone()


@pytest.mark.parametrize("manner", ["", "stubborn"])
def test_a_killed_supervisor_leaves_nothing_behind(trial: Start, manner: str) -> None:
    run = trial(f'Child("worker", [*family, {manner!r}], grace=1)')
    run.wait_for(lambda: "hello" in run.text())
    run.process.kill()
    run.process.wait()
    run.wait_until_all_are_gone()


def test_a_killed_main_process_takes_its_grandchildren_along_and_comes_back(trial: Start) -> None:
    run = trial('Child("worker", family)')
    run.wait_for(lambda: len(run.families()) == 1)
    main, grandchild = run.families()[0]
    os.kill(main, signal.SIGKILL)
    run.wait_for(lambda: len(run.families()) == 2)
    assert not is_alive(grandchild)
    assert "worker ended with signal 9; it starts again in 0.2 s." in run.text()


def test_a_program_that_cannot_be_started_is_named(trial: Start) -> None:
    run = trial('Child("odd", ["/nowhere/at/all"])')
    run.wait_for(lambda: run.text().count("odd cannot be started (No such file or directory)") > 1)


def test_ready_is_announced_once_and_only_after_all_are(trial: Start) -> None:
    run = trial(
        """Child("a", [python, "-c", "import time; time.sleep(99)"], ready=lambda: True),
        Child("b", family, ready=lambda: __import__("pathlib").Path(folder, "go").exists())"""
    )
    run.wait_for(lambda: "hello" in run.text())
    time.sleep(0.3)
    assert "all ready" not in run.text()
    (run.folder / "go").touch()
    run.wait_for(lambda: "all ready" in run.text())
    time.sleep(0.3)
    assert run.text().count("all ready") == 1


def test_a_silent_worker_is_killed_with_its_group_and_restarted(trial: Start) -> None:
    run = trial('Child("worker", [*family, "stubborn"], canary=lambda: 99.0, stale_after=1)')
    run.wait_for(lambda: len(run.families()) == 2)
    assert not any(is_alive(pid) for pid in run.families()[0])
    assert "worker was silent for too long and was killed" in run.text()


def test_a_worker_without_any_proof_of_work_is_judged_by_its_own_age(trial: Start) -> None:
    run = trial('Child("worker", family, canary=lambda: None, stale_after=1)')
    run.wait_for(lambda: len(run.families()) == 2)


def test_a_worker_is_left_alone_while_nothing_can_be_known(trial: Start) -> None:
    run = trial('Child("worker", family, canary=lambda: 1 / 0, stale_after=0.2)')
    run.wait_for(lambda: "worker cannot be checked now (ZeroDivisionError)" in run.text())
    time.sleep(1)
    assert len(run.families()) == 1
    assert is_alive(run.families()[0][0])


def test_proof_of_work_is_asked_for_from_the_start_and_an_old_one_is_not_held_against_a_new_worker(
    trial: Start,
) -> None:
    run = trial('Child("worker", family, canary=lambda: print("asked", flush=True) or 9999.0, stale_after=4)')
    run.wait_for(lambda: "asked" in run.text())
    time.sleep(1.5)
    assert "was silent" not in run.text()
