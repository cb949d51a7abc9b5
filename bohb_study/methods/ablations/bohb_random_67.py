"""BOHB of which two configurations of three are drawn at random."""

from bohb_study.methods.ablations.variants import with_random_fraction

METHOD = with_random_fraction("bohb-random-67", 2 / 3, "BOHB, 2/3 random")
