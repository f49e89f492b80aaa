//! A Parquet file that is written in parts until it is whole.
//!
//! Each finished row group of the input is a file of its own in the folder
//! `FILE.partial`, on the disk before the next begins; at the end they become `FILE`,
//! and the folder goes. A process that ends before leaves the folder, and an older
//! `FILE` as it was; `--resume` goes on from it to the bytes of a run that was never
//! stopped.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use delicate::atomic::{self, AtomicFile};
use delicate::predict::Standardization;
use delicate::records::parquet::{
    ParquetLayout, ParquetWriter, UserRows, join, other_columns, text_of,
};
use delicate::records::{Frame, Output, RowError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::changes::Tally;
use crate::error::CommandError;
use crate::files::{Chunk, RowFile};
use crate::partial::{self, PartialError, Settings, partial_name};

/// What a whole file says of how it was made, as that of the Python package does.
pub(crate) const MADE_BY: &str = "delicate";

/// What a part says of itself.
const PART: &str = "delicate.part";

/// The settings, within the folder.
const SETTINGS: &str = "settings.json";

/// What a part says of itself: how far the output is with it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Part {
    /// Rows with an error among its rows.
    failed: u64,
    /// What was counted of its rows; earlier versions counted nothing.
    #[serde(default = "Tally::of_uncounted_rows")]
    tally: Tally,
    /// SHA-256 of all rows of a table of text up to its end.
    #[serde(default)]
    input: String,
}

/// How an output was found.
pub(crate) enum Found {
    /// To be written, or gone on with.
    Unfinished(Box<PartFile>),
    /// Whole, and made by the same settings.
    Whole,
}

/// A Parquet file that is written in parts.
pub(crate) struct PartFile {
    target: PathBuf,
    folder: PathBuf,
    /// Held by this process alone.
    lock: File,
    layout: ParquetLayout,
    writer: Option<ParquetWriter<BufWriter<AtomicFile>>>,
    frame: Frame,
    /// The number of the first part: that of its row group.
    first: usize,
    /// Finished parts, in their order.
    finished: Vec<PathBuf>,
    /// The rows of a table of text, as they were read.
    input: Sha256,
    /// Rows of the part that is being written, and those with an error.
    part_rows: u64,
    part_failed: u64,
    part_tally: Tally,
    /// Rows of finished parts, and those with an error.
    rows: u64,
    failed: u64,
    tally: Tally,
}

impl PartFile {
    /// Begins `target`, or goes on with what an earlier process left of it.
    ///
    /// # Errors
    ///
    /// Where the folder is somebody else's or in use, or was made by other settings.
    pub(crate) fn open(
        target: &Path,
        settings: &Settings,
        layout: ParquetLayout,
        input: &RowFile,
        resumes: bool,
    ) -> Result<Found, CommandError> {
        let folder = partial_name(target);
        if resumes && target.exists() && !folder.exists() {
            check_whole(target, settings, &layout)?;
            return Ok(Found::Whole);
        }
        let record = folder.join(SETTINGS);
        let is_new = !folder.exists() || is_unbegun(&folder).map_err(at(&folder))?;
        if is_new {
            begin(&folder, settings).map_err(at(&folder))?;
        } else if !record.is_file() {
            return Err(PartialError::Foreign(folder).into());
        }
        let mut lock = locked(&record, &folder)?;
        match (is_new, resumes) {
            (true, _) => {}
            (false, true) => check_settings(&folder, &record, &mut lock, settings)?,
            (false, false) => {
                begin_anew(&folder, &record, &mut lock, settings).map_err(at(&folder))?;
            }
        }
        let text = serde_json::to_string(settings).map_err(io::Error::from);
        let layout = layout.saying(MADE_BY, text.map_err(at(&folder))?);
        Ok(Found::Unfinished(Box::new(Self {
            target: target.to_owned(),
            folder,
            lock,
            frame: layout.frame(),
            layout,
            writer: None,
            first: input.next_group(),
            finished: Vec::new(),
            input: Sha256::new(),
            part_rows: 0,
            part_failed: 0,
            part_tally: Tally::default(),
            rows: 0,
            failed: 0,
            tally: Tally::default(),
        })))
    }

