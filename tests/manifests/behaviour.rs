//! What the segmenter does in the situations that happen.
