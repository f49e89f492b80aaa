//! The header of a safetensors file, checked before any value is read: a file that
//! lies about its length, or is far longer than its model, costs no memory.

use std::io::{self, Read};

use safetensors::SafeTensorError;
use safetensors::tensor::Metadata;

/// Longest header that is read, in bytes: room for 100,000 tensors.
const MAX_HEADER_BYTES: u64 = 1 << 24;

/// What a safetensors file says of itself.
pub(crate) struct TensorHeader {
    /// Name, type, shape and place of every tensor; all within the file.
    pub(crate) tensors: Metadata,
    /// The header as it is in the file, its length before it.
    pub(crate) bytes: Vec<u8>,
}

impl TensorHeader {
    /// Reads the header of a file of `length` bytes from its beginning.
    ///
    /// # Errors
    ///
    /// Where the header is damaged, or its tensors do not end where the file does.
    pub(crate) fn read(mut file: impl Read, length: u64) -> Result<Self, SafeTensorError> {
        let mut bytes = Vec::new();
        let prefix = size_of::<u64>() as u64;
        (&mut file).take(prefix).read_to_end(&mut bytes)?;
        let Ok(announced) = <[u8; size_of::<u64>()]>::try_from(bytes.as_slice()) else {
            return Err(SafeTensorError::HeaderTooSmall);
        };
        let announced = u64::from_le_bytes(announced);
        if announced > length.saturating_sub(prefix) {
            return Err(SafeTensorError::InvalidHeaderLength);
        }
        if announced > MAX_HEADER_BYTES {
            return Err(SafeTensorError::HeaderTooLarge);
        }
        let read = file.take(announced).read_to_end(&mut bytes)?;
        if read as u64 != announced {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let json = &bytes[size_of::<u64>()..];
        let text = std::str::from_utf8(json).map_err(SafeTensorError::InvalidHeader)?;
        let tensors: Metadata =
            serde_json::from_str(text).map_err(SafeTensorError::InvalidHeaderDeserialization)?;
        if tensors.data_len() as u64 != length - prefix - announced {
            return Err(SafeTensorError::MetadataIncompleteBuffer);
        }
        Ok(Self { tensors, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(json: &str, values: usize) -> Vec<u8> {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes.resize(bytes.len() + values, 0);
        bytes
    }

    fn read(bytes: &[u8], length: u64) -> Result<usize, String> {
        let read = TensorHeader::read(bytes, length);
        let values = |header: TensorHeader| header.tensors.data_len();
        read.map(values).map_err(|error| error.to_string())
    }

    #[test]
    fn a_header_is_checked_without_its_values() {
        let json = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        let whole = file(json, 8);
        let length = whole.len() as u64;
        assert_eq!(read(&whole, length), Ok(8));
        // The values are not looked at.
        assert_eq!(read(&whole[..whole.len() - 8], length), Ok(8));
        for (bytes, length, expected) in [
            (&whole[..], length + 1, "not fully covered"),
            (&whole[..], length - 1, "not fully covered"),
            (&whole[..5], 5, "header too small"),
            (&whole[..], 20, "invalid header length"),
            (&whole[..20], length, "I/O error"),
            (&(1u64 << 40).to_le_bytes()[..], 1 << 41, "header too large"),
            (&file("nonsense", 0)[..], 16, "invalid JSON"),
        ] {
            let said = read(bytes, length).expect_err(expected);
            assert!(said.contains(expected), "{said}, expected {expected}");
        }
    }
}
