"""Where a pipeline loses deals: the questions of its first page, each a pure function.

Every view takes the analysis and the name of a pipeline (the first where empty), and says
its texts in the analysis' language.
"""
