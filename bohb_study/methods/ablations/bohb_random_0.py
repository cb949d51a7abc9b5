"""BOHB of which no configuration is drawn at random: every one is its model's, once it has one."""

from bohb_study.methods.ablations.variants import with_random_fraction

METHOD = with_random_fraction("bohb-random-0", 0.0, "BOHB, no random draws")
