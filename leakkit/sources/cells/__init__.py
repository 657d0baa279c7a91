"""What a cell says: a day or a time of any calendar, and an amount of money."""
