//! How far in front the best row of each group is: bytes that compare as the rows do, the smaller the better.

/// A rank a group, by the group's number.
#[derive(Debug, Default)]
pub(crate) struct Ranks {
    bytes: Vec<u8>,
    spans: Vec<(usize, usize)>,
}

impl Ranks {
    /// Makes room for so many groups; new ones have no bytes.
    pub(crate) fn grow(&mut self, groups: usize) {
        self.spans.resize(groups, (0, 0));
    }

    pub(crate) fn get(&self, group: usize) -> &[u8] {
        let (begin, end) = self.spans[group];
        &self.bytes[begin..end]
    }

    /// A better one, in the place of the one before where it fits.
    pub(crate) fn set(&mut self, group: usize, rank: &[u8]) {
        let (begin, end) = self.spans[group];
        let begin = if rank.len() <= end - begin {
            self.bytes[begin..begin + rank.len()].copy_from_slice(rank);
            begin
        } else {
            self.bytes.extend_from_slice(rank);
            self.bytes.len() - rank.len()
        };
        self.spans[group] = (begin, begin + rank.len());
    }

    /// Forgets the first groups; the others move up.
    pub(crate) fn drop_first(&mut self, groups: usize) {
        self.spans.drain(..groups);
        self.drop_replaced();
    }

    /// Gives back what replaced ones took.
    pub(crate) fn drop_replaced(&mut self) {
        let lasting: usize = self.spans.iter().map(|(begin, end)| end - begin).sum();
        if lasting < self.bytes.len() {
            let mut bytes = Vec::with_capacity(lasting);
            for (begin, end) in &mut self.spans {
                let at = bytes.len();
                bytes.extend_from_slice(&self.bytes[*begin..*end]);
                (*begin, *end) = (at, bytes.len());
            }
            self.bytes = bytes;
        }
    }

    pub(crate) fn size(&self) -> usize {
        self.bytes.capacity() + self.spans.capacity() * size_of::<(usize, usize)>()
    }
}
