"""Data sets as banks of images: built in, from torchvision, or your own folder, zip or table."""

from siamese.data.bank import Dataset, ImageBank
from siamese.data.catalogue import available, default_data_dir, load_dataset

__all__ = ["Dataset", "ImageBank", "available", "default_data_dir", "load_dataset"]
