"""`python -m ilgnet` is the same as `ilgnet`."""

from ilgnet.cli.main import main

main()
