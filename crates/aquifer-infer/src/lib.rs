//! KV cache, sampler and continuous batch: token ids in; ids, logits or vectors out.
