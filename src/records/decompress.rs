//! Compressed streams and UTF-16 as plain bytes of UTF-8, told apart by their
//! first bytes.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use flate2::bufread::GzDecoder;

/// A stream whose first bytes were looked at and put back.
pub(super) type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// The first `count` bytes of a stream, or all there are, and the stream with
/// them put back.
pub(super) fn peek<R: Read>(mut reader: R, count: u64) -> io::Result<(Vec<u8>, Whole<R>)> {
    let mut first = Vec::new();
    reader.by_ref().take(count).read_to_end(&mut first)?;
    Ok((first.clone(), Cursor::new(first).chain(reader)))
}

/// A stream, decompressed.
pub(super) enum Decompressed<R: Read> {
    Plain(Whole<R>),
    Gzip(Box<Members<Whole<R>>>),
    #[cfg(feature = "archives")]
    Zstd(Box<super::zstd::Frames<Whole<R>>>),
}

impl<R: Read> Decompressed<R> {
    pub(super) fn open(reader: R) -> io::Result<Self> {
        let (first, whole) = peek(reader, 4)?;
        Ok(match first.as_slice() {
            [0x1f, 0x8b, ..] | [0x1f] => Self::Gzip(Box::new(Members::new(whole))),
            #[cfg(feature = "archives")]
            magic if super::zstd::is_frame(magic) => {
                Self::Zstd(Box::new(super::zstd::Frames::new(whole)))
            }
            _ => Self::Plain(whole),
        })
    }

    /// Whether nothing is packed.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Zero bytes after the compressed data.
    pub(super) fn padding(&self) -> u64 {
        match self {
            Self::Plain(_) => 0,
            Self::Gzip(members) => members.padding,
            #[cfg(feature = "archives")]
            Self::Zstd(_) => 0,
        }
    }
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(buffer),
            Self::Gzip(reader) => reader.read(buffer),
            #[cfg(feature = "archives")]
            Self::Zstd(reader) => reader.read(buffer),
        }
    }
}

/// Data that end before they are whole, as after a download that stopped.
pub(super) fn cut_off(packed: &str) -> io::Error {
    let what = format!("the {packed} data are cut off: the file is not whole");
    io::Error::new(io::ErrorKind::UnexpectedEof, what)
}

/// Why gzip data cannot be read; a failure of the system stays what it is.
fn gzip_failed(error: io::Error) -> io::Error {
    let what = match error.kind() {
        io::ErrorKind::UnexpectedEof => return cut_off("gzip"),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            format!("the gzip data are damaged: {error}")
        }
        _ => return error,
    };
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The members of a gzip file one after the other: `cat a.gz b.gz` and bgzip
/// both make several. Zero bytes after the last are passed over, as gzip does;
/// tapes and block devices leave them.
pub(super) struct Members<R: Read> {
    /// `None` once all is read.
    member: Option<GzDecoder<BufReader<R>>>,
    padding: u64,
}

impl<R: Read> Members<R> {
    fn new(reader: R) -> Self {
        Self {
            member: Some(GzDecoder::new(BufReader::new(reader))),
            padding: 0,
        }
    }

    /// Goes on to what follows a member that is whole.
    fn next_member(&mut self, mut rest: BufReader<R>) -> io::Result<()> {
        let mut padding = 0;
        loop {
            let bytes = rest.fill_buf()?;
            let Some(&first) = bytes.first() else {
                self.padding = padding;
                return Ok(());
            };
            if padding == 0 && first == 0x1f {
                self.member = Some(GzDecoder::new(rest));
                return Ok(());
            }
            let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
            if zeros == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "bytes that are not gzip follow the gzip data",
                ));
            }
            padding += zeros as u64;
            rest.consume(zeros);
        }
    }
}

impl<R: Read> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(buffer).map_err(gzip_failed)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            if let Some(member) = self.member.take() {
                self.next_member(member.into_inner())?;
            }
        }
        Ok(0)
    }
}

