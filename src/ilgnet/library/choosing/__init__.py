"""Bursts, near-duplicates, culling, stars: photographs in, decisions with reasons out."""
