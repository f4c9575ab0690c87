"""`rankdet bench`: times the losses, the evaluation, and training iterations on this machine."""

import argparse

from rankdet.commands import bench_evaluation, bench_iteration, bench_losses

PARTS = {"losses": bench_losses, "iteration": bench_iteration, "evaluation": bench_evaluation}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the parts and their options."""
    parts = parser.add_subparsers(dest="part", metavar="part", required=True)
    for name, module in PARTS.items():
        module.add_arguments(parts.add_parser(name, help=module.HELP, description=module.HELP))


def run(args: argparse.Namespace) -> int:
    """Runs the selected part."""
    return int(PARTS[args.part].run(args))
