"""`rankdet completion`: prints a script that completes commands and options in a shell."""

import argparse

SHELLS = ("bash", "zsh", "tcsh")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the shell."""
    parser.add_argument(
        "shell",
        choices=SHELLS,
        help='bash: add `eval "$(rankdet completion bash)"` to ~/.bashrc; zsh: write the output to '
        "_rankdet in a folder of $fpath; tcsh: eval it in ~/.tcshrc",
    )


def run(args: argparse.Namespace) -> int:
    """Prints the script, which knows all commands and options of this version."""
    import shtab

    print(shtab.complete(args.whole_parser(), args.shell))
    return 0
