"""Runs on disk: their folders, records, status and failures. Never imports torch."""
