"""`rankdet bench`: times losses, evaluation and training iterations here, and checks a GPU."""

import argparse

from rankdet.commands import bench_evaluation, bench_gpu, bench_iteration, bench_losses
from rankdet.errors import InputError, out_of_memory

PARTS = {
    "losses": bench_losses,
    "iteration": bench_iteration,
    "evaluation": bench_evaluation,
    "gpu": bench_gpu,
}

SMALLER = {  # what to do if the memory is too small
    "losses": "close other programs, or measure less with --quick",
    "iteration": "choose a smaller --image-size or --batch-size, or fewer --classes",
    "evaluation": "choose fewer --detections, --images, --classes or --draws",
    "gpu": "free the GPU, or leave out this part with --parts",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the parts and their options."""
    parts = parser.add_subparsers(dest="part", metavar="part", required=True)
    for name, module in PARTS.items():
        module.add_arguments(parts.add_parser(name, help=module.HELP, description=module.HELP))


def run(args: argparse.Namespace) -> int:
    """Runs the selected part.

    Raises:
        InputError: If the memory of the machine or of the GPU is too small.
    """
    try:
        return int(PARTS[args.part].run(args))
    except InputError:
        raise
    except Exception as error:
        if not out_of_memory(error):
            raise
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"bench {args.part}: out of memory; {SMALLER[args.part]} (the error was: {said})"
        ) from None
