//! The training loop, optimisers, schedules, packing and checkpoints.
