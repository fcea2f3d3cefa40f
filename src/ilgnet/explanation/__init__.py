"""Why a score is what it is: maps, measured attributes, what-if, and one picture beside another."""
