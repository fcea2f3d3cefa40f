"""Ratings, labels and notes in XMP: beside a picture or inside it."""
