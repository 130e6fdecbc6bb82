"""Data sets as banks of images: built in, from torchvision, or your own folder, zip or table.

Read `bank` (all images of a set in one tensor), `catalogue` (the sets by name), then the source that you want: `glyphs`,
`doodle_faces`, `torchvision_sets`, `omniglot`, `glyphs_and_signs`, `drawings`, `folder`, `archive` or `table`.
`image_file` is the one decoder.
"""

from siamese.data.bank import Dataset, ImageBank
from siamese.data.catalogue import available, default_data_dir, load_dataset

__all__ = ["Dataset", "ImageBank", "available", "default_data_dir", "load_dataset"]
