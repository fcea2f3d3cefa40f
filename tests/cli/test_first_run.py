"""What a stranger runs first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ilgnet.cli import doctor as doctor_module
from ilgnet.cli.demo import demo
from ilgnet.cli.doctor import doctor
from ilgnet.cli.models import models
from ilgnet.errors import ModelError
from ilgnet.scoring import Scorer
from ilgnet.zoo.records import builtin_models, find_weights


def test_demo_scores_the_samples_and_writes_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = CliRunner().invoke(demo, ["-o", str(page)])
    assert result.exit_code == 0, result.output
    assert "8 scored" in result.stdout
    assert page.resolve().as_uri() in result.stderr
    text = page.read_text(encoding="utf-8")
    for name in ("astronaut.jpg", "cat.jpg", "rocket.jpg"):
        assert name in text
        assert name in result.stdout


def test_models_lists_what_is_inside() -> None:
    result = CliRunner().invoke(models, [])
    assert result.exit_code == 0
    assert builtin_models()[0].name in result.output
    records = json.loads(CliRunner().invoke(models, ["--json"]).output)
    assert records[0]["licence"]
    assert records[0]["metrics"]


def test_the_default_model_is_whole_small_and_described() -> None:
    (default, *_) = builtin_models()
    default.verify()
    assert sum((default.folder / name).stat().st_size for name in default.files) <= 20e6
    assert default.trained_on
    assert default.licence


def test_doctor_finds_a_sound_install() -> None:
    result = CliRunner().invoke(doctor, ["--json"], standalone_mode=False)
    assert result.return_value == 0
    findings = {finding["name"]: finding for finding in json.loads(result.output)}
    for name in ("JPEG", "PNG", "WebP", "AVIF", "TIFF", "GIF", "BMP", "HEIC", "camera RAW"):
        assert findings[name]["works"], findings[name]


def test_doctor_reports_a_broken_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Scorer:
        raise ModelError("the model is damaged. Install it again.")

    monkeypatch.setattr(doctor_module, "load", broken)
    result = CliRunner().invoke(doctor, [], standalone_mode=False)
    assert result.return_value == 1
    assert "Install it again" in result.output


def test_help_and_version_are_quick_to_import() -> None:
    program = (
        "import sys; from ilgnet.cli.main import ilgnet; "
        "ilgnet.main(['--help'], standalone_mode=False); "
        "heavy = {'torch', 'onnxruntime', 'scipy', 'pandas', 'pyarrow'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("command", ["models", "doctor"])
def test_a_reader_that_has_left_is_no_error(command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        [sys.executable, "-m", "ilgnet", command],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (process.returncode, process.stderr) == (0, "")


@pytest.mark.skipif(os.name == "nt", reason="a shell closes the streams")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_streams_may_be_closed(tmp_path: Path, closed: str) -> None:
    """As some schedulers start programs: what was to be written into a file is written."""
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    command = [sys.executable, "-m", "ilgnet.cli.main", "score", "a.jpg", "-", "-o", "rows.csv"]
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *command]
    run = subprocess.run(shell, stdin=subprocess.DEVNULL, capture_output=True, cwd=tmp_path)
    assert run.returncode == 3, run.stderr
    assert b"Traceback" not in run.stderr
    assert (tmp_path / "rows.csv").read_text().count("a.jpg") == 1


def test_a_mistyped_name_of_a_model_gets_the_names_that_there_are() -> None:
    with pytest.raises(ModelError, match=r"'defualt'.*\(default"):
        find_weights("defualt")
