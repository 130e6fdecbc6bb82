"""A recipe is every setting of one training run in one frozen value.

Read `recipe` (the fields and what they allow), then `named` (the recipes of the field).
"""

from siamese.recipes.named import RECIPES, recipe_named
from siamese.recipes.recipe import Recipe

__all__ = ["RECIPES", "Recipe", "recipe_named"]
