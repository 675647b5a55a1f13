//! Tasks and their scoring: bits per byte, multiple choice.
