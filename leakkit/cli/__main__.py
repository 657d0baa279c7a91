"""`python -m leakkit.cli`, as `leakkit` itself."""

from leakkit.cli import main

main()
