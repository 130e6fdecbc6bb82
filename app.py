"""Train a Siamese network live in the browser and see why it works: python app.py --help"""

import os

# Before gradio is imported: nothing is reported to anybody, and no figure opens a window.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("MPLBACKEND", "Agg")
if "SPACES_ZERO_GPU" in os.environ:
    import spaces  # noqa: F401 - before torch, as Hugging Face's ZeroGPU needs it

from siamese.training.memory import share_pools
from siamese.ui.app import build_demo, launch, wait_for_end
from siamese.ui.settings import read_settings

if __name__ == "__main__":
    share_pools()
    settings = read_settings()
    demo = build_demo(settings)
    launch(demo, settings)
    wait_for_end(demo)
