"""Files that appear whole or not at all."""

from __future__ import annotations

import ast
import errno
import os
import stat
from pathlib import Path
from typing import Final

import pytest

from ilgnet.atomic import new_folder, replacing, streaming, write_whole
from ilgnet.errors import IlgnetError
from ilgnet.report.output import check_output
from tests.windows_rules import watch_as_windows


def test_the_file_appears_with_its_content(tmp_path: Path) -> None:
    target = tmp_path / "file"
    with replacing(target) as partial:
        partial.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("name", ["x" * 255, "\u56f3" * 84])
def test_a_name_may_be_as_long_as_names_are(tmp_path: Path, name: str) -> None:
    """255 bytes on most file systems; the temporary name beside it is no longer."""
    write_whole(tmp_path / name, b"whole")
    with streaming(tmp_path / name) as stream:
        stream.write(b"again")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(name, b"again")]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def interrupted() -> None:
        with replacing(target) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "file"):
        pass


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_mode_and_attributes_of_the_replaced_file_stay(tmp_path: Path, mode: int) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    tagged = _tag(target)
    target.chmod(mode)
    write_whole(target, b"new")
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == mode
    assert not tagged or os.getxattr(target, "user.rating") == b"4"


def _tag(path: Path) -> bool:
    try:
        os.setxattr(path, "user.rating", b"4")
    except (OSError, AttributeError):
        return False  # a file system without extended attributes
    return True


def test_a_new_file_has_the_usual_mode_whatever_wrote_it(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    with replacing(tmp_path / "file") as partial:
        partial.touch(0o600)
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("old")
    (tmp_path / "link").symlink_to(Path("real") / "file")
    write_whole(tmp_path / "link", b"new")
    with streaming(tmp_path / "link") as stream:
        stream.write(b"newer")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "file").read_text() == "newer"
    assert len(list((tmp_path / "real").iterdir())) == 1


@pytest.mark.parametrize("keep", [True, False])
def test_a_stream_that_breaks_off(tmp_path: Path, keep: bool) -> None:
    target = tmp_path / "rows"
    target.write_bytes(b"old")

    def breaks_off() -> None:
        with streaming(target, keep_partial=keep) as stream:
            stream.write(b"half")
            raise EOFError

    with pytest.raises(EOFError) as caught:
        breaks_off()
    assert target.read_bytes() == b"old"
    kept = [path for path in tmp_path.iterdir() if path != target]
    assert [path.read_bytes() for path in kept] == ([b"half"] if keep else [])
    assert all(str(path) in caught.value.__notes__[0] for path in kept)


def test_a_new_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "model"

    def breaks_off() -> None:
        with new_folder(target) as folder:
            (folder / "a").touch()
            raise EOFError

    with pytest.raises(EOFError):
        breaks_off()
    assert list(tmp_path.iterdir()) == []
    target.mkdir()
    with new_folder(target) as folder:
        (folder / "a").write_text("whole")
    assert (target / "a").read_text() == "whole"
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(IlgnetError, match="exists already"), new_folder(target):
        pass


def test_a_renaming_whose_answer_was_lost_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "file"
    done = os.replace

    def lost(source: Path, place: Path) -> None:
        done(source, place)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "replace", lost)
    write_whole(target, b"new")
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


def test_rules_of_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Imitated, not run there: no open file is renamed or removed, no read-only handle synced."""
    watch_as_windows(monkeypatch)
    target = tmp_path / "file"
    for data in (b"one", b"two"):
        write_whole(target, data)
        with streaming(target) as stream:
            stream.write(data)
        with pytest.raises(ZeroDivisionError), streaming(target) as stream:
            stream.write(b"%d" % (1 // 0))
    check_output(tmp_path / "page.html")
    with new_folder(tmp_path / "model") as folder:
        write_whole(folder / "a", b"")


ALLOWED: Final = {
    "src/ilgnet/atomic.py": "the one place",
    "src/ilgnet/library/changes/file_operations.py": "moves people's files, which is another thing",
}


def test_nothing_else_writes_and_renames() -> None:
    """Who needs a file to appear whole uses ilgnet.atomic."""
    root = Path(__file__).parents[1]
    found = [
        f"{path.relative_to(root)}:{node.lineno}"
        for folder in ("src", "recipes", "benchmarks")
        for path in sorted((root / folder).rglob("*.py"))
        if path.relative_to(root).as_posix() not in ALLOWED
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _renames(node)
    ]
    assert found == []


def _renames(call: ast.Call) -> bool:
    """Whether a call is of the kind os.replace(a, b), path.replace(b), shutil.move(a, b) ..."""
    if not isinstance(call.func, ast.Attribute):
        return False
    owner = call.func.value.id if isinstance(call.func.value, ast.Name) else ""
    name, given = call.func.attr, len(call.args)
    return (
        name in ("NamedTemporaryFile", "mkstemp", "rename", "renames")
        or (owner, name) in (("os", "replace"), ("shutil", "move"))
        or (name == "replace" and given == 1 and not call.keywords)
    )


@pytest.mark.parametrize(
    ("text", "renames"),
    [
        ("a.replace(b)", True),
        ("os.replace(a, b)", True),
        ("Path(a).rename(b)", True),
        ("shutil.move(a, b)", True),
        ("'a'.replace('b', 'c')", False),
        ("moment.replace(tzinfo=None)", False),
        ("replace(rule, size=1)", False),
    ],
)
def test_what_counts_as_renaming(text: str, renames: bool) -> None:
    (expression,) = ast.parse(text).body
    assert isinstance(expression, ast.Expr)
    assert isinstance(expression.value, ast.Call)
    assert _renames(expression.value) == renames
