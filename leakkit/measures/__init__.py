"""From counts to estimates. Knows no SQL and no screen."""
