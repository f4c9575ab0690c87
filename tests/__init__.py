"""A folder for each room of `rankdet/`, and folders for tests of several rooms."""
