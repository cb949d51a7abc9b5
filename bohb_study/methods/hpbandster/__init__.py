"""HpBandSter's generators and its master, seeded and driven from outside."""
