"""The networks: one class, `ILGNet`, over many trunks. PyTorch begins here."""
