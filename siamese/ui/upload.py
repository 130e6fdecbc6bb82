"""ImageUpload: an image input whose files are read by the project's one decoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from PIL import Image

from siamese import SiameseError
from siamese.data import limits
from siamese.data.data_url import read_data_url
from siamese.data.image_file import read_image


class ImageUpload(gr.Image):
    """A gr.Image of Pillow images, upright, in mode "L" or "RGB", reduced to about limits.PAGE_SIDE pixels.

    A file that cannot be read becomes one sentence for the person.
    """

    is_template = True  # the browser shows it as Gradio's own image component

    def preprocess(self, payload: Any) -> Image.Image | None:
        if payload is None or (payload.path is None and payload.url is None):
            return None
        name = str(payload.orig_name or "This image")
        try:
            if payload.url is not None and payload.url.startswith("data:"):
                return read_data_url(payload.url, name)
            return read_image(uploaded(payload.path), name, at_least=limits.PAGE_SIDE)
        except SiameseError as error:
            raise gr.Error(str(error), print_exception=False) from error


def uploaded(path: object) -> Path:
    """The file of that path, if Gradio has stored it as somebody's upload.

    The path comes from outside. It is looked at, and nothing is opened: not a pipe, which has no end, and not a file
    that merely lies on the same disk. Raises SiameseError for everything but a regular file of the upload folder.
    """
    refused = SiameseError("This file was not uploaded here; choose it again.")
    if not isinstance(path, str) or "\0" in path or len(path) > 4096:
        raise refused
    folder = Path(get_upload_folder()).resolve()
    try:
        # Links are followed first: what one of them points at has to lie in the folder, too.
        real = Path(path).resolve(strict=True)
        if not real.is_relative_to(folder) or not real.is_file():
            raise refused
    except (OSError, RuntimeError) as error:
        raise refused from error
    return real
