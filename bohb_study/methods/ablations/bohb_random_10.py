"""BOHB of which one configuration in ten is drawn at random."""

from bohb_study.methods.ablations.variants import with_random_fraction

METHOD = with_random_fraction("bohb-random-10", 0.1, "BOHB, 1/10 random")
