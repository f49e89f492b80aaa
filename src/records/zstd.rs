//! Zstandard: frames one after the other.

use std::io::{self, BufRead, BufReader, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Whether a stream begins as Zstandard does.
pub(super) fn is_frame(first: &[u8]) -> bool {
    first == [0x28, 0xb5, 0x2f, 0xfd]
}

/// The frames of a stream, decompressed.
pub(super) struct Frames<R: Read> {
    reader: BufReader<R>,
    decoder: FrameDecoder,
    /// A frame has begun and is not given in full.
    within: bool,
    /// A frame was given in full.
    has_any: bool,
    /// Zero bytes after the last frame.
    padding: u64,
}

impl<R: Read> Frames<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader: BufReader::new(reader),
            decoder: FrameDecoder::new(),
            within: false,
            has_any: false,
            padding: 0,
        }
    }

    /// Zero bytes after the last frame, as tapes and block devices leave them.
    pub(super) fn padding(&self) -> u64 {
        self.padding
    }

    /// Begins the next frame; false at the end of the stream.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            let bytes = self.reader.fill_buf()?;
            let Some(&first) = bytes.first() else {
                return Ok(false);
            };
            let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
            if zeros == 0 && self.padding > 0 {
                return Err(not_zstd());
            }
            if first != 0 {
                break;
            }
            self.padding += zeros as u64;
            self.reader.consume(zeros);
        }
        match self.decoder.init(&mut self.reader) {
            Ok(()) => self.within = true,
            // Such a frame holds something of no concern to a reader.
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let length = u64::from(length);
                let skipped = io::copy(&mut self.reader.by_ref().take(length), &mut io::sink())?;
                if skipped < length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            // Less than four bytes, or others than those with which a frame begins.
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::BadMagicNumber(
                _,
            ))) if self.has_any => return Err(not_zstd()),
            Err(FrameDecoderError::ReadFrameHeaderError(
                ReadFrameHeaderError::MagicNumberReadError(error),
            )) if self.has_any && error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(not_zstd());
            }
            Err(error) => return Err(damaged(error)),
        }
        Ok(true)
    }
}

fn not_zstd() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "bytes that are not zstd follow the zstd data",
    )
}

fn damaged(error: FrameDecoderError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("zstd data: {error}"))
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.within {
                if !self.begin()? {
                    return Ok(0);
                }
                continue;
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                let decoded = self.decoder.decode_blocks(&mut self.reader, one);
                decoded.map_err(damaged)?;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            let (stated, found) = (
                self.decoder.get_checksum_from_data(),
                self.decoder.get_calculated_checksum(),
            );
            if stated.is_some() && stated != found {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "zstd data: the checksum is wrong",
                ));
            }
            self.within = false;
            self.has_any = true;
        }
    }
}
