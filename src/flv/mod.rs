//! FLV tags and their bodies, legacy and Enhanced: demultiplexed into samples, multiplexed into wire units.
//!
//! Pure. RTMP messages carry the same bodies, so this serves both.
