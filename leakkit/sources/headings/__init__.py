"""What a column and a file are: by their names, and by whose export they are."""
