//! How many objects a pickle makes, counted before any is made: each byte of a
//! pickle can become two hundred in memory, so a small file could take all there is.

use std::io::{self, BufRead};

use super::ImportError;

/// Most objects of a checkpoint's pickles together; a tensor takes about thirty.
const MAX_OBJECTS: u64 = 1_000_000;
/// Objects that the smallest file may have, beside one for each of its bytes: a file
/// of tensors has many bytes an object.
const FREE_OBJECTS: u64 = 50_000;
/// Pickles of a file of PyTorch before 1.6: magic number, version, system, objects and
/// keys of the storages.
pub(super) const LEGACY_PICKLES: usize = 5;

/// The opcode that ends a pickle.
const STOP: u8 = b'.';

/// What comes after an opcode.
enum Argument {
    /// So many bytes.
    Bytes(u64),
    /// So many lines.
    Lines(u8),
    /// A length of so many bytes, little-endian, and as many bytes as it says.
    Counted(u8),
}

/// The argument of an opcode of protocols 0 to 5; `None` of a byte that is none.
fn argument(opcode: u8) -> Option<Argument> {
    Some(match opcode {
        // Ints, floats, strings and persistent ids as text; memo indices.
        b'I' | b'L' | b'F' | b'V' | b'P' | b'g' | b'p' | b'S' => Argument::Lines(1),
        // A class: module and name.
        b'c' => Argument::Lines(2),
        b'K' | b'h' | b'q' | 0x80 | 0x82 => Argument::Bytes(1),
        b'M' | 0x83 => Argument::Bytes(2),
        b'J' | b'j' | b'r' | 0x84 => Argument::Bytes(4),
        b'G' | 0x95 => Argument::Bytes(8),
        b'U' | b'C' | 0x8a | 0x8c => Argument::Counted(1),
        b'T' | b'X' | b'B' | 0x8b => Argument::Counted(4),
        0x8d | 0x8e | 0x96 => Argument::Counted(8),
        b'('
        | b'.'
        | b'0'
        | b'1'
        | b'2'
        | b'N'
        | b'Q'
        | b'R'
        | b'b'
        | b'd'
        | b'l'
        | b't'
        | b's'
        | b'a'
        | b')'
        | b']'
        | b'}'
        | b'e'
        | b'u'
        | b'o'
        | 0x81
        | 0x85..=0x89
        | 0x8f..=0x94
        | 0x97
        | 0x98 => Argument::Bytes(0),
        _ => return None,
    })
}

/// Refuses a stream of at most `pickles` pickles, from a file of `length` bytes, that
/// would make too many objects. One that is damaged is left to the reader, which stops
/// where this does.
pub(super) fn check(
    stream: &mut impl BufRead,
    pickles: usize,
    length: u64,
) -> Result<(), ImportError> {
    let most = MAX_OBJECTS.min(FREE_OBJECTS + length);
    let mut objects = 0;
    for _ in 0..pickles {
        match pickle(stream, &mut objects, most) {
            Ok(Some(())) => {}
            Ok(None) | Err(_) => break,
        }
    }
    if objects > most {
        return Err(ImportError::TooManyObjects(most));
    }
    Ok(())
}

/// Adds the opcodes of one pickle to `objects`, and stops where they are more than
/// `most`; `None` where it does not end as a pickle.
fn pickle(stream: &mut impl BufRead, objects: &mut u64, most: u64) -> io::Result<Option<()>> {
    while *objects <= most {
        let Some(opcode) = byte(stream)? else {
            return Ok(None);
        };
        *objects += 1;
        match argument(opcode) {
            None => return Ok(None),
            Some(Argument::Bytes(count)) => skip(stream, count)?,
            Some(Argument::Lines(count)) => {
                for _ in 0..count {
                    stream.skip_until(b'\n')?;
                }
            }
            Some(Argument::Counted(width)) => {
                let mut count = 0;
                for place in 0..width {
                    let byte = byte(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
                    count |= u64::from(byte) << (8 * place);
                }
                skip(stream, count)?;
            }
        }
        if opcode == STOP {
            return Ok(Some(()));
        }
    }
    Ok(None)
}

fn byte(stream: &mut impl BufRead) -> io::Result<Option<u8>> {
    let first = stream.fill_buf()?.first().copied();
    if first.is_some() {
        stream.consume(1);
    }
    Ok(first)
}

fn skip(stream: &mut impl BufRead, mut count: u64) -> io::Result<()> {
    while count > 0 {
        let ready = stream.fill_buf()?.len() as u64;
        if ready == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let skipped = ready.min(count);
        stream.consume(skipped as usize);
        count -= skipped;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opcodes of the first of the pickles in `bytes`, and what follows it.
    fn counted(mut bytes: &[u8]) -> (u64, Option<()>, &[u8]) {
        let mut objects = 0;
        let ended = pickle(&mut bytes, &mut objects, MAX_OBJECTS).expect("whole");
        (objects, ended, bytes)
    }

    #[test]
    fn opcodes_are_counted_and_not_what_they_carry() {
        // {"a": [1, 2.5, None], "…": (True,)} of protocol 2, then another pickle.
        let bytes =
            b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01G@\x04\x00\x00\x00\x00\x00\x00Ne\
            X\x03\x00\x00\x00...q\x03\x88\x85q\x04u.N.";
        let (objects, ended, rest) = counted(bytes);
        assert_eq!((objects, ended, rest), (20, Some(()), &b"N."[..]));
        // Protocol 0, and what is no pickle.
        let (objects, ended, _) = counted(b"(lp0\nI1\naF2.5\nacos\nsystem\n(S'x.'\ntR.");
        assert_eq!((objects, ended), (13, Some(())));
        assert_eq!(counted(b"N\xff").1, None);
    }

    #[test]
    fn a_pickle_of_too_many_objects_is_refused_and_a_broken_one_left() {
        for opcode in [b'N', b']', b'}', b'('] {
            let bytes = vec![opcode; MAX_OBJECTS as usize + 2];
            let refused = check(&mut &bytes[..], 1, u64::MAX / 2);
            assert!(matches!(refused, Err(ImportError::TooManyObjects(_))));
            // Packed into a few bytes, far fewer are too many.
            let refused = check(&mut &bytes[..60_000], 1, 200);
            assert!(matches!(refused, Err(ImportError::TooManyObjects(_))));
        }
        let halves: Vec<u8> = [vec![b'N'; 600_000], b"..".to_vec()].concat();
        let long = MAX_OBJECTS;
        check(&mut &halves[..], 1, long).expect("few");
        let both = [&halves[..600_001], &halves[..]].concat();
        assert!(check(&mut &both[..], 1, long).is_ok());
        assert!(check(&mut &both[..], 2, long).is_err());
        check(&mut &b"X\xff\xff\xff\xff"[..], 1, 5).expect("the reader says that it is cut short");
    }
}
