"""Bayesian neural networks for regression, sampled by Hamiltonian Monte Carlo (SGHMC)."""
