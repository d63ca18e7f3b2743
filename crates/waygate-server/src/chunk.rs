//! Pieces of a stream, as they travel.

use std::collections::VecDeque;
use std::io::{IoSlice, Write as _};

use bytes::{Buf, Bytes};

/// Some words of a stream, as a chunk (RFC 9112, 7.1): framed once, and shared by all connections that it is written to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chunk {
    framed: Bytes,
    /// Where the words begin in it.
    start: usize,
}

/// What ends the frame of a chunk.
const END: &[u8] = b"\r\n";

impl Chunk {
    /// The last of a body.
    pub(crate) const LAST: Self = Self { framed: Bytes::from_static(b"0\r\n\r\n"), start: 3 };

    /// No words are no chunk: an empty one would end the body.
    pub(crate) fn of(words: impl AsRef<[u8]>) -> Self {
        let words = words.as_ref();
        if words.is_empty() {
            return Self::default();
        }
        let mut framed = Vec::with_capacity(words.len() + 16);
        // A vector takes everything.
        let _ = write!(framed, "{:x}\r\n", words.len());
        let start = framed.len();
        framed.extend_from_slice(words);
        framed.extend_from_slice(END);
        Self { framed: framed.into(), start }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.framed.is_empty()
    }

    /// The words alone, of the same bytes.
    pub(crate) fn words(&self) -> Bytes {
        if self.is_empty() { Bytes::new() } else { self.framed.slice(self.start..self.framed.len() - END.len()) }
    }
}

/// Chunks on their way out, in order.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    waiting: VecDeque<Chunk>,
    /// How much of the first is written.
    written: usize,
}

impl Chunks {
    /// Puts a chunk behind the others; an empty one is none.
    pub(crate) fn push(&mut self, chunk: Chunk) {
        if !chunk.is_empty() {
            self.waiting.push_back(chunk);
        }
    }

    /// The next one, for who frames it anew.
    pub(crate) fn pop(&mut self) -> Option<Chunk> {
        self.waiting.pop_front()
    }
}

impl Buf for Chunks {
    fn remaining(&self) -> usize {
        self.waiting.iter().map(|chunk| chunk.framed.len()).sum::<usize>() - self.written
    }

    fn chunk(&self) -> &[u8] {
        self.waiting.front().map_or(&[], |chunk| &chunk.framed[self.written..])
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        for (slice, chunk) in slices.iter_mut().zip(&self.waiting) {
            *slice = IoSlice::new(if filled == 0 { &chunk.framed[self.written..] } else { &chunk.framed });
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, count: usize) {
        self.written += count;
        while let Some(first) = self.waiting.front().filter(|first| first.framed.len() <= self.written) {
            self.written -= first.framed.len();
            self.waiting.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_has_its_words_within_its_frame() {
        let chunk = Chunk::of("data: twenty-six letters\n\n");
        assert_eq!(chunk.framed, "1a\r\ndata: twenty-six letters\n\n\r\n");
        assert_eq!(chunk.words(), "data: twenty-six letters\n\n");
        assert!(Chunk::of("").is_empty() && Chunk::of("").words().is_empty());
        assert!(Chunk::LAST.words().is_empty());
    }

    #[test]
    fn chunks_are_written_whole_and_in_order_however_they_are_cut() {
        let whole = "3\r\none\r\n5\r\nthree\r\n0\r\n\r\n";
        for step in 1..=whole.len() {
            let mut chunks = Chunks::default();
            for chunk in [Chunk::of("one"), Chunk::of(""), Chunk::of("three"), Chunk::LAST] {
                chunks.push(chunk);
            }
            let mut written = Vec::new();
            while chunks.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 4];
                let filled = chunks.chunks_vectored(&mut slices);
                let all: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.iter().copied()).collect();
                assert_eq!((all.len(), &all[..chunks.chunk().len()]), (chunks.remaining(), chunks.chunk()));
                let count = step.min(all.len());
                written.extend_from_slice(&all[..count]);
                chunks.advance(count);
            }
            assert_eq!(String::from_utf8(written).unwrap(), whole);
        }
    }
}
