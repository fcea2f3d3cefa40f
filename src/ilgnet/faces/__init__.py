"""Faces in photographs: where, how large, how sharp, eyes open or closed. Never whose."""
