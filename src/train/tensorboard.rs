//! TensorBoard event files: the scalars of a run, for those who watch runs
//! there.
//!
//! An event file is a TFRecord file: each record is its length (u64,
//! little-endian), a checksum of the length, the payload, a checksum of the
//! payload. The payload is a protobuf message `Event`
//! (`tensorflow/core/util/event.proto`).
//!
//! TensorBoard reads all event files of a directory in the order of their
//! names, as one run. So a resumed run adds a file ([`EventFile::resume`]),
//! and none is ever appended to: a file that a killed run cut off in the
//! middle of a record stays readable up to there.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crc::{CRC_32_ISCSI, Crc};
use prost::Message;

/// CRC-32C (Castagnoli).
static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// The format's version, the payload of every file's first record.
const VERSION: &str = "brain.Event:2";

/// How many names are tried for a new file.
const MAX_NAMES: u32 = 1000;

/// The messages of TensorFlow's `event.proto` and `summary.proto` that a scalar
/// needs; tags are those of these files. Of the optional fields of a message
/// exactly one is there, and then written even where it is 0.
mod message {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Event {
        /// In seconds since 1970.
        #[prost(double, tag = "1")]
        pub(super) wall_time: f64,
        #[prost(int64, tag = "2")]
        pub(super) step: i64,
        #[prost(string, optional, tag = "3")]
        pub(super) file_version: Option<String>,
        #[prost(message, optional, tag = "5")]
        pub(super) summary: Option<Summary>,
        #[prost(message, optional, tag = "7")]
        pub(super) session_log: Option<SessionLog>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Summary {
        #[prost(message, repeated, tag = "1")]
        pub(super) value: Vec<Value>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Value {
        #[prost(string, tag = "1")]
        pub(super) tag: String,
        #[prost(float, optional, tag = "2")]
        pub(super) simple_value: Option<f32>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct SessionLog {
        #[prost(enumeration = "Status", tag = "1")]
        pub(super) status: i32,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
    #[repr(i32)]
    pub(super) enum Status {
        Unspecified = 0,
        Start = 1,
    }
}

/// A TensorBoard event file that is being written.
///
/// Records are buffered; [`flush`](Self::flush) hands them to the operating
/// system, as does dropping the file (where a failure goes unnoticed).
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: BufWriter<File>,
}

impl EventFile {
    /// Starts a new event file in `dir`, which must exist.
    ///
    /// Its name, `events.out.tfevents.SECONDS.NANOSECONDS.delicate`, sorts by
    /// the time of its creation, so that TensorBoard reads the files of a
    /// directory in the order in which they were written.
    ///
    /// # Errors
    /// The file cannot be created or written.
    pub fn create(dir: &Path) -> io::Result<Self> {
        Self::create_at(dir, since_epoch())
    }

    /// Starts a new event file for a run that goes on after `step`: what
    /// earlier files of the directory hold at later steps was lost with the
    /// run and is hidden by TensorBoard.
    ///
    /// # Errors
    /// The file cannot be created or written.
    pub fn resume(dir: &Path, step: i64) -> io::Result<Self> {
        let mut file = Self::create(dir)?;
        // A session that starts at N makes TensorBoard drop what is at N and
        // after it; the step that was saved stays.
        file.session_start(seconds(since_epoch()), step.saturating_add(1))?;
        Ok(file)
    }

    /// Appends the scalar `value` named `tag`, such as `train/loss`, at `step`.
    /// NaN and infinities are written as they are; TensorBoard marks them.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn scalar(&mut self, step: i64, tag: &str, value: f32) -> io::Result<()> {
        self.scalar_at(seconds(since_epoch()), step, tag, value)
    }

    /// Hands everything written so far to the operating system.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn create_at(dir: &Path, time: Duration) -> io::Result<Self> {
        let mut time = time;
        for _ in 0..MAX_NAMES {
            let path = dir.join(format!(
                "events.out.tfevents.{:010}.{:09}.delicate",
                time.as_secs(),
                time.subsec_nanos()
            ));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let mut file = Self {
                        path,
                        file: BufWriter::new(file),
                    };
                    file.version(seconds(time))?;
                    return Ok(file);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    time += Duration::from_nanos(1);
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists))
    }

