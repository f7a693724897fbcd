//! One program, muxed for one group of viewers.

use std::sync::Arc;

use super::dialect::FlvVariant;
use super::mux::{self, MessageBody};
use super::tag::FileHeader;
use crate::media::{Program, Sample};

/// Writes the bodies of one program in one variant. Pure; a new program needs a new one.
#[derive(Clone, Debug)]
pub struct Muxer {
    variant: FlvVariant,
    program: Arc<Program>,
}

impl Muxer {
    /// A muxer of these tracks.
    pub fn new(variant: FlvVariant, program: Arc<Program>) -> Self {
        Self { variant, program }
    }

    /// What it was made for.
    pub fn variant(&self) -> FlvVariant {
        self.variant
    }

    /// The file header: it promises just what [`Muxer::sample`] gives.
    pub fn file_header(&self) -> FileHeader {
        mux::file_header(&self.program.tracks)
    }

    /// Whether there is anything to see or hear.
    pub fn is_playable(&self) -> bool {
        mux::is_playable(&self.program.tracks)
    }

    /// All that goes before the first sample, in order: onMetaData, then the configurations of the tracks.
    pub fn preamble(&self) -> Vec<MessageBody> {
        mux::preamble(&self.program.tracks, &self.program.metadata).collect()
    }

    /// A sample's body; none where the variant leaves its track out, or it is longer than a tag can be.
    pub fn sample(&self, sample: &Sample) -> Option<MessageBody> {
        mux::sample(&self.program.tracks.get(sample.track)?.codec, sample)
    }
}
