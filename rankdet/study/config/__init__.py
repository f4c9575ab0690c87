"""The keys of a study's config file, and how a wrong one is reported."""
