//! Zstandard: frames one after the other, to what `zstd -d` reads and no further.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::decompress::cut_off;

/// Whether a stream begins as Zstandard does: with a frame of data, or with one that is to be
/// skipped. Less than four bytes are all of the stream.
pub(super) fn is_frame(first: &[u8]) -> bool {
    const DATA: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    match first {
        [0x50..=0x5f, 0x2a, 0x4d, 0x18] => true,
        [_, _, ..] => DATA.starts_with(first),
        _ => false,
    }
}

/// The frames of a stream, decompressed.
pub(super) struct Frames<R: Read> {
    reader: BufReader<R>,
    decoder: FrameDecoder,
    /// A frame has begun and is not given in full.
    within: bool,
    /// A frame was given in full.
    has_any: bool,
}

impl<R: Read> Frames<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader: BufReader::new(reader),
            decoder: FrameDecoder::new(),
            within: false,
            has_any: false,
        }
    }

    /// Begins the next frame; false at the end of the stream.
    fn begin(&mut self) -> io::Result<bool> {
        let bytes = self.reader.fill_buf()?;
        let Some(&first) = bytes.first() else {
            return Ok(false);
        };
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
                    return Err(cut_off("zstd"));
                }
                self.has_any = true;
            }
            // Less than four bytes, or others than those with which a frame begins.
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::BadMagicNumber(
                _,
            ))) => return Err(not_zstd(first)),
            Err(FrameDecoderError::ReadFrameHeaderError(
                ReadFrameHeaderError::MagicNumberReadError(error),
            )) if self.has_any && error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(not_zstd(first));
            }
            Err(error) => return Err(failed(&error)),
        }
        Ok(true)
    }
}

/// What follows the frames; tapes and block devices leave zeros.
fn not_zstd(first: u8) -> io::Error {
    let what = match first {
        0 => "zero bytes follow the zstd data: `zstd -dc` gives what lies before them",
        _ => "bytes that are not zstd follow the zstd data",
    };
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Why a frame cannot be read, in words for the user: those of the decoder are for whoever
/// debugs it.
fn failed(error: &FrameDecoderError) -> io::Error {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(here) = cause {
        if let Some(error) = here.downcast_ref::<io::Error>() {
            return match (error.kind(), error.raw_os_error()) {
                (io::ErrorKind::UnexpectedEof, _) => cut_off("zstd"),
                (_, Some(code)) => io::Error::from_raw_os_error(code),
                (kind, None) => io::Error::new(kind, error.to_string()),
            };
        }
        cause = here.source();
    }
    damaged(&match error {
        FrameDecoderError::WindowSizeTooBig { requested, max } => format!(
            "are packed with a window of {requested} bytes, and at most {max} are read: pack them \
             without --ultra and --long"
        ),
        FrameDecoderError::DictNotProvided { .. } => {
            "are packed with a dictionary: unpack them first".to_owned()
        }
        _ => "are damaged".to_owned(),
    })
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the zstd data {what}"))
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
                decoded.map_err(|error| failed(&error))?;
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
                return Err(damaged("are damaged: the checksum is wrong"));
            }
            self.within = false;
            self.has_any = true;
        }
    }
}