    /// Passes over what is finished: row groups of a Parquet file, or rows of another,
    /// which must be the same.
    pub(crate) fn pass_over(&mut self, input: &mut RowFile) -> Result<(), CommandError> {
        let is_parquet = input.parquet().is_some();
        loop {
            let path = self.next_path();
            if !path.is_file() {
                return Ok(());
            }
            let (part, rows) = text_of(&path, PART).map_err(at(&path))?;
            let other = |why: String| PartialError::Other {
                path: self.folder.clone(),
                why,
            };
            let part = part.and_then(|part| serde_json::from_str::<Part>(&part).ok());
            let Some(part) = part else {
                return Err(other(format!("{} is none of its parts", path.display())).into());
            };
            if let Some(why) = other_build(&path, &self.layout)? {
                return Err(other(why).into());
            }
            if is_parquet {
                input.skip_group();
            } else {
                let before = self.rows;
                for row in 0..rows {
                    let Some(next) = input.next() else {
                        let (done, has) = (before + rows, before + row);
                        let why = format!("{done} rows of the input were done, and it has {has}");
                        return Err(other(why).into());
                    };
                    partial::digest_row(&mut self.input, &next?);
                }
                if format!("{:x}", self.input.clone().finalize()) != part.input {
                    let done = before + rows;
                    let why =
                        format!("the first {done} rows of the input are not those that were done");
                    return Err(other(why).into());
                }
            }
            self.rows += rows;
            self.failed += part.failed;
            self.tally.add(&part.tally);
            self.finished.push(path);
        }
    }

    /// The name of the next part.
    fn next_path(&self) -> PathBuf {
        let number = self.first + self.finished.len();
        self.folder.join(format!("{number:08}.parquet"))
    }

    /// Rows so far, and those with an error.
    pub(crate) fn rows(&self) -> (u64, u64) {
        (self.rows + self.part_rows, self.failed + self.part_failed)
    }

    /// What was counted of the rows of finished parts.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What came of the next row.
    pub(crate) fn push(
        &mut self,
        standardization: Option<&Standardization>,
        result: Result<Output<'_>, &RowError>,
    ) {
        self.part_rows += 1;
        self.part_failed += u64::from(result.is_err());
        self.part_tally.count(standardization, &result);
        self.frame.push(standardization, result);
    }

    /// Writes the rows of a chunk with what was pushed of them. At the end of a row
    /// group, of a certain number of rows or of the input the part is whole.
    pub(crate) fn write(&mut self, chunk: &Chunk) -> io::Result<()> {
        let frame = std::mem::replace(&mut self.frame, self.layout.frame());
        if self.writer.is_none() {
            let file = AtomicFile::create(&self.next_path())?;
            let writer = ParquetWriter::new(BufWriter::new(file), &self.layout)?;
            self.writer = Some(writer);
        }
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let user = match &chunk.batch {
            Some(batch) => Some(UserRows::Parquet(batch)),
            None if chunk.rows.is_empty() => None,
            None => Some(UserRows::Text(&chunk.rows)),
        };
        if let Some(user) = user {
            writer.write(user, frame)?;
        }
        if chunk.batch.is_none() {
            for row in &chunk.rows {
                partial::digest_row(&mut self.input, row);
            }
        }
        // There may be no room for as many rows as these once more.
        let rows = self.part_rows as usize + chunk.rows.len();
        let is_full = chunk.batch.is_none() && rows > self.layout.group();
        if chunk.fault.is_none() && (chunk.ends_group || is_full || chunk.is_last) {
            self.finish_part()?;
        }
        Ok(())
    }

    fn finish_part(&mut self) -> io::Result<()> {
        let Some(mut writer) = self.writer.take() else {
            return Ok(());
        };
        let part_tally = std::mem::take(&mut self.part_tally);
        self.tally.add(&part_tally);
        let part = Part {
            failed: self.part_failed,
            tally: part_tally,
            input: format!("{:x}", self.input.clone().finalize()),
        };
        writer.say(PART, serde_json::to_string(&part)?);
        let file = writer.finish()?;
        file.into_inner().map_err(io::Error::from)?.commit()?;
        self.finished.push(self.next_path());
        self.rows += self.part_rows;
        self.failed += self.part_failed;
        (self.part_rows, self.part_failed) = (0, 0);
        Ok(())
    }

