"""A person's own taste: learnt from their stars and choices, measured, saved as a model."""
