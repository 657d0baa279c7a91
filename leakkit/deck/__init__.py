"""An analysis -> a PowerPoint deck that consultants edit: `deck` returns its bytes."""

from leakkit.deck.composition import Look, deck, decks

__all__ = ["Look", "deck", "decks"]
