"""Finding the services that run, and keeping their environment."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import environ
import pytest

from conversation_tracker.local import envfile, environment, keys, locate, place
from conversation_tracker.local.lock import Lock

URLS = {
    "DATABASE_URL": "postgres://u:p@:5432//tmp/ct-x/conversation_tracker",
    "REDIS_URL": "unix:///tmp/ct-x/redis.sock?db=0",
}


def _leave(var: Path) -> Path:
    var = place.prepare(var)
    environment.write(var, environment.compose(var, keys.keep(var), urls=URLS, host="127.0.0.1", port=8000))
    return var / "local.env"


def test_nothing_is_found_before_the_first_run(tmp_path: Path) -> None:
    assert locate.environment_file(tmp_path, {}) is None


def test_the_default_folder_is_found(tmp_path: Path) -> None:
    left = _leave(tmp_path / "var")
    assert locate.environment_file(tmp_path, {}) == left


@pytest.mark.parametrize("form", ["absolute", "relative"])
def test_var_decides_alone(tmp_path: Path, form: str) -> None:
    _leave(tmp_path / "var")
    chosen = _leave(tmp_path / "other")
    var = str(chosen.parent) if form == "absolute" else "other"
    assert locate.environment_file(tmp_path, {"VAR": var}) == chosen
    assert locate.environment_file(tmp_path, {"VAR": "missing"}) is None


def test_a_run_elsewhere_is_found_until_it_takes_its_note_back(tmp_path: Path) -> None:
    elsewhere = _leave(tmp_path / "elsewhere")
    locate.point_to(elsewhere.parent, base_dir=tmp_path)
    assert locate.environment_file(tmp_path, {}) == elsewhere
    locate.point_no_more_to(elsewhere.parent, base_dir=tmp_path)
    assert locate.environment_file(tmp_path, {}) is None
    assert not (tmp_path / "var").exists()


def test_a_run_that_goes_on_comes_before_one_that_has_stopped(tmp_path: Path) -> None:
    stopped, running = _leave(tmp_path / "var"), _leave(tmp_path / "elsewhere")
    locate.point_to(running.parent, base_dir=tmp_path)
    assert locate.environment_file(tmp_path, {}) == stopped
    held = Lock(running.parent)
    held.hold()
    assert locate.environment_file(tmp_path, {}) == running
    held.release()


def test_the_module_for_settings_imports_nothing_heavy() -> None:
    probe = "import sys; sys.path[:0] = sys.argv[1:]; import types; p = types.ModuleType('conversation_tracker'); "
    probe += "p.__path__ = [sys.argv[1] + '/conversation_tracker']; sys.modules['conversation_tracker'] = p; "
    probe += "import conversation_tracker.local.locate; "
    probe += "print(sorted({'django', 'psycopg', 'redis', 'rich', 'celery'} & set(sys.modules)))"
    checkout = str(Path(locate.__file__).resolve().parents[2])
    done = subprocess.run([sys.executable, "-c", probe, checkout], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_environment_file_and_the_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    written = _leave(tmp_path / "var")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (written, written.with_name("keys.env"))]
    assert modes == [0o600, 0o600]


def test_keys_stay_the_same_and_differ_between_folders(tmp_path: Path) -> None:
    one, two = place.prepare(tmp_path / "one"), place.prepare(tmp_path / "two")
    assert keys.keep(one) == keys.keep(one)
    assert keys.keep(one).seal_keys != keys.keep(two).seal_keys


def test_django_environ_reads_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    awkward = {"A": "p@ss#w'o\"rd$ with = and \\n", "B": "'quoted'", "C": ""}
    envfile.write(tmp_path / "file", awkward, heading="A test")
    for name in awkward:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.environ", {})
    environ.Env.read_env(tmp_path / "file")
    assert {name: environ.Env.ENVIRON[name] for name in awkward} == awkward
    assert envfile.read(tmp_path / "file") == awkward


def test_the_database_url_leads_to_the_socket_folder() -> None:
    parsed = environ.Env.db_url_config(URLS["DATABASE_URL"])
    assert (parsed["HOST"], parsed["NAME"], parsed["PORT"]) == ("/tmp/ct-x", "conversation_tracker", 5432)


def test_what_the_caller_sets_wins_except_that_this_is_a_local_run(tmp_path: Path) -> None:
    composed = environment.compose(tmp_path, keys.keep(place.prepare(tmp_path)), urls=URLS, host="127.0.0.1", port=8000)
    preferred = environment.prefer(composed, {"DEBUG": "app:*", "EMAIL_BACKEND": "mine", "SECRET_KEY": ""})
    changed = {name: value for name, value in preferred.items() if composed[name] != value}
    assert changed == {"EMAIL_BACKEND": "mine"}
