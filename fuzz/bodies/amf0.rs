//! Any bytes are AMF0 values or an error inside them; what is read can be written, and reads back as the same bytes.

use sluicegate::amf0;

pub fn run(data: &[u8]) {
    match amf0::read_all(data) {
        Ok(values) => {
            let written = amf0::encode(&values);
            let again = amf0::read_all(&written).expect("what we write is well formed");
            assert_eq!(amf0::encode(&again), written);
            assert!(!format!("{values:?}").is_empty());
        }
        Err(error) => assert!(error.position <= data.len()),
    }
}
