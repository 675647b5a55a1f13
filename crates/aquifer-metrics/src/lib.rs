//! Scores and their intervals.
