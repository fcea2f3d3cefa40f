"""Weights for ILGNet that know ordinary photographs: a model folder, and nothing to run."""
