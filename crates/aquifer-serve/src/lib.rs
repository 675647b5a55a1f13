//! HTTP: the OpenAI endpoints, scheduling, and the chat page.
