"""Images and masks on their way into a training, faster than mmdet's steps and with their draws."""
