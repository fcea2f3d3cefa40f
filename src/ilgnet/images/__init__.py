"""Pictures in: their files (sources), pixels (decode) and network input (preprocess)."""