    /// Makes the whole file of its parts.
    pub(crate) fn complete(self) -> Result<(), CommandError> {
        let joined = || {
            let file = BufWriter::new(AtomicFile::create(&self.target)?);
            let file = join(file, &self.layout, &self.finished)?;
            file.into_inner().map_err(io::Error::from)?.commit()
        };
        joined().map_err(|source| CommandError::Output {
            name: self.target.display().to_string(),
            source,
        })?;
        // Some systems remove no file that is open.
        drop(self.lock);
        Ok(atomic::remove_directory(&self.folder).map_err(at(&self.folder))?)
    }

    /// Leaves the finished parts, to be gone on with: their folder, and their rows.
    pub(crate) fn leave(self) -> (PathBuf, u64) {
        (self.folder, self.rows)
    }
}

/// Makes the folder, which appears with its record in it; what an earlier process left
/// there is nothing.
fn begin(folder: &Path, settings: &Settings) -> io::Result<()> {
    if folder.exists() {
        atomic::remove_directory(folder)?;
    }
    let record = serde_json::to_vec_pretty(settings)?;
    atomic::create_directory(folder, &[(SETTINGS, &record)])
}

/// Whether a folder holds nothing but what a process left of its first moments, which
/// may be nothing at all.
fn is_unbegun(folder: &Path) -> io::Result<bool> {
    if !folder.is_dir() {
        return Ok(false);
    }
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if !name.to_string_lossy().starts_with(atomic::PARTIAL) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Empties the folder, whose record is locked and stays the same file. (On Windows
/// nobody reads or writes what is locked, but through the file that holds the lock.)
fn begin_anew(
    folder: &Path,
    record: &Path,
    lock: &mut File,
    settings: &Settings,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path != record {
            fs::remove_file(path)?;
        }
    }
    lock.set_len(0)?;
    lock.rewind()?;
    lock.write_all(&serde_json::to_vec_pretty(settings)?)?;
    lock.sync_all()
}

/// Refuses to go on with what was begun by other settings.
fn check_settings(
    folder: &Path,
    record: &Path,
    lock: &mut File,
    settings: &Settings,
) -> Result<(), PartialError> {
    let other = |why: String| PartialError::Other {
        path: folder.to_owned(),
        why,
    };
    let mut text = Vec::new();
    lock.read_to_end(&mut text).map_err(at(record))?;
    let then: Settings = serde_json::from_slice(&text)
        .map_err(|error| other(format!("{} is damaged: {error}", record.display())))?;
    partial::difference(&then, settings).map_or(Ok(()), |why| Err(other(why)))
}

/// Refuses a whole file that was made by other settings, or by a build with other columns.
fn check_whole(
    target: &Path,
    settings: &Settings,
    layout: &ParquetLayout,
) -> Result<(), CommandError> {
    let (text, _) = text_of(target, MADE_BY).map_err(at(target))?;
    let then = text.and_then(|text| serde_json::from_str::<Settings>(&text).ok());
    let why = match &then {
        None => Some("it does not say how it was made".to_owned()),
        Some(then) => partial::difference(then, settings),
    };
    let why = match why {
        None => other_build(target, layout)?,
        some => some,
    };
    why.map_or(Ok(()), |why| {
        Err(PartialError::Other {
            path: target.to_owned(),
            why,
        }
        .into())
    })
}

/// Why a Parquet file that was made by the same settings is none of `layout`, if it is none:
/// an earlier build may have had other columns.
fn other_build(path: &Path, layout: &ParquetLayout) -> Result<Option<String>, PartialError> {
    let why = other_columns(path, layout).map_err(at(path))?;
    Ok(why.map(|why| format!("another build made it, with other columns than this one: {why}")))
}

/// Opens the record of a folder for this process alone.
fn locked(record: &Path, folder: &Path) -> Result<File, PartialError> {
    let mut options = File::options();
    let file = options
        .read(true)
        .write(true)
        .open(record)
        .map_err(at(record))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(PartialError::InUse {
            path: folder.to_owned(),
            by: String::new(),
        }),
        // Some network file systems have no locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PartialError + use<> {
    let path = path.to_owned();
    |source| PartialError::Io { path, source }
}
