"""`rankdet bench`: times losses, evaluation and training iterations here, and checks a GPU."""

import argparse

from rankdet.commands import bench_evaluation, bench_gpu, bench_iteration, bench_losses

PARTS = {
    "losses": bench_losses,
    "iteration": bench_iteration,
    "evaluation": bench_evaluation,
    "gpu": bench_gpu,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the parts and their options."""
    parts = parser.add_subparsers(dest="part", metavar="part", required=True)
    for name, module in PARTS.items():
        module.add_arguments(parts.add_parser(name, help=module.HELP, description=module.HELP))


def run(args: argparse.Namespace) -> int:
    """Runs the selected part."""
    return int(PARTS[args.part].run(args))
