//! What a clip shows, from its frames alone.
