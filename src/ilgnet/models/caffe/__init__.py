"""Caffe's files, read and written without Caffe: weights, mean images, network descriptions."""
