//! All that one stream offers to viewers: its lazy feeds and its segment store.
