//! The schema of the manifest as data: elements in their order, and attributes with their types (ISO/IEC 23009-1, 5th edition, annex B).
//!
//! What only files on demand use (`SegmentBase`, `SegmentList`, `Preselection` and the like) is known by name and not looked into.

use super::types::Type;

/// What an element may hold.
#[derive(Debug)]
pub struct Kind {
    /// Its attributes, in groups that several elements share; `None` where it is not looked into.
    pub attributes: Option<&'static [&'static [Attribute]]>,
    /// Its children in their order, in groups that several elements share.
    pub children: &'static [&'static [Child]],
}

/// An attribute of an element.
#[derive(Debug)]
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// The type of its values.
    pub of: Type,
    /// Whether it may not be missing.
    pub is_required: bool,
}

/// An element in another.
#[derive(Debug)]
pub struct Child {
    /// Its name.
    pub name: &'static str,
    /// What it may hold.
    pub kind: &'static Kind,
    /// How often it must be there.
    pub min: usize,
    /// How often it may be there.
    pub max: usize,
}

const fn may(name: &'static str, of: Type) -> Attribute {
    Attribute { name, of, is_required: false }
}

const fn must(name: &'static str, of: Type) -> Attribute {
    Attribute { name, of, is_required: true }
}

const fn any(name: &'static str, kind: &'static Kind) -> Child {
    Child { name, kind, min: 0, max: usize::MAX }
}

const fn some(name: &'static str, kind: &'static Kind) -> Child {
    Child { name, kind, min: 1, max: usize::MAX }
}

const fn one(name: &'static str, kind: &'static Kind) -> Child {
    Child { name, kind, min: 0, max: 1 }
}

/// Known by name only.
static OPAQUE: Kind = Kind { attributes: None, children: &[] };

static DESCRIPTOR: Kind = Kind { attributes: Some(&[DESCRIBED]), children: &[] };
const DESCRIBED: &[Attribute] = &[must("schemeIdUri", Type::Text), may("value", Type::Text), may("id", Type::Text)];

static PROTECTION: Kind = Kind {
    attributes: Some(&[DESCRIBED, &[may("robustness", Type::Word), may("refId", Type::Word), may("ref", Type::Word)]]),
    children: &[],
};

static LABEL: Kind = Kind { attributes: Some(&[&[may("id", Type::Uint), may("lang", Type::Language)]]), children: &[] };

static TEXT: Kind = Kind { attributes: Some(&[]), children: &[] };

static PROGRAM: Kind = Kind {
    attributes: Some(&[&[may("lang", Type::Language), may("moreInformationURL", Type::Text)]]),
    children: &[&[one("Title", &TEXT), one("Source", &TEXT), one("Copyright", &TEXT)]],
};

static BASE_URL: Kind = Kind {
    attributes: Some(&[&[
        may("serviceLocation", Type::Text),
        may("byteRange", Type::Text),
        may("availabilityTimeOffset", Type::Double),
        may("availabilityTimeComplete", Type::Boolean),
        may("timeShiftBufferDepth", Type::Duration),
        may("rangeAccess", Type::Boolean),
    ]]),
    children: &[],
};

static PATCH: Kind = Kind { attributes: Some(&[&[may("ttl", Type::Double)]]), children: &[] };

static SERVICE: Kind = Kind {
    attributes: Some(&[&[may("id", Type::Uint)]]),
    children: &[&[
        any("Scope", &DESCRIPTOR),
        any("Latency", &LATENCY),
        any("PlaybackRate", &RATES),
        any("OperatingQuality", &OPAQUE),
        any("OperatingBandwidth", &OPAQUE),
    ]],
};

static LATENCY: Kind = Kind {
    attributes: Some(&[&[may("referenceId", Type::Uint), may("target", Type::Uint), may("max", Type::Uint), may("min", Type::Uint)]]),
    children: &[&[any("QualityLatency", &OPAQUE)]],
};

static RATES: Kind = Kind { attributes: Some(&[&[may("max", Type::Double), may("min", Type::Double)]]), children: &[] };

static METRICS: Kind =
    Kind { attributes: Some(&[&[must("metrics", Type::Text)]]), children: &[&[any("Range", &OPAQUE), some("Reporting", &DESCRIPTOR)]] };

static LEAP: Kind = Kind {
    attributes: Some(&[&[
        must("availabilityStartLeapOffset", Type::Integer),
        may("nextAvailabilityStartLeapOffset", Type::Integer),
        may("nextLeapChangeTime", Type::DateTime),
    ]]),
    children: &[],
};

