"""Macroscopic traffic: logit stochastic user equilibrium on roads and charging stations."""
