"""Training: from a recipe and rated pictures to a model folder that scores."""
