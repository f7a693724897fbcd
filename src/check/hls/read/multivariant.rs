//! The tags of a multivariant playlist.

use super::super::model::{ClosedCaptions, Header, Multivariant, Rendition, Variant};
use super::super::notes::Notes;
use super::super::tag::Tag;
use super::attributes::Attributes;
use super::rules;

/// What has been read of a multivariant playlist.
#[derive(Debug, Default)]
pub struct Reader {
    list: Multivariant,
    /// The variant whose address is to come.
    next: Option<Variant>,
}

impl Reader {
    pub fn tag(&mut self, tag: Tag, mut attributes: Attributes<'_>, notes: &mut Notes<'_>) {
        self.without_address(notes);
        match tag {
            Tag::Media => self.list.renditions.push(rendition(attributes, notes)),
            Tag::StreamInf => self.next = Some(variant(&mut attributes, &["BANDWIDTH"], notes)),
            Tag::IFrameStreamInf => {
                let mut variant = variant(&mut attributes, &["BANDWIDTH", "URI"], notes);
                variant.uri = attributes.quoted("URI", notes).unwrap_or_default();
                self.list.iframes.push(variant);
            }
            Tag::SessionData => attributes.require(&["DATA-ID"], notes),
            Tag::SessionKey => attributes.require(&["METHOD", "URI"], notes),
            Tag::ContentSteering => attributes.require(&["SERVER-URI"], notes),
            _ => {}
        }
    }

    fn without_address(&mut self, notes: &mut Notes<'_>) {
        if let Some(variant) = self.next.take() {
            notes.at(&rules::SEGMENT_LINES, variant.line, format_args!("{} without address", Tag::StreamInf));
        }
    }

    /// The address of the variant that waits for one; handed back where none does.
    pub fn uri(&mut self, uri: String) -> Option<String> {
        match self.next.take() {
            Some(variant) => {
                self.list.variants.push(Variant { uri, ..variant });
                None
            }
            None => Some(uri),
        }
    }

    pub fn finish(mut self, header: Header, notes: &mut Notes<'_>) -> Multivariant {
        self.without_address(notes);
        Multivariant { header, ..self.list }
    }
}

fn variant(attributes: &mut Attributes<'_>, required: &[&str], notes: &mut Notes<'_>) -> Variant {
    attributes.require(required, notes);
    let codecs = attributes.quoted("CODECS", notes);
    Variant {
        line: attributes.line(),
        uri: String::new(),
        bandwidth: attributes.integer("BANDWIDTH", notes),
        average_bandwidth: attributes.integer("AVERAGE-BANDWIDTH", notes),
        codecs: codecs.map(|codecs| codecs.split(',').map(|codec| codec.trim().to_owned()).collect()),
        resolution: attributes.resolution("RESOLUTION", notes),
        frame_rate: attributes.decimal("FRAME-RATE", notes),
        video_range: attributes.word("VIDEO-RANGE", notes),
        audio: attributes.quoted("AUDIO", notes),
        video: attributes.quoted("VIDEO", notes),
        subtitles: attributes.quoted("SUBTITLES", notes),
        closed_captions: closed_captions(attributes, notes),
        attributes: attributes.names(),
    }
}

/// `NONE`, or a group in quotes.
fn closed_captions(attributes: &Attributes<'_>, notes: &mut Notes<'_>) -> Option<ClosedCaptions> {
    if attributes.is_word("CLOSED-CAPTIONS", "NONE") {
        return Some(ClosedCaptions::None);
    }
    attributes.quoted("CLOSED-CAPTIONS", notes).map(ClosedCaptions::Group)
}

fn rendition(mut attributes: Attributes<'_>, notes: &mut Notes<'_>) -> Rendition {
    attributes.require(&["TYPE", "GROUP-ID", "NAME"], notes);
    Rendition {
        line: attributes.line(),
        kind: attributes.word("TYPE", notes).unwrap_or_default(),
        uri: attributes.quoted("URI", notes),
        group: attributes.quoted("GROUP-ID", notes).unwrap_or_default(),
        name: attributes.quoted("NAME", notes).unwrap_or_default(),
        language: attributes.quoted("LANGUAGE", notes),
        assoc_language: attributes.quoted("ASSOC-LANGUAGE", notes),
        default: attributes.flag("DEFAULT", notes).unwrap_or_default(),
        autoselect: attributes.flag("AUTOSELECT", notes),
        forced: attributes.flag("FORCED", notes),
        instream_id: attributes.quoted("INSTREAM-ID", notes),
        channels: attributes.quoted("CHANNELS", notes),
        characteristics: attributes.quoted("CHARACTERISTICS", notes),
    }
}
