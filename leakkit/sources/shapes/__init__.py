"""What the rows are: events, dates per stage, a present state, snapshots; a history comes out."""
