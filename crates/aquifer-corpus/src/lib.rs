//! Documents and token shards: reading, writing, compression, memory maps.
