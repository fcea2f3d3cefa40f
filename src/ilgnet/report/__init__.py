"""How outcomes are shown and stored: rows, tables, files, progress, and the HTML gallery."""
