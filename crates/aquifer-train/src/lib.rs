//! Recipes for pre-training, and forecasts of their memory, time and loss.
