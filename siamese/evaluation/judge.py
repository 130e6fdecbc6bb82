"""A judge compares the images of a bank: a network by its embeddings, or raw pixels as the baseline."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from siamese.data.bank import ImageBank
from siamese.learning.sampling import Episodes
from siamese.models.inputs import as_floats, images_per_chunk, rows_per_chunk, two_domains
from siamese.models.network import SiameseNetwork
from siamese.models.similarity import Similarity
from siamese.recipes import Recipe


class Judge(NamedTuple):
    """left, right: what the judge compares of each image of a bank as the left and the right image of a pair: float32
    embeddings or uint8 pixels (scaled to 0 to 1 when they are compared), [N, D]; one and the same tensor unless the
    bank has two domains or the network two towers."""

    similarity: Similarity
    left: Tensor
    right: Tensor

    @torch.no_grad()
    def dissimilarities(self, i: Tensor, j: Tensor) -> Tensor:
        """Of images i to images j, int64 [n] each: float32 [n] on the CPU."""
        i, j = i.to(self.left.device), j.to(self.left.device)
        rows = rows_per_chunk(self.left.shape[1])
        parts = [
            self.similarity(_floats(self.left[a]), _floats(self.right[b])) for a, b in zip(i.split(rows), j.split(rows))
        ]
        return torch.cat(parts).cpu()

    def of_episodes(self, episodes: Episodes) -> Tensor:
        """Of each episode's query to its support images: float32 [trials, way, shot] on the CPU."""
        trials, way, shot = episodes.support.shape
        queries = episodes.query.repeat_interleave(way * shot)
        return self.dissimilarities(queries, episodes.support.reshape(-1)).view(trials, way, shot)

    @torch.no_grad()
    def matrix(self) -> Tensor:
        """Of every image to every image: float32 [N, N] on the CPU."""
        left = _floats(self.left)
        # One and the same tensor on both sides gives an exactly symmetric matrix.
        return self.similarity.matrix(left, left if self.left is self.right else _floats(self.right)).cpu()


def network_judge(network: SiameseNetwork, recipe: Recipe, bank: ImageBank) -> Judge:
    """The network as the judge of a prepared bank, which lies on the network's device."""
    return Judge(network.similarity, *embed_bank(network, recipe, bank))


def pixel_judge(recipe: Recipe, bank: ImageBank) -> Judge:
    """The baseline: the Euclidean distance between the raw pixels of a prepared bank, scaled to 0 to 1."""
    left = right = bank.images.flatten(1)
    if two_domains(recipe, bank):
        assert bank.partner is not None
        right = bank.partner.flatten(1)
    return Judge(Similarity("euclidean", left.shape[1]), left, right)


@torch.no_grad()
def embed_bank(
    network: SiameseNetwork, recipe: Recipe, bank: ImageBank, chunk: int | None = None
) -> tuple[Tensor, Tensor]:
    """Embeddings of a whole prepared bank, float32 [N, D] as left and as right images, in evaluation mode.

    chunk: images at a time; None: as many as fit into the memory of a chunk. The network is left in the mode in which
    it was.
    """
    chunk = chunk or images_per_chunk(*bank.images.shape[2:])

    def embed(images: Tensor, right: bool) -> Tensor:
        run = network.embed_right if right else network.embed
        return torch.cat([run(as_floats(part)) for part in images.split(chunk)])

    was_training = network.training
    network.eval()
    try:
        left = embed(bank.images, right=False)
        if two_domains(recipe, bank):
            assert bank.partner is not None
            return left, embed(bank.partner, right=True)
        return left, embed(bank.images, right=True) if recipe.second_tower else left
    finally:
        network.train(was_training)


def _floats(rows: Tensor) -> Tensor:
    """Rows of embeddings as they are; rows of pixels, uint8, as float32 from 0 to 1."""
    return rows.float() / 255 if rows.dtype == torch.uint8 else rows
