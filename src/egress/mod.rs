//! The one pump: from a shared feed to a socket, in batches, with a lag policy. Knows no protocol.
