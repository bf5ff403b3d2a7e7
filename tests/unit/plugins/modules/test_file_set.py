# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set of files on a real disk, as the module is called."""

from __future__ import annotations

import json
import os
import stat
import typing as t
from functools import partial
from pathlib import Path

import pytest
from ansible_collections.egee.box.plugins.modules import file_set

Result = dict[str, t.Any]
Call = t.Callable[..., Result]


@pytest.fixture(name="call")
def _call(call: Call) -> t.Iterator[Call]:
    before = os.umask(0o022)
    yield partial(call, file_set)
    os.umask(before)


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):04o}"


def leftovers(path: Path) -> list[Path]:
    return list(path.rglob(".file_set.*"))


def test_the_ladder(tmp_path: Path, call: Call) -> None:
    wanted = {
        "directories": [{"path": f"{tmp_path}/etc", "mode": "0750"}],
        "files": [
            {"path": f"{tmp_path}/etc/a", "content": "one\n"},
            {"path": f"{tmp_path}/deep/er/b", "content": "two\n", "mode": "0600"},
        ],
    }
    paths = [f"{tmp_path}/etc", f"{tmp_path}/etc/a", f"{tmp_path}/deep/er/b"]

    predicted = call(**wanted, _ansible_check_mode=True)
    assert predicted["changed_paths"] == paths
    assert list(tmp_path.iterdir()) == []

    made = call(**wanted)
    assert made["changed_paths"] == paths
    assert (tmp_path / "etc/a").read_text() == "one\n"
    assert [mode(tmp_path / name) for name in ("etc", "etc/a", "deep", "deep/er", "deep/er/b")] == [
        "0750",
        "0644",
        "0755",
        "0755",
        "0600",
    ]
    assert not leftovers(tmp_path)

    for again in (call(**wanted, _ansible_check_mode=True), call(**wanted)):
        assert (again["changed"], again["changed_paths"], again["diff"]) == (False, [], [])


def test_the_diff_shows_what_changes_and_nothing_else(tmp_path: Path, call: Call) -> None:
    (tmp_path / "a").write_text("old\n")
    (tmp_path / "a").chmod(0o644)
    (tmp_path / "b").write_text("same\n")
    (tmp_path / "b").chmod(0o600)
    result = call(files=[{"path": f"{tmp_path}/a", "content": "new\n"}, {"path": f"{tmp_path}/b", "content": "same\n"}])
    assert [(entry["before"], entry["after"]) for entry in result["diff"]] == [
        ("old\n", "new\n"),
        ({"mode": "0600"}, {"mode": "0644"}),
    ]
    assert mode(tmp_path / "b") == "0644"


def test_a_secret_is_never_shown_and_never_open(tmp_path: Path, call: Call) -> None:
    key = tmp_path / "key"
    key.write_text("old secret\n")
    key.chmod(0o644)
    wanted = {"files": [{"path": str(key), "mode": "0400"}], "secrets": {str(key): "new secret\n"}}
    result = call(**wanted)
    assert key.read_text() == "new secret\n"
    assert mode(key) == "0400"
    assert "secret\n" not in json.dumps({name: result[name] for name in ("changed_paths", "diff")})
    assert "new secret" not in json.dumps(result)
    assert not call(**wanted)["changed"]


def test_an_exclusive_directory_holds_nothing_else(tmp_path: Path, call: Call) -> None:
    own = tmp_path / "own"
    for name in ("vo", "gone"):
        (own / name).mkdir(parents=True)
        (own / name / "file").write_text("")
    (own / "stray").write_text("")
    (own / "link").symlink_to(tmp_path)
    wanted = {
        "directories": [{"path": str(own), "exclusive": True}],
        "files": [{"path": f"{own}/vo/file", "content": ""}],
    }
    strays = [f"{own}/{name}" for name in ("gone", "link", "stray")]
    assert call(**wanted, _ansible_check_mode=True)["changed_paths"] == strays
    assert (own / "stray").exists()
    assert call(**wanted)["changed_paths"] == strays
    assert [path.name for path in own.iterdir()] == ["vo"]
    assert tmp_path.is_dir()
    assert not call(**wanted)["changed"]


