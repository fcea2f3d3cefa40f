"""Measuring a model on rated pictures, through the path that users run."""
