"""What is known of every picture of a library, in one SQLite file."""
