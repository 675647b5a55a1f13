//! Plots and pages, drawn from records; writes the one file it is asked for.
