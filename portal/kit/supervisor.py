"""Runs several programs as one: prefixed output, restart with back-off, one clean stop. No Django.

reliability-security.md §2.2 rows 5-8 and §2.3 say why: a queue worker must get SIGTERM at its main process
only, and what is left of its group must be killed, whoever died first: a worker, its main process, or we.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

BACK_OFF = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
STEADY_SECONDS = 60.0  # a program that ran this long starts its back-off afresh
CANARY_EVERY = 15.0
LOOK_EVERY = 0.1
BOLD = 1
COLOURS = (36, 33, 32, 35, 34, 31)
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)  # loaded before any fork
# Outlives us by design: end of its input without a word from us means that we were killed.
_GUARDIAN = """
import os, signal, sys, time
alive = {}
for line in sys.stdin:
    pid, grace = line.split()
    alive[int(pid)] = float(grace)
    if float(grace) < 0:
        del alive[int(pid)]
def kill(send, pid, number):
    try:
        send(pid, number)
    except OSError:
        return False
    return True
started = time.monotonic()
while alive:  # SIGTERM has reached them already, by PR_SET_PDEATHSIG
    for pid, grace in list(alive.items()):
        if time.monotonic() - started > grace or not kill(os.kill, pid, 0):
            kill(os.killpg, pid, signal.SIGKILL)
            del alive[pid]
    time.sleep(0.1)
"""


@dataclass(frozen=True)
class Child:
    """One program. `canary` gives the age in seconds of its last proof of work, None before the first.

    A `canary` that raises means that nothing can be known now (the database is away): we wait.
    `grace` is the seconds it may take to end after SIGTERM.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    grace: float = 15.0
    canary: Callable[[], float | None] | None = None
    stale_after: float = 60.0


