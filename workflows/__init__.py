"""The workflow: plan (`study`), losses, detectors, papers, rules and scripts."""