/// The root.
pub static MPD: Kind = Kind {
    attributes: Some(&[&[
        may("id", Type::Text),
        must("profiles", Type::Text),
        may("type", Type::OneOf(&["static", "dynamic"])),
        may("availabilityStartTime", Type::DateTime),
        may("availabilityEndTime", Type::DateTime),
        may("publishTime", Type::DateTime),
        may("mediaPresentationDuration", Type::Duration),
        may("minimumUpdatePeriod", Type::Duration),
        must("minBufferTime", Type::Duration),
        may("timeShiftBufferDepth", Type::Duration),
        may("suggestedPresentationDelay", Type::Duration),
        may("maxSegmentDuration", Type::Duration),
        may("maxSubsegmentDuration", Type::Duration),
    ]]),
    children: &[&[
        any("ProgramInformation", &PROGRAM),
        any("BaseURL", &BASE_URL),
        any("Location", &TEXT),
        any("PatchLocation", &PATCH),
        any("ServiceDescription", &SERVICE),
        any("InitializationSet", &OPAQUE),
        any("InitializationGroup", &OPAQUE),
        any("InitializationPresentation", &OPAQUE),
        any("ContentProtection", &PROTECTION),
        some("Period", &PERIOD),
        any("Metrics", &METRICS),
        any("EssentialProperty", &DESCRIPTOR),
        any("SupplementalProperty", &DESCRIPTOR),
        any("UTCTiming", &DESCRIPTOR),
        one("LeapSecondInformation", &LEAP),
    ]],
};

static PERIOD: Kind = Kind {
    attributes: Some(&[&[
        may("id", Type::Text),
        may("start", Type::Duration),
        may("duration", Type::Duration),
        may("bitstreamSwitching", Type::Boolean),
    ]]),
    children: &[&[
        any("BaseURL", &BASE_URL),
        one("SegmentBase", &OPAQUE),
        one("SegmentList", &OPAQUE),
        one("SegmentTemplate", &TEMPLATE),
        one("AssetIdentifier", &DESCRIPTOR),
        any("EventStream", &EVENTS),
        any("ServiceDescription", &SERVICE),
        any("ContentProtection", &PROTECTION),
        any("AdaptationSet", &SET),
        any("Subset", &OPAQUE),
        any("SupplementalProperty", &DESCRIPTOR),
        any("EmptyAdaptationSet", &SET),
        any("GroupLabel", &LABEL),
        any("Preselection", &OPAQUE),
    ]],
};

const EVENT_SCHEME: &[Attribute] =
    &[must("schemeIdUri", Type::Text), may("value", Type::Text), may("timescale", Type::Uint), may("presentationTimeOffset", Type::Ulong)];

static EVENTS: Kind = Kind { attributes: Some(&[EVENT_SCHEME]), children: &[&[any("Event", &EVENT)]] };

static EVENT: Kind = Kind {
    attributes: Some(&[&[
        may("presentationTime", Type::Ulong),
        may("duration", Type::Ulong),
        may("id", Type::Uint),
        may("contentEncoding", Type::OneOf(&["base64"])),
        may("messageData", Type::Text),
    ]]),
    children: &[&[one("SelectionInfo", &OPAQUE)]],
};

/// What sets and representations have in common (`RepresentationBaseType`).
const SHARED: &[Child] = &[
    any("FramePacking", &DESCRIPTOR),
    any("AudioChannelConfiguration", &DESCRIPTOR),
    any("ContentProtection", &PROTECTION),
    one("OutputProtection", &DESCRIPTOR),
    any("EssentialProperty", &DESCRIPTOR),
    any("SupplementalProperty", &DESCRIPTOR),
    any("InbandEventStream", &EVENTS),
    any("Switching", &ACCESS),
    any("RandomAccess", &ACCESS),
    any("GroupLabel", &LABEL),
    any("Label", &LABEL),
    any("ProducerReferenceTime", &REFERENCE),
    any("ContentPopularityRate", &OPAQUE),
    any("Resync", &RESYNC),
];

const SHARED_ATTRIBUTES: &[Attribute] = &[
    may("profiles", Type::Text),
    may("width", Type::Uint),
    may("height", Type::Uint),
    may("sar", Type::Ratio),
    may("frameRate", Type::FrameRate),
    may("audioSamplingRate", Type::Uints),
    may("mimeType", Type::Text),
    may("segmentProfiles", Type::Text),
    may("codecs", Type::Text),
    may("containerProfiles", Type::Text),
    may("maximumSAPPeriod", Type::Double),
    may("startWithSAP", Type::Sap),
    may("maxPlayoutRate", Type::Double),
    may("codingDependency", Type::Boolean),
    may("scanType", Type::OneOf(&["progressive", "interlaced", "unknown"])),
    may("selectionPriority", Type::Uint),
    may("tag", Type::Text),
];

static ACCESS: Kind = Kind {
    attributes: Some(&[&[
        must("interval", Type::Uint),
        may("type", Type::OneOf(&["media", "bitstream", "closed", "open", "gradual"])),
        may("minBufferTime", Type::Duration),
        may("bandwidth", Type::Uint),
    ]]),
    children: &[],
};