/// A stream of text, as UTF-8 where it says by a byte-order mark that it is
/// UTF-16. Other bytes come through as they are.
pub(super) enum Text<R> {
    Bytes(Whole<R>),
    Utf16(Box<Utf16<Whole<R>>>),
}

impl<R: Read> Text<R> {
    pub(super) fn open(reader: R) -> io::Result<Self> {
        let (first, whole) = peek(reader, 4)?;
        Ok(match first.as_slice() {
            // The mark of UTF-32 begins with that of UTF-16.
            [0xff, 0xfe, 0, 0] => Self::Bytes(whole),
            [0xff, 0xfe, ..] => Self::Utf16(Box::new(Utf16::new(whole, u16::from_le_bytes))),
            [0xfe, 0xff, ..] => Self::Utf16(Box::new(Utf16::new(whole, u16::from_be_bytes))),
            _ => Self::Bytes(whole),
        })
    }

    pub(super) fn inner(&self) -> &R {
        match self {
            Self::Bytes(whole) => whole.get_ref().1,
            Self::Utf16(text) => text.reader.get_ref().1,
        }
    }
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Bytes(reader) => reader.read(buffer),
            Self::Utf16(reader) => reader.read(buffer),
        }
    }
}

/// UTF-16 as UTF-8; what is no character becomes U+FFFD. A crate for encodings
/// would add 160 KB of other tables to each of the page's modules.
pub(super) struct Utf16<R> {
    reader: R,
    unit: fn([u8; 2]) -> u16,
    /// Bytes read and not yet understood: half a unit, half a pair.
    waiting: Vec<u8>,
    /// Text understood and not yet given.
    ready: Cursor<Vec<u8>>,
    ended: bool,
}

impl<R: Read> Utf16<R> {
    fn new(reader: R, unit: fn([u8; 2]) -> u16) -> Self {
        Self {
            reader,
            unit,
            waiting: Vec::new(),
            ready: Cursor::new(Vec::new()),
            ended: false,
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        let mut bytes = [0; 8192];
        let count = self.reader.read(&mut bytes)?;
        self.ended = count == 0;
        self.waiting.extend(&bytes[..count]);
        let mut units: Vec<u16> = self
            .waiting
            .chunks_exact(2)
            .map(|pair| (self.unit)([pair[0], pair[1]]))
            .collect();
        let is_first_half = |unit: &u16| (0xd800..0xdc00).contains(unit);
        if !self.ended && units.last().is_some_and(is_first_half) {
            units.pop();
        }
        self.waiting.drain(..2 * units.len());
        let mut text: String = char::decode_utf16(units)
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        if self.ended && !self.waiting.is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
            self.waiting.clear();
        }
        self.ready = Cursor::new(text.into_bytes());
        Ok(())
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.ready.read(buffer)?;
            if count > 0 || buffer.is_empty() || self.ended {
                return Ok(count);
            }
            match self.refill() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                refilled => refilled?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_comes_as_utf8_wherever_it_is_cut_into_reads() {
        struct Slowly<'a>(&'a [u8], usize);
        impl Read for Slowly<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let count = buffer.len().min(self.1);
                self.0.read(&mut buffer[..count])
            }
        }
        let text = "a,µM,\u{1f9ea}\r\nü";
        for step in [1, 2, 3, 5, 1000] {
            for order in [u16::to_le_bytes, u16::to_be_bytes] {
                let marked = format!("\u{feff}{text}");
                let bytes: Vec<u8> = marked.encode_utf16().flat_map(order).collect();
                let mut read = String::new();
                let mut opened = Text::open(Slowly(&bytes, step)).expect("readable");
                opened.read_to_string(&mut read).expect("UTF-8");
                assert_eq!(read, marked, "{step}");
            }
        }
        let mut cut = String::new();
        let halves = [0xff, 0xfe, b'a', 0, 0x3e, 0xd8, 7];
        let mut opened = Text::open(halves.as_slice()).expect("readable");
        opened.read_to_string(&mut cut).expect("UTF-8");
        assert_eq!(cut, "\u{feff}a\u{fffd}\u{fffd}");
    }
}
