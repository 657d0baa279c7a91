"""`make truth`: simulations with known answers, run through leakkit itself."""
