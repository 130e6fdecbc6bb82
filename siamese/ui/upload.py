"""ImageUpload: an image input that answers a bad file with one sentence."""

from __future__ import annotations

from typing import Any

import gradio as gr
from PIL import Image

from siamese.data import limits


class ImageUpload(gr.Image):
    """A gr.Image of Pillow images, in which every failure of decoding becomes one sentence for the person.

    Pillow's size limit, set where images are read, refuses giants by their header.
    """

    is_template = True  # the browser shows it as Gradio's own image component

    def preprocess(self, payload: Any) -> Image.Image | None:
        try:
            return super().preprocess(payload)  # type: ignore[return-value]
        except gr.Error:
            raise
        except Image.DecompressionBombError as error:
            most = limits.MAX_IMAGE_PIXELS // 1_000_000
            sentence = f"This image has more than {most} million pixels; make it smaller and try again."
            raise gr.Error(sentence, print_exception=False) from error
        except Exception as error:  # each of Pillow's decoders fails in its own way
            sentence = "This file is no image that can be read here; choose a PNG, JPEG, WebP, BMP or PGM."
            raise gr.Error(sentence, print_exception=False) from error


def image_upload(**words: Any) -> ImageUpload:
    """An ImageUpload as the Compare tab shows it, with its label and id."""
    # Gradio's page reads the constructor's own parameters, so these are given here and not in a constructor of ours.
    return ImageUpload(type="pil", sources=["upload", "clipboard"], buttons=[], height=394, **words)
