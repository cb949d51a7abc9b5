"""Bayesian neural networks for regression, sampled by stochastic gradient Hamiltonian Monte Carlo."""
