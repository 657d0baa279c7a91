"""What a page is made of: its style, and what may stand on it; no view, and no number."""
