from __future__ import annotations

import importlib.util
import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_table_of_networks_is_what_the_networks_are():
    spec = importlib.util.spec_from_file_location("networks_page", DOCS / "networks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (DOCS / "networks.md").read_text("utf-8")
    assert module.page() == written, "run: python docs/networks.py"
    table = {
        name: [int(number.replace(",", "")) for number in numbers.split(" | ")]
        for name, numbers in re.findall(r"\| `(\w+)` \| ([\d,]+ \| [\d,]+ \| [\d,]+) \|", written)
    }
    assert table["ilgnet_inception_v1"][2] == 150_938_082
    assert table["mini_inception_residual"][2] == 3_811_586
    assert all(trunk + head == whole for trunk, head, whole in table.values())
    pooled, published = (table[f"ilgnet_inception_v1{end}"][2] for end in ("_pooled", ""))
    assert f"{pooled:,}: a fifty-sixth" in written
    assert round(published / pooled) == 56
