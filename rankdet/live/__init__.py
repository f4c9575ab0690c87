"""`rankdet watch`: the report of a study in the browser while its runs end, and their progress."""
