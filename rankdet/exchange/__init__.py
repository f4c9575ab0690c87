"""Results from anywhere: imported detections, exported and merged studies, their differences."""
