"""What one training step learns from: the choice of images, their random changes, and the loss.

Read `sampling`, `class_memory`, `augment`, `batches`, `losses`, then `forces` (what the loss asks of each pair).
"""
