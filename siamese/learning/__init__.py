"""What one training step learns from: which images meet, how they are changed, and what the loss says of them.

Read `sampling`, `augment`, `batches`, `losses`, then `forces` (what the loss asks of each pair).
"""
