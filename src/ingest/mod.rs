//! The one way in: FLV bodies become repaired, settled samples on a publisher.
