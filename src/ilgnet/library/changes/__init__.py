"""Everything that changes files: a plan, a journal written ahead, carrying out, taking back."""
