"""Trunks, one file a family: from a picture to named feature maps."""
