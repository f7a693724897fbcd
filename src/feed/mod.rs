//! Samples made into shared wire units, once per stream, rendition and format.
