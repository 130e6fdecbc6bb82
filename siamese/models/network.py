"""Siamese networks: one encoder for both images, or a tower for each."""

from __future__ import annotations

import threading

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from siamese.models import views
from siamese.models.encoders import build_encoder, fetch_imagenet_weights, weigh_as_koch
from siamese.models.similarity import Similarity
from siamese.recipes import Recipe

_building = threading.Lock()


class SiameseNetwork(nn.Module):
    """One encoder, applied to both images of a pair, and a similarity between its embeddings.

    Bromley et al. 1993. Images are float [n, C, H, W] in 0 to 1, embeddings float32 [n, D].
    views: which views of an image are embedded. Training uses "one"; a checkpoint can have more. Where two ways up stand
        side by side, D is twice the length of the encoder's embedding.
    """

    def __init__(self, encoder: nn.Module, similarity: Similarity, normalize: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.similarity = similarity
        self.normalize = normalize
        self.views: views.ViewKind = "one"

    def embed(self, images: Tensor) -> Tensor:
        """Embeddings, float32 [n, D], of float [n, C, H, W] images; of length 1 where the recipe says so."""
        return self._embed(self.encoder, images)

    def embed_pairs(self, images: Tensor) -> Tensor:
        """Embeddings of n left images followed by n right ones (float [2n, C, H, W]) in one pass of the encoder."""
        return self.embed(images)

    def embed_right(self, images: Tensor) -> Tensor:
        """Embeddings of the right images of pairs. Here the encoder is the same."""
        return self.embed(images)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Dissimilarity, float32 [n], of n left and n right images."""
        first, second = self.embed_pairs(torch.cat([left, right])).chunk(2)
        return self.similarity(first, second)

    def _embed(self, encoder: nn.Module, images: Tensor) -> Tensor:
        if self.views == "one":
            return self._finish(encoder(images))
        parts = [self._finish(encoder(view)) for view in views.views_of(images, self.views)]
        ways = views.ways(self.views)
        means = torch.cat(parts).unflatten(0, (ways, -1, len(images))).mean(1)
        # Divided by √ways, so that the squared distance of two images is the mean over the ways, not the sum.
        return torch.cat([self._finish(mean) for mean in means], 1) / ways**0.5

    def _finish(self, embeddings: Tensor) -> Tensor:
        embeddings = embeddings.float()
        return F.normalize(embeddings, dim=1) if self.normalize else embeddings


class PseudoSiameseNetwork(SiameseNetwork):
    """Two towers with separate weights, for images of two domains that share one embedding space.

    The left tower sees the left images, the right tower the right ones (Zagoruyko & Komodakis 2015).
    """

    def __init__(self, left: nn.Module, right: nn.Module, similarity: Similarity, normalize: bool) -> None:
        super().__init__(left, similarity, normalize)
        self.right_encoder = right

    def embed_right(self, images: Tensor) -> Tensor:
        return self._embed(self.right_encoder, images)

    def embed_pairs(self, images: Tensor) -> Tensor:
        left, right = images.chunk(2)
        return torch.cat([self.embed(left), self.embed_right(right)])


def build_network(recipe: Recipe, channels: int, size: tuple[int, int], *, fetch: bool = True) -> SiameseNetwork:
    """The network of a recipe for images of these channels and this size (height, width), on the CPU.

    The weights depend only on the recipe's seed, whatever else the process does. fetch: False leaves out the ImageNet
    weights, for callers that load other weights anyway. Raises SiameseError for images too small for the encoder or
    ImageNet weights that cannot be fetched.
    """

    def tower(name: str) -> nn.Module:
        return build_encoder(
            name,
            channels,
            size,
            recipe.embedding_dim,
            pretrained=recipe.pretrained,
            raw_pixels=recipe.raw_pixels,
            fetch=fetch,
        )

    if recipe.pretrained and fetch:
        # Before the lock, because a download inside it would make all other runs wait.
        for name in dict.fromkeys([recipe.encoder, recipe.second_tower or recipe.encoder]):
            fetch_imagenet_weights(name)
    # Initialisation uses the global CPU generator: seed it, and let no other thread use it meanwhile.
    with _building, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(recipe.seed)  # torch.manual_seed would reseed every CUDA generator too
        encoder = tower(recipe.encoder)
        similarity = Similarity(recipe.similarity, recipe.embedding_dim)
        if recipe.encoder == "koch-2015":
            similarity.apply(weigh_as_koch)
        if recipe.second_tower is None:
            return SiameseNetwork(encoder, similarity, recipe.normalize)
        return PseudoSiameseNetwork(encoder, tower(recipe.second_tower), similarity, recipe.normalize)
