"""Reinforcement learning: proximal policy optimisation on gymnasium's CartPole."""
