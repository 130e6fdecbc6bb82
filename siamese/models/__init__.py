"""Networks that turn images into embeddings, and the similarities that compare two embeddings.

Read `encoders`, then `network` (one encoder for both images, or two towers), `similarity`, `inputs` (how an image
becomes the input of a network) and `checkpoint` (a trained network as a file).
"""
