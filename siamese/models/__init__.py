"""Networks that turn images into embeddings, and the similarities that compare two embeddings.

Read `encoders`, then `network` (one encoder for both images, or two towers), `similarity`, `inputs` (what a network
takes in) and `checkpoint` (a trained network as a file).
"""
