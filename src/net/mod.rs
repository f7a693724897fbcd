//! Accepting connections: listeners, permits and first-byte sniffing.
