"""Files at rest: sealed, whole or not there, the same content once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import SuspiciousFileOperation
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from orders import secrecy, vault

CHECKOUT = Path(__file__).resolve().parents[2]
CONTENT = b"From: john@example.com\r\n\r\nWhere is my order?"


@pytest.fixture
def folder() -> Path:
    """Where the files of this test are kept."""
    return Path(django_settings.STORAGES["mail"]["OPTIONS"]["location"])


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(content=st.binary(max_size=2_000))
def test_what_was_kept_comes_back(content):
    assert vault.load(vault.save(content)) == content


def test_a_file_is_sealed_and_its_name_tells_nothing(folder):
    name = vault.save(CONTENT)
    [path] = files(folder)
    assert str(path.relative_to(folder)) == name
    digest = secrecy.digest(CONTENT, purpose="vault-name").hex()
    assert name == f"{digest[:3]}/{digest}"
    assert b"john" not in path.read_bytes()


def test_the_same_content_is_one_file_written_once(folder):
    name = vault.save(CONTENT)
    [path] = files(folder)
    written = path.read_bytes()
    assert (vault.save(CONTENT), files(folder), path.read_bytes()) == (name, [path], written)


def test_other_content_is_another_file(folder):
    assert vault.save(CONTENT) != vault.save(CONTENT + b".")
    assert len(files(folder)) == 2


def test_several_are_kept_at_once_each_under_its_name(folder):
    contents = [CONTENT, b"", os.urandom(300_000), CONTENT, *(b"file %d" % number for number in range(20))]
    names = vault.save_all(contents)
    assert [vault.load(name) for name in names] == contents
    assert (names[0], len(files(folder)), vault.save_all([])) == (names[3], len(set(contents)), [])


def test_when_one_of_several_cannot_be_kept_none_counts_as_kept(folder):
    folder.mkdir(parents=True)
    digest = secrecy.digest(b"2", purpose="vault-name").hex()
    (folder / digest[:3]).write_text("a file where the folder should be")
    with pytest.raises(OSError, match=digest[:3]):
        vault.save_all([b"1", b"2", b"3"])


def test_only_the_owner_may_read_the_files(folder):
    vault.save(CONTENT)
    [path] = files(folder)
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_not_there_is_missing():
    with pytest.raises(vault.Missing):
        vault.load("ab/cd/abcdef")


def test_a_damaged_file_does_not_open(folder):
    name = vault.save(CONTENT)
    [path] = files(folder)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(secrecy.CannotOpen):
        vault.load(name)


@pytest.mark.parametrize("left", [0, 20, len(CONTENT)])
def test_a_file_that_was_cut_off_is_written_anew_when_its_content_comes_again(folder, left):
    name = vault.save(CONTENT)
    [path] = files(folder)
    os.truncate(path, left)
    assert vault.save(CONTENT) == name
    assert vault.load(name) == CONTENT


def test_an_empty_file_does_not_open(folder):
    name = vault.save(CONTENT)
    files(folder)[0].write_bytes(b"")
    with pytest.raises(secrecy.CannotOpen):
        vault.load(name)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd"])
def test_nothing_outside_the_folder_is_read(name):
    with pytest.raises(SuspiciousFileOperation):
        vault.load(name)


def test_many_writers_of_one_content_leave_one_whole_file(folder):
    content = os.urandom(300_000)
    names: list[str] = []
    writers = [threading.Thread(target=lambda: names.append(vault.save(content))) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert (len(set(names)), len(names), len(files(folder)), vault.load(names[0])) == (1, 8, 1, content)


def test_a_writer_that_fails_leaves_nothing(folder):
    class Failing:
        def chunks(self) -> object:
            yield b"half of it"
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        vault.Folder(location=str(folder))._save("ab/cd/abcd", Failing())
    assert files(folder) == []


def test_a_file_is_on_the_disk_before_its_name_is_and_its_name_before_it_counts_as_kept(folder, monkeypatch):
    """A power cut cannot be had here; what can be seen is what was handed to the disk, and when."""
    seen: list[tuple[str, bool, bool]] = []
    fsync = os.fsync

    def watched(handle: int) -> None:
        fsync(handle)
        path = Path(f"/proc/self/fd/{handle}").readlink()
        is_whole = path.is_file() and path.stat().st_size > len(CONTENT)
        seen.append((str(path.relative_to(folder.parent)), is_whole, any(map(_is_named, files(folder)))))

    monkeypatch.setattr(os, "fsync", watched)
    name = Path(vault.save(CONTENT))
    content, *names = seen
    assert content[0].startswith(f"mail/{name.parent}/.writing-")
    assert content[1:] == (True, False)
    assert names == [
        (f"mail/{name.parent}", False, True),
        ("mail", False, True),
        (".", False, True),
    ]


def _is_named(path: Path) -> bool:
    return not path.name.startswith(".writing-")


def test_a_writer_killed_half_way_leaves_nothing_that_can_be_loaded(folder):
    name = "ab/cd/abcdef"
    killed = textwrap.dedent(
        f"""
        import os, signal
        from conversation_tracker import settings  # noqa: F401
        import django; django.setup()
        from orders import vault
        class Cut:
            def chunks(self):
                yield b"half of it"
                os.kill(os.getpid(), signal.SIGKILL)
        vault.Folder(location={str(folder)!r})._save({name!r}, Cut())
        """
    )
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "conversation_tracker.settings"}
    done = subprocess.run([sys.executable, "-c", killed], cwd=CHECKOUT, env=environ, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert all(path.name.startswith(".writing-") for path in files(folder))
    with pytest.raises(vault.Missing):
        vault.load(name)


def test_who_has_to_stop_does_not_wait_for_a_storage_that_hangs(monkeypatch):
    answers, began = threading.Event(), threading.Event()

    def hang(_name: str, _content: bytes) -> None:
        began.set()
        answers.wait(30)

    def save() -> None:
        with vault.saving() as kept:
            kept.save(CONTENT)
            assert began.wait(5)
            raise InterruptedError

    monkeypatch.setattr(vault, "_keep", hang)
    with pytest.raises(InterruptedError):
        save()
    assert not answers.is_set()
    assert "vault_0" in {thread.name for thread in threading.enumerate()}, "it was waited for"
    answers.set()


def test_a_storage_that_hangs_holds_no_more_threads_however_often_it_is_tried(monkeypatch):
    answers, written = threading.Event(), []

    def hang(name: str, _content: bytes) -> None:
        answers.wait(30)
        written.append(name)

    def save(number: int) -> None:
        with vault.saving() as kept:
            for file in range(3):
                kept.save(f"{number} {file}".encode())
            raise InterruptedError

    monkeypatch.setattr(vault, "_keep", hang)
    for number in range(10):
        with pytest.raises(InterruptedError):
            save(number)
    assert sum(thread.name.startswith("vault") for thread in threading.enumerate()) <= vault.WRITERS
    answers.set()
    vault.save_all([b"the next"])
    assert vault._name(b"the next") in written
    assert len(written) <= vault.WRITERS + 1  # what was given up was not begun
