"""`python -m leakkit`, where the command is not on the path."""

from leakkit.cli import main

main()
