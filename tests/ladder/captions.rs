//! Captions in the source's pictures are in those of every rung, also where it has fewer pictures.

use bytes::{BufMut, Bytes, BytesMut};
use sluicegate::transcode::ladder::{Rung, RungCodec};

use crate::source::clip;
use crate::worker::{Frame, plan, run, rung};

/// The head of an ATSC caption message (A/53 part 4): country and provider, identifier, type of data.
const A53: &[u8] = &[0xB5, 0, 0x31, b'G', b'A', b'9', b'4', 3];

/// The caption bytes of frame `at`: one group that means something, and one that fills.
fn groups(at: usize) -> [u8; 6] {
    [0xFC, 0x20 + (at % 90) as u8, 0x41, 0xF8, 0, 0]
}

/// An SEI unit with these caption bytes, behind its length.
fn sei(groups: &[u8]) -> Bytes {
    let mut payload = BytesMut::from(A53);
    payload.put_slice(&[0xC0 | (groups.len() / 3) as u8, 0xFF]);
    payload.put_slice(groups);
    payload.put_u8(0xFF);
    let mut unit = BytesMut::from(&[6, 4, payload.len() as u8][..]);
    unit.extend_from_slice(&payload);
    unit.put_u8(0x80);
    let mut out = BytesMut::new();
    out.put_u32(unit.len() as u32);
    out.extend_from_slice(&unit);
    out.freeze()
}

/// The groups that mean something, of all frames.
fn found(frames: &[Frame]) -> Vec<[u8; 3]> {
    let mut found = Vec::new();
    for frame in frames {
        let Some(at) = frame.data.windows(A53.len()).position(|window| window == A53) else { continue };
        let count = usize::from(frame.data[at + A53.len()] & 31);
        let groups = &frame.data[at + A53.len() + 2..][..count * 3];
        found.extend(groups.chunks_exact(3).filter(|group| group[0] & 4 != 0).map(|group| [group[0], group[1], group[2]]));
    }
    found
}

#[test]
fn captions_stay_in_every_rung() {
    let mut source = clip("zerolatency", 90);
    for (at, sample) in source.samples.iter_mut().enumerate() {
        let mut data = BytesMut::from(&sei(&groups(at))[..]);
        data.extend_from_slice(&sample.data);
        sample.data = data.freeze();
    }
    let half = Rung { every: 2, frame_rate: 14.985, ..rung("180p", 320, 180) };
    let hevc = Rung { codec: RungCodec::Hevc, preset: "ultrafast".into(), profile: "main".into(), level: 90, ..rung("hevc", 214, 120) };
    let av1 = Rung { codec: RungCodec::Av1, preset: "10".into(), profile: "main".into(), level: 0, ..rung("av1", 214, 120) };
    let output = run(&plan([rung("240p", 426, 240), half, hevc, av1]), source.flv());
    let told: Vec<_> = (0..89).map(|at| [groups(at)[0], groups(at)[1], groups(at)[2]]).collect();
    for (at, frames) in output.rungs.iter().enumerate() {
        // The last frame's come with the next in a rung that leaves it out.
        assert_eq!(found(frames)[..89], told, "rung {at}");
    }
}