    fn version(&mut self, wall_time: f64) -> io::Result<()> {
        self.record(&message::Event {
            wall_time,
            file_version: Some(VERSION.to_owned()),
            ..Default::default()
        })
    }

    fn session_start(&mut self, wall_time: f64, step: i64) -> io::Result<()> {
        let status = message::Status::Start.into();
        self.record(&message::Event {
            wall_time,
            step,
            session_log: Some(message::SessionLog { status }),
            ..Default::default()
        })
    }

    fn scalar_at(&mut self, wall_time: f64, step: i64, tag: &str, value: f32) -> io::Result<()> {
        let value = vec![message::Value {
            tag: tag.to_owned(),
            simple_value: Some(value),
        }];
        self.record(&message::Event {
            wall_time,
            step,
            summary: Some(message::Summary { value }),
            ..Default::default()
        })
    }

    fn record(&mut self, event: &message::Event) -> io::Result<()> {
        let payload = event.encode_to_vec();
        let length = (payload.len() as u64).to_le_bytes();
        self.file.write_all(&length)?;
        self.file.write_all(&masked_checksum(&length))?;
        self.file.write_all(&payload)?;
        self.file.write_all(&masked_checksum(&payload))
    }
}

fn since_epoch() -> Duration {
    // A clock before 1970 is no reason to fail.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

/// CRC-32C, rotated and offset: TFRecord's guard against a checksum of data
/// that hold their own checksum.
fn masked_checksum(content: &[u8]) -> [u8; 4] {
    CRC.checksum(content)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
        .to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_equal_those_of_the_tensorboard_package() {
        // Made by tests/golden/events.py.
        let golden = include_bytes!("../../tests/golden/events.tfevents");
        let dir = tempfile::tempdir().expect("a directory");
        let mut file = EventFile::create_at(dir.path(), Duration::from_millis(1_700_000_000_250))
            .expect("a new file");
        for (wall_time, step, tag, value) in [
            (1_700_000_001.5, 0, "train/loss", 0.0),
            (1_700_000_002.5, 1, "train/loss", 0.81),
            (1_700_000_003.5, 127, "valid/loss", f32::NAN),
            (1_700_000_004.5, 128, "valid/loss", f32::INFINITY),
            (1_700_000_005.5, 1 << 40, "r²/löslichkeit", -1.5e-30),
            (1_700_000_006.5, -1, "x", 1.0),
        ] {
            file.scalar_at(wall_time, step, tag, value)
                .expect("written");
        }
        let tag = "long/".repeat(60);
        file.scalar_at(1_700_000_007.5, 300, &tag, f32::MAX)
            .expect("written");
        file.session_start(1_700_000_008.5, 128).expect("written");
        file.flush().expect("flushed");
        let written = std::fs::read(file.path()).expect("readable");
        assert!(written == golden, "the bytes differ");
    }

    #[test]
    fn a_resumed_run_gets_a_file_that_sorts_after_the_others() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut paths = Vec::new();
        for step in 0..3 {
            let mut file = if step == 0 {
                EventFile::create(dir.path())
            } else {
                EventFile::resume(dir.path(), step)
            }
            .expect("a new file");
            file.scalar(step, "train/loss", 1.0).expect("written");
            paths.push(file.path().to_owned());
        }
        assert!(paths.is_sorted());
        for path in &paths {
            assert!(std::fs::metadata(path).expect("there").len() > 40);
        }
    }

    #[test]
    fn two_files_of_one_moment_do_not_overwrite_each_other() {
        let dir = tempfile::tempdir().expect("a directory");
        let time = Duration::new(1_700_000_000, 999_999_999);
        let first = EventFile::create_at(dir.path(), time).expect("a new file");
        let second = EventFile::create_at(dir.path(), time).expect("a new file");
        assert!(first.path() < second.path());
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        let dir = tempfile::tempdir().expect("a directory");
        assert!(EventFile::create(&dir.path().join("none")).is_err());
    }
}
