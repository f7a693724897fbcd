//! Action Message Format 0: values read with limits on depth, count and length, and written back (Adobe AMF 0 specification).
//!
//! Pure: knows bytes and values, no command and no metadata key.
