//! The tape: reverse-mode differentiation over operators.
