"""benchmarks/serve/README.md says what its results do."""

from __future__ import annotations

import json

from benchmarks.serve.run import RESULTS, page_of_results


def test_the_readme_is_written_from_the_results() -> None:
    page = (RESULTS.parent / "README.md").read_text(encoding="utf-8")
    assert page == page_of_results()
    for path in RESULTS.glob("*.json"):
        assert json.loads(path.read_text(encoding="utf-8"))["figures"]["bar"] in page