static REFERENCE: Kind = Kind {
    attributes: Some(&[&[
        must("id", Type::Uint),
        may("inband", Type::Boolean),
        may("type", Type::OneOf(&["encoder", "captured", "application"])),
        may("applicationScheme", Type::Text),
        must("wallClockTime", Type::Text),
        must("presentationTime", Type::Ulong),
    ]]),
    children: &[&[one("UTCTiming", &DESCRIPTOR)]],
};

static RESYNC: Kind = Kind {
    attributes: Some(&[&[
        may("type", Type::Sap),
        may("dT", Type::Uint),
        may("dImax", Type::Double),
        may("dImin", Type::Double),
        may("marker", Type::Boolean),
    ]]),
    children: &[],
};

static SET: Kind = Kind {
    attributes: Some(&[
        SHARED_ATTRIBUTES,
        &[
            may("id", Type::Uint),
            may("group", Type::Uint),
            may("lang", Type::Language),
            may("contentType", Type::OneOf(&["text", "image", "audio", "video", "application", "font"])),
            may("par", Type::Ratio),
            may("minBandwidth", Type::Uint),
            may("maxBandwidth", Type::Uint),
            may("minWidth", Type::Uint),
            may("maxWidth", Type::Uint),
            may("minHeight", Type::Uint),
            may("maxHeight", Type::Uint),
            may("minFrameRate", Type::FrameRate),
            may("maxFrameRate", Type::FrameRate),
            may("segmentAlignment", Type::UintOrBoolean),
            may("subsegmentAlignment", Type::UintOrBoolean),
            may("subsegmentStartsWithSAP", Type::Sap),
            may("bitstreamSwitching", Type::Boolean),
            may("initializationSetRef", Type::Uints),
            may("initializationPrincipal", Type::Text),
        ],
    ]),
    children: &[
        SHARED,
        &[
            any("Accessibility", &DESCRIPTOR),
            any("Role", &DESCRIPTOR),
            any("Rating", &DESCRIPTOR),
            any("Viewpoint", &DESCRIPTOR),
            any("ContentComponent", &OPAQUE),
            any("BaseURL", &BASE_URL),
            one("SegmentBase", &OPAQUE),
            one("SegmentList", &OPAQUE),
            one("SegmentTemplate", &TEMPLATE),
            any("Representation", &REPRESENTATION),
        ],
    ],
};

static REPRESENTATION: Kind = Kind {
    attributes: Some(&[
        SHARED_ATTRIBUTES,
        &[
            must("id", Type::Word),
            must("bandwidth", Type::Uint),
            may("qualityRanking", Type::Uint),
            may("dependencyId", Type::Text),
            may("associationId", Type::Text),
            may("associationType", Type::Text),
            may("mediaStreamStructureId", Type::Text),
        ],
    ]),
    children: &[
        SHARED,
        &[
            any("BaseURL", &BASE_URL),
            any("ExtendedBandwidth", &OPAQUE),
            any("SubRepresentation", &OPAQUE),
            one("SegmentBase", &OPAQUE),
            one("SegmentList", &OPAQUE),
            one("SegmentTemplate", &TEMPLATE),
        ],
    ],
};

static TEMPLATE: Kind = Kind {
    attributes: Some(&[&[
        may("timescale", Type::Uint),
        may("eptDelta", Type::Integer),
        may("pdDelta", Type::Integer),
        may("presentationTimeOffset", Type::Ulong),
        may("presentationDuration", Type::Ulong),
        may("timeShiftBufferDepth", Type::Duration),
        may("indexRange", Type::Text),
        may("indexRangeExact", Type::Boolean),
        may("availabilityTimeOffset", Type::Double),
        may("availabilityTimeComplete", Type::Boolean),
        may("duration", Type::Uint),
        may("startNumber", Type::Uint),
        may("endNumber", Type::Uint),
        may("media", Type::Text),
        may("index", Type::Text),
        may("initialization", Type::Text),
        may("bitstreamSwitching", Type::Text),
    ]]),
    children: &[&[
        one("Initialization", &OPAQUE),
        one("RepresentationIndex", &OPAQUE),
        one("FailoverContent", &OPAQUE),
        one("SegmentTimeline", &TIMELINE),
        one("BitstreamSwitching", &OPAQUE),
    ]],
};

static TIMELINE: Kind = Kind { attributes: Some(&[]), children: &[&[any("S", &STRETCH)]] };

static STRETCH: Kind = Kind {
    attributes: Some(&[&[
        may("t", Type::Ulong),
        may("n", Type::Ulong),
        must("d", Type::Ulong),
        may("r", Type::Integer),
        may("k", Type::Ulong),
    ]]),
    children: &[],
};
