"""What is known of every photograph of a library, in one SQLite file; SQL is nowhere else."""
