"""Write the table that turns a mean vote into AVA's percentile.

    python recipes/ava_scale/make_quantiles.py ../shared/data/ava/histograms.csv.gz

Reads vote histograms (columns count_1..count_10 and source, one AVA picture a row) and writes 1,001
evenly spaced quantiles of the pictures' mean votes to src/ilgnet/zoo/ava_mean_quantiles.txt. Only
the rows drawn from AVA at random count; those of the DPChallenge release of 2009 score higher.
"""

import csv
import gzip
import sys
from pathlib import Path

import numpy as np

RANDOM_SAMPLE = "idealo_ava_labels_test.json"
TARGET = Path(__file__).parents[2] / "src/ilgnet/zoo/ava_mean_quantiles.txt"


def main() -> None:
    """Read the histograms, write the table."""
    with gzip.open(sys.argv[1], "rt", newline="") as stream:
        counts = np.array(
            [
                [int(row[f"count_{vote}"]) for vote in range(1, 11)]
                for row in csv.DictReader(stream)
                if row["source"] == RANDOM_SAMPLE
            ]
        )
    means = counts @ np.arange(1, 11) / counts.sum(axis=1)
    quantiles = np.quantile(means, np.linspace(0, 1, 1001))
    lines = [
        f"# Quantiles 0, 0.1, ... 100 % of the mean votes of {len(means):,} AVA pictures",
        f"# mean {means.mean():.4f}, standard deviation {means.std():.4f}",
        *(f"{value:.4f}" for value in quantiles),
    ]
    TARGET.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
