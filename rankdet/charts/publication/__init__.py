"""Figures for papers: the charts of the report, drawn by matplotlib and seaborn."""
