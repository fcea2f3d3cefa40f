"""One photograph: its files, when and with what it was taken, what model and person say of it."""
