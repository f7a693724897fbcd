//! Collects a few bytes that may arrive in several reads.

/// Bytes of one header, as far as they have come.
#[derive(Debug, Default)]
pub struct Gather {
    bytes: Vec<u8>,
}

impl Gather {
    /// Takes from `input` until `need` bytes are there; true when they are.
    pub fn fill(&mut self, input: &mut &[u8], need: usize) -> bool {
        let (taken, rest) = input.split_at(need.saturating_sub(self.bytes.len()).min(input.len()));
        self.bytes.extend_from_slice(taken);
        *input = rest;
        self.bytes.len() >= need
    }

    /// What is there so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets what is there.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }
}

/// Passes over up to `left` bytes; true when none is left.
pub fn skip(input: &mut &[u8], left: &mut u64) -> bool {
    let skipped = (*left).min(input.len() as u64);
    *input = &input[skipped as usize..];
    *left -= skipped;
    *left == 0
}
