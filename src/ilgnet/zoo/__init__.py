"""The weights in the package, and the record that every set of weights has."""
