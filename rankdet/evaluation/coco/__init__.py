"""Reading COCO-format annotations and detections, with checks of every field."""
