"""From a study's config file to its runs. No torch, numpy or pandas: planning is quick."""
