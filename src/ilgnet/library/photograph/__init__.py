"""One photograph: its files, when and with what it was taken, and finding it in folders."""
