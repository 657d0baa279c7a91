"""An analysis -> a PowerPoint deck that consultants edit: `deck` returns its bytes."""

from leakkit.deck.making import Look, deck, decks

__all__ = ["Look", "deck", "decks"]
