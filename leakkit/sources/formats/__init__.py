"""Files as they are written: encodings, separators, sheets, logs; rows of texts come out."""
