"""A photographer's library: what is known of every picture, groups, culling, stars, own taste."""
