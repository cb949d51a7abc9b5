"""Training on tables of features: where the data are, their parts, and the families of tasks."""
