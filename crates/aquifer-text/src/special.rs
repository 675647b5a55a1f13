//! The special tokens of every vocabulary learnt here, at fixed ids, and the chat template that uses them.

/// Separates documents; also the beginning and end of text. Id 0.
pub const END_OF_TEXT: &str = "<|endoftext|>";
/// Opens a chat message. Id 1.
pub const MESSAGE_START: &str = "<|im_start|>";
/// Closes a chat message. Id 2.
pub const MESSAGE_END: &str = "<|im_end|>";
/// Fills what no token fills. Id 3.
pub const PAD: &str = "<|pad|>";

/// All of them; a token's id is its place.
pub const ALL: [&str; 4] = [END_OF_TEXT, MESSAGE_START, MESSAGE_END, PAD];

/// ChatML: every message is `<|im_start|>role\ncontent<|im_end|>\n`.
pub const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] \
     + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
