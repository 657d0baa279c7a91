"""Pages of a present state: a list of how deals stand, without a history.

They say where deals stand and stood, and plainly what such a list cannot tell. Each
function answers for the view of the same name, where only the present state is known.
"""