def test_an_exclusive_directory_that_is_not_there_yet_is_predicted(tmp_path: Path, call: Call) -> None:
    result = call(
        directories=[{"path": f"{tmp_path}/own", "exclusive": True}],
        files=[{"path": f"{tmp_path}/own/a", "content": ""}],
        _ansible_check_mode=True,
    )
    assert result["changed_paths"] == [f"{tmp_path}/own", f"{tmp_path}/own/a"]


def test_a_command_sees_the_new_contents_before_the_file_does(tmp_path: Path, call: Call) -> None:
    wanted = {
        "files": [
            {"path": f"{tmp_path}/a", "content": "applied\n", "before": ["cp", "%s", f"{tmp_path}/applied"]},
        ]
    }
    assert call(**wanted, _ansible_check_mode=True)["changed"]
    assert not (tmp_path / "applied").exists()
    assert call(**wanted)["changed"]
    assert (tmp_path / "applied").read_text() == "applied\n"
    (tmp_path / "applied").unlink()
    assert not call(**wanted)["changed"]
    assert not (tmp_path / "applied").exists()


def test_what_a_command_makes_is_not_closed_to_others(tmp_path: Path, call: Call) -> None:
    made = tmp_path / "made"
    assert call(files=[{"path": f"{tmp_path}/a", "content": "a\n", "before": ["mkdir", str(made)]}])["changed"]
    assert made.stat().st_mode & 0o777 == 0o755
    # Nor is what other modules make in the same interpreter.
    assert os.umask(0o022) == 0o022


def test_a_refused_file_leaves_the_old_one(tmp_path: Path, call: Call) -> None:
    (tmp_path / "a").write_text("good\n")
    files = [{"path": f"{tmp_path}/a", "content": "bad\n", "before": ["grep", "-q", "good", "%s"]}]
    result = call(files=files)
    assert result["failed"]
    assert result["msg"] == f"{tmp_path}/a: 'grep -q good %s' refused it, so the old file stays: exit code 1"
    assert (tmp_path / "a").read_text() == "good\n"
    assert not leftovers(tmp_path)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        pytest.param(
            {"files": [{"path": "etc/a", "content": ""}]},
            "etc/a: is no absolute path; write it in full",
            id="a relative path",
        ),
        pytest.param(
            {"files": [{"path": "/x/a", "content": ""}, {"path": "/x/./a", "content": ""}]},
            "/x/a: is wanted twice; leave one",
            id="one file twice",
        ),
        pytest.param(
            {"files": [{"path": "/x/a"}]},
            "/x/a: needs its contents either in 'content' or in 'secrets', and not in both",
            id="no contents",
        ),
        pytest.param(
            {"files": [{"path": "/x/a", "content": ""}], "secrets": {"/x/a": "hush"}},
            "/x/a: needs its contents either in 'content' or in 'secrets', and not in both",
            id="contents twice",
        ),
        pytest.param(
            {"files": [], "secrets": {"/x/a": "hush"}},
            "/x/a: has contents in 'secrets' and is not among 'files'; name it there",
            id="a secret without a file",
        ),
        pytest.param(
            {"directories": [{"path": "/etc/", "exclusive": True}], "files": []},
            "/etc: is too near the root to hold nothing else; do not make it exclusive",
            id="an exclusive /etc",
        ),
    ],
)
def test_what_is_refused(params: Result, message: str, call: Call) -> None:
    result = call(**params, _ansible_check_mode=True)
    assert result["failed"]
    assert result["msg"] == message


def test_kinds_are_not_mistaken(tmp_path: Path, call: Call) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "directory").mkdir()
    assert call(files=[{"path": f"{tmp_path}/directory", "content": ""}])["msg"] == (
        f"{tmp_path}/directory: is wanted as a file and is a directory; move it away"
    )
    assert call(directories=[{"path": f"{tmp_path}/file"}], files=[])["msg"] == (
        f"{tmp_path}/file: is wanted as a directory and is none; move it away"
    )
