"""One module per command of `rankdet`, imported only when that command is called."""
