"""The child that opens uploads: what it may do, what ends it, and how little of it is believed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from portal.kit.pictures import Kind, PictureRefused, Refusal, Studio, redrawn
from tests.requests_app import hostile

ROOT = Path(__file__).resolve().parents[2]
MOST = 10 * 1024 * 1024
_CONFINED = """
import os, socket, sys, resource
sys.path.append(sys.argv[1])
from portal.kit.drawing import child, {module}
child.confine()
def tried(what):
    try:
        what()
    except BaseException as error:
        return type(error).__name__
    return "done"
print(resource.getrlimit(resource.RLIMIT_AS)[0])
print(tried(lambda: bytearray(300_000_000)))
print(tried(lambda: open("/etc/hostname")))
print(tried(lambda: socket.socket()))
print(tried(os.fork))
print(*(resource.getrlimit(what)[1] for what in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_CPU)))
print(os.geteuid(), os.getegid(), os.getgroups(), tried(lambda: os.setuid(0)))
"""


def confined(module: str) -> list[str]:
    """What a child of this module says that it can do, line by line."""
    command = [sys.executable, "-I", "-c", _CONFINED.format(module=module), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={}, cwd="/")
    return done.stdout.splitlines()


@pytest.mark.parametrize("module", ["images", "pdfs"])
def test_the_child_has_300_mb_and_opens_nothing_starts_nothing_and_writes_nothing(module: str) -> None:
    memory, allocating, opening, connecting, forking, limits, who = confined(module)
    assert int(memory) <= 300_000_000
    assert allocating == "MemoryError"
    assert (opening, connecting) == ("OSError", "OSError")
    assert forking == "BlockingIOError"
    assert limits == "0 0 8"
    assert who.endswith("PermissionError")
    assert not who.startswith("0 ")


def test_a_picture_comes_back_with_its_facts() -> None:
    drawn = redrawn(hostile.image(size=(41, 30)), Kind.PNG, most_bytes=MOST)
    assert (drawn.width, drawn.height, drawn.pages) == (41, 30, 1)
    assert hostile.chunks_of(drawn.png) == [b"IHDR", b"IDAT", b"IEND"]


def test_the_pages_of_a_pdf_stand_below_each_other_with_a_line_between() -> None:
    drawn = redrawn(hostile.pages(2), Kind.PDF, most_bytes=MOST)
    assert (drawn.width, drawn.height, drawn.pages) == (500, 2 * 250 + 8, 2)


def test_a_file_that_takes_for_ever_is_ended() -> None:
    with pytest.raises(PictureRefused) as refused:
        Studio(wall=1.0).redraw(hostile.drawing_itself_over_and_over(), Kind.PDF, most_bytes=MOST)
    assert refused.value.why is Refusal.TOO_LONG


@pytest.mark.slow
def test_only_so_many_are_drawn_at_once_and_who_waits_too_long_is_told() -> None:
    studio = Studio(at_once=1, wait=0.1, wall=2.0)

    def for_ever() -> None:
        with pytest.raises(PictureRefused):
            studio.redraw(hostile.drawing_itself_over_and_over(), Kind.PDF, most_bytes=MOST)

    slow = threading.Thread(target=for_ever)
    slow.start()
    time.sleep(0.2)
    with pytest.raises(PictureRefused) as refused:
        studio.redraw(hostile.image(), Kind.PNG, most_bytes=MOST)
    assert refused.value.why is Refusal.BUSY
    slow.join()
    assert studio.redraw(hostile.image(), Kind.PNG, most_bytes=MOST).width == 40


def test_a_photo_that_grows_is_drawn_smaller_until_it_fits() -> None:
    drawn = redrawn(hostile.noise("WEBP", (400, 400)), Kind.WEBP, most_bytes=40_000)
    assert len(drawn.png) <= 40_000
    assert 100 < drawn.width < 400


def test_nothing_of_our_environment_reaches_the_child(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "PIL.py").write_text("raise SystemExit(7)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert redrawn(hostile.image(), Kind.PNG, most_bytes=MOST).width == 40
