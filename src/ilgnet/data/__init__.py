"""Rated pictures: AVA, partitions, tables and folders, all read into one `RatedSet`."""