class _Running:
    """A child and its present process, if it has one."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.start_after = 0.0
        self.failures = 0
        self.is_ready = False
        self.next_canary = 0.0
        self.relay: threading.Thread | None = None

    def has_ended(self) -> bool:
        """Looks without reaping: the number of its group must not be reused before the group is killed."""
        if self.process is None:
            return True
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def clear(self) -> int:
        """Kill whatever is left of the group, reap, and return the exit code."""
        if self.process is None:
            return 0
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        code = self.process.wait()
        self.process = None
        if self.relay is not None:
            self.relay.join(1.0)  # its last words come before ours about it
        return code


class Supervisor:
    """Keeps children running until SIGTERM, SIGINT or SIGHUP; a second signal kills at once."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        on_ready: Callable[[], None] = lambda: None,
        output: IO[str] | None = None,
        back_off: Sequence[float] = BACK_OFF,
    ) -> None:
        self._all = [_Running(child) for child in children]
        self._on_ready = on_ready
        self._output = output or sys.stdout
        self._back_off = back_off
        self._signals = 0
        self._last_signal_at = float("-inf")
        self._announced = False
        self._write_lock = threading.Lock()
        self._width = max(len(name) for name in ("portal", *(child.name for child in children)))
        self._guardian: subprocess.Popen[str] | None = None

    def run(self) -> None:
        """Blocks until stopped. Must be called in the main thread."""
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        self._guardian = subprocess.Popen(
            [sys.executable, "-S", "-c", _GUARDIAN], stdin=subprocess.PIPE, text=True, start_new_session=True
        )
        try:
            while not self._signals:
                for running in self._all:
                    self._look_after(running)
                self._announce()
                time.sleep(LOOK_EVERY)
            self._stop()
        finally:
            for running in self._all:
                self._clear(running)
            self._guardian.communicate()
            for number, handler in before.items():
                signal.signal(number, handler)

    def say(self, text: str) -> None:
        self._write("portal", text, BOLD)

    def _on_signal(self, _number: int, _frame: object) -> None:
        # A terminal, make and an impatient script may each pass the same wish on.
        if time.monotonic() - self._last_signal_at > 0.5:
            self._signals += 1
        self._last_signal_at = time.monotonic()

    def _look_after(self, running: _Running) -> None:
        now = time.monotonic()
        if running.process is None:
            if now >= running.start_after:
                self._start(running)
        elif running.has_ended():
            self._restart_later(running, "ended with {code}")
        elif running.child.canary and now >= running.next_canary:
            running.next_canary = now + min(CANARY_EVERY, running.child.stale_after / 4)
            if self._is_stale(running, running.child.canary):
                self._restart_later(running, "was silent for too long and was killed")

    def _start(self, running: _Running) -> None:
        child, us = running.child, os.getpid()

        def end_with_us() -> None:
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != us:
                os._exit(1)

        running.started_at = time.monotonic()
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **child.env}
        try:
            running.process = process = subprocess.Popen(
                child.argv, env=environment, start_new_session=True, preexec_fn=end_with_us,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
        except OSError as error:
            self._restart_later(running, f"cannot be started ({error.strerror})")
            return
        self._tell_guardian(process.pid, child.grace)
        running.relay = threading.Thread(target=self._relay, args=(running, process.stdout), daemon=True)
        running.relay.start()

    def _restart_later(self, running: _Running, what: str) -> None:
        if time.monotonic() - running.started_at > STEADY_SECONDS:
            running.failures = 0
        wait = self._back_off[min(running.failures, len(self._back_off) - 1)]
        running.failures += 1
        code = self._clear(running)
        running.start_after = time.monotonic() + wait
        cause = what.format(code=f"signal {-code}" if code < 0 else f"code {code}")
        self.say(f"{running.child.name} {cause}; it starts again in {wait:g} s.")

    def _is_stale(self, running: _Running, canary: Callable[[], float | None]) -> bool:
        uptime = time.monotonic() - running.started_at
        try:
            age = canary()
        except Exception as error:  # noqa: BLE001 - whatever it is, a restart of the worker would not mend it
            self.say(f"{running.child.name} cannot be checked now ({type(error).__name__}).")
            return False
        # A worker that has just started answers for its own time only.
        return min(uptime, uptime if age is None else age) > running.child.stale_after

    def _announce(self) -> None:
        """Call `on_ready` once, when every child has been ready at some time."""
        if self._announced:
            return
        for running in self._all:
            if not running.is_ready and running.process is not None:
                running.is_ready = running.child.ready is None or running.child.ready()
        if all(running.is_ready for running in self._all):
            self._announced = True
            self._on_ready()

    def _stop(self) -> None:
        self.say("Stopping. Once more stops at once.")
        stopping_at = time.monotonic()
        for running in self._all:
            if running.process is not None and not running.has_ended():
                os.kill(running.process.pid, signal.SIGTERM)
        while self._signals < 2 and any(running.process for running in self._all):
            for running in self._all:
                late = time.monotonic() - stopping_at > running.child.grace
                if running.process is not None and (late or running.has_ended()):
                    self._clear(running)
                    self.say(
                        f"{running.child.name} {'did not end in time and was killed' if late else 'ended'}."
                    )
            time.sleep(LOOK_EVERY)

    def _clear(self, running: _Running) -> int:
        pid = running.process.pid if running.process is not None else None
        code = running.clear()
        if pid is not None:
            self._tell_guardian(pid, -1)
        return code

    def _tell_guardian(self, pid: int, grace: float) -> None:
        if self._guardian is not None and self._guardian.stdin is not None:
            try:
                print(pid, grace, file=self._guardian.stdin, flush=True)
            except BrokenPipeError:
                self.say("The guardian of the processes is gone; they still end with us.")
                self._guardian.stdin = None

    def _relay(self, running: _Running, stream: IO[bytes]) -> None:
        colour = COLOURS[self._all.index(running) % len(COLOURS)]
        with stream:
            for line in iter(lambda: stream.readline(65536), b""):
                self._write(running.child.name, line.decode(errors="replace").rstrip("\r\n"), colour)

    def _write(self, name: str, text: str, colour: int) -> None:
        label = f"{name:<{self._width}} |"
        if self._output.isatty():
            label = f"\x1b[{colour}m{label}\x1b[0m"
        # When nobody reads any more the children must not block on us.
        with self._write_lock, suppress(OSError, ValueError):
            print(label, text, file=self._output, flush=True)
