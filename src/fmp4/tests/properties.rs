//! What holds for all samples, however they are cut, and for all bytes.

use super::*;

/// A track's samples: first decoding time, then (ticks to the next, cts, sync, bytes) of each; the first is made a sync sample.
fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let one = (prop_oneof![Just(3_000_i64), 1_i64..200_000], -9_000_i32..90_000, any::<bool>(), prop::collection::vec(any::<u8>(), 1..40));
    (prop_oneof![0_i64..1 << 20, (1_i64 << 32)..1 << 50], prop::collection::vec(one, 1..60)).prop_map(|(start, parts)| {
        // Far enough from zero for any composition time drawn above.
        let mut dts = start + 9_000;
        let mut samples: Vec<Sample> = Vec::new();
        for (step, cts, is_sync, data) in parts {
            samples.push(picture(dts, cts, is_sync || samples.is_empty(), &data));
            dts += step;
        }
        samples
    })
}

proptest! {
    #[test]
    fn samples_come_back_exactly_however_they_are_cut(samples in samples(), cuts in prop::collection::vec(any::<bool>(), 60)) {
        let mut file = init_segment(&[&video()]).unwrap().to_vec();
        let mut fragmenter = Fragmenter::new(&video());
        let mut batch = Batch::new();
        let mut layout = layout(0);
        let mut ticks = 0;
        let mut timed = Vec::new();
        for sample in &samples {
            timed.extend(fragmenter.push(sample.clone()).unwrap());
        }
        timed.extend(fragmenter.flush(None));
        layout.delay = fragmenter.delay();
        let count = timed.len();
        for (index, sample) in timed.into_iter().enumerate() {
            batch.push(sample).unwrap();
            if cuts[index] || index + 1 == count {
                let fragment = batch.take_fragment(&layout).unwrap().unwrap();
                ticks += fragment.info.ticks;
                layout.sequence = layout.sequence.next();
                file.extend_from_slice(&fragment.freeze());
            }
        }

        let movie = reader::read(&file).unwrap();
        let read: Vec<_> = movie.fragments.iter().flat_map(|fragment| &fragment.samples).collect();
        prop_assert_eq!(read.len(), samples.len());
        for (read, sent) in read.iter().zip(&samples) {
            prop_assert_eq!(read.pts(), i128::from(sent.pts().ticks()));
            prop_assert_eq!(i128::from(read.dts), i128::from(sent.dts.ticks()) + i128::from(samples[0].cts));
            prop_assert_eq!(read.flags, if sent.is_sync { SYNC_FLAGS } else { NON_SYNC_FLAGS });
            prop_assert_eq!(&file[read.data.clone()], &sent.data[..]);
        }
        prop_assert_eq!(i128::from(read[0].dts), read[0].pts());
        for pair in movie.fragments.windows(2) {
            let length: u64 = pair[0].samples.iter().map(|sample| u64::from(sample.duration)).sum();
            prop_assert_eq!(pair[1].base_decode_time, pair[0].base_decode_time + length);
            prop_assert_eq!(pair[1].sequence, pair[0].sequence + 1);
        }

        let other = mp4::Mp4Reader::read_header(Cursor::new(&file), file.len() as u64).unwrap();
        prop_assert_eq!(other.moofs.len(), movie.fragments.len());
        prop_assert_eq!(other.sample_count(1).unwrap() as usize, samples.len());
        let mut total = 0;
        for (theirs, ours) in other.moofs.iter().zip(&movie.fragments) {
            let traf = &theirs.trafs[0];
            let trun = traf.trun.as_ref().unwrap();
            prop_assert_eq!(theirs.mfhd.sequence_number, ours.sequence);
            prop_assert_eq!(traf.tfdt.as_ref().unwrap().base_media_decode_time, ours.base_decode_time);
            let sizes: Vec<_> = ours.samples.iter().map(|sample| sample.data.len() as u32).collect();
            prop_assert_eq!(&trun.sample_sizes, &sizes);
            let offsets: Vec<_> = ours.samples.iter().map(|sample| sample.offset as u32).collect();
            prop_assert!(trun.sample_cts == offsets || trun.sample_cts.is_empty() && offsets.iter().all(|offset| *offset == 0));
            total += match traf.tfhd.default_sample_duration {
                Some(each) => i64::from(each) * i64::from(trun.sample_count),
                None => trun.sample_durations.iter().map(|duration| i64::from(*duration)).sum(),
            };
        }
        prop_assert_eq!(total, ticks);
    }

    #[test]
    fn hostile_bytes_are_an_error_and_never_a_panic(at in any::<prop::sample::Index>(), value in any::<[u8; 4]>(), cut in any::<prop::sample::Index>()) {
        let mut file = init_segment(&[&video(), &audio()]).unwrap().to_vec();
        let samples = [timed(picture(0, 0, true, b"I"), 1), timed(picture(1, 5, false, b"P"), 2)];
        file.extend_from_slice(&fragment::write(&samples, &layout(0)).unwrap().freeze());
        let at = at.index(file.len() - 4);
        file[at..at + 4].copy_from_slice(&value);
        file.truncate(cut.index(file.len()));
        if let Ok(movie) = reader::read(&file) {
            prop_assert!(movie.fragments.iter().flat_map(|fragment| &fragment.samples).all(|sample| sample.data.end <= file.len()));
        }
    }
}
