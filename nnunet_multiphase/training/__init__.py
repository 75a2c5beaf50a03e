"""The method's loss, augmentation and trainer."""
