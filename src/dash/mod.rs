//! The DASH manifest as a pure function of a segment snapshot (ISO/IEC 23009-1).
