//! What the store keeps and refuses.
