"""Why a pipeline leaks: the questions of whoever has to repair it, a module for each.

Every view takes a `Diagnosis` and says its texts in its analysis' language.
"""
