"""Line charts as SVG, for the papers' figures and the report's pages."""
