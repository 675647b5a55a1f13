//! Extract, clean, filter, deduplicate, mix; and the small world, a corpus whose truth is known.
