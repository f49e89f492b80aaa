//! A file of rows that grows under another name until it is whole.
//!
//! `FILE` is written as `FILE.partial`, beside which `FILE.partial.json` says what it
//! is made of and how far it is; at the end it is renamed. A process that ends
//! before leaves both, and an older `FILE` as it was; `--resume` goes on from them
//! to the bytes of a run that was never stopped.

use std::cell::{Cell, RefCell};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use delicate::atomic::{self, AtomicFile};
use delicate::records::{Row, differing_columns};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::changes::Tally;

/// Time between two records of how far a file is: each waits for the disk.
const EVERY: Duration = Duration::from_secs(1);

/// The name under which `path` grows.
pub(crate) fn partial_name(path: &Path) -> PathBuf {
    with_ending(path, ".partial")
}

/// What says how far `partial` is.
fn record_name(partial: &Path) -> PathBuf {
    with_ending(partial, ".json")
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// What the bytes of a file of rows depend on beside its input, by name.
pub(crate) type Settings = Map<String, Value>;

/// The setting that has the names of the columns: of one model and one version, builds may
/// write others.
pub(crate) const COLUMNS: &str = "columns";

/// Why a file cannot be begun or gone on with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PartialError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{} is being written by another process{by}: wait until it has ended, or end it",
        path.display()
    )]
    InUse {
        path: PathBuf,
        /// Its number, in brackets, where it is known.
        by: String,
    },
    #[error(
        "{} is there, and no interrupted run left it: remove it, or choose another -o", .0.display()
    )]
    Foreign(PathBuf),
    #[error(
        "{} cannot be resumed: {why}; leave --resume out to begin again", path.display()
    )]
    Other { path: PathBuf, why: String },
}

/// How far a file of rows is: the content of its `.partial.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Written {
    /// What it is made with.
    settings: Settings,
    /// Rows of the input that are done, a whole number of chunks.
    pub(crate) rows: u64,
    /// Of them those with an error.
    pub(crate) failed: u64,
    /// What was counted of them; earlier versions counted nothing.
    #[serde(default = "Tally::of_uncounted_rows")]
    pub(crate) tally: Tally,
    /// Bytes of these rows, the header included.
    bytes: u64,
    /// SHA-256 of these bytes.
    output: String,
    /// SHA-256 of these rows as they were read.
    input: String,
    /// The process that writes it, or wrote it last: for the message of whoever comes
    /// second.
    #[serde(default)]
    process: u32,
    /// Whether it is what a command left that cannot go on with it.
    #[serde(default)]
    set_aside: bool,
}

impl Written {
    /// Nothing yet.
    fn nothing(settings: Settings) -> Self {
        Self {
            settings,
            output: hexadecimal(Sha256::new()),
            input: hexadecimal(Sha256::new()),
            process: std::process::id(),
            ..Self::default()
        }
    }
}

/// A file that grows.
pub(crate) struct PartialFile {
    target: PathBuf,
    partial: PathBuf,
    file: Rc<File>,
    /// Bytes that are in the file.
    bytes: Rc<Cell<u64>>,
    /// What they are.
    output: Rc<RefCell<Sha256>>,
    discards: Rc<Cell<bool>>,
    /// The rows that are done, as they were read.
    input: Sha256,
    /// At the last whole chunk.
    written: Written,
    is_recorded: bool,
    recorded: Option<Instant>,
}

impl PartialFile {
    /// Begins to write `target`, in place of what an earlier run left half done.
    pub(crate) fn create(target: &Path, settings: Settings) -> Result<Self, PartialError> {
        let partial = partial_name(target);
        if partial.exists() && !record_name(&partial).exists() {
            return Err(PartialError::Foreign(partial));
        }
        let written = Written::nothing(settings);
        let lock = || locked(&partial);
        let file = match partial.exists() {
            // Whoever writes it keeps it, and its record.
            true => {
                let file = lock()?;
                record(&partial, &written)?;
                file
            }
            // The record comes first: a partial file without one is not ours.
            false => {
                own_record(&record_name(&partial))?;
                record(&partial, &written)?;
                lock()?
            }
        };
        Self::cut(target, partial, file, written, Sha256::new())
    }

    /// Goes on with `target`, which must be made as `settings` say. `None` where no
    /// run left it half done.
    pub(crate) fn resume(target: &Path, settings: &Settings) -> Result<Option<Self>, PartialError> {
        let partial = partial_name(target);
        let beside = record_name(&partial);
        if !partial.exists() {
            // Of a process that was killed while it finished.
            own_record(&beside)?;
            let _ = fs::remove_file(&beside);
            return Ok(None);
        }
        if !beside.exists() {
            return Err(PartialError::Foreign(partial));
        }
        let mut file = locked(&partial)?;
        let other = |why: String| PartialError::Other {
            path: partial.clone(),
            why,
        };
        let text = fs::read(&beside).map_err(at(&beside))?;
        let mut written: Written = serde_json::from_slice(&text)
            .map_err(|error| other(format!("{} is damaged: {error}", beside.display())))?;
        if written.set_aside {
            return Err(other("a command that cannot be resumed left it".to_owned()));
        }
        if let Some(why) = difference(&written.settings, settings) {
            return Err(other(why));
        }
        let length = file.metadata().map_err(at(&partial))?.len();
        if length < written.bytes {
            let expected = written.bytes;
            return Err(other(format!(
                "it holds {length} bytes, and {expected} were written"
            )));
        }
        // A loss of power may leave zeros where rows were, and an editor anything.
        let output = digest(&mut file, written.bytes).map_err(at(&partial))?;
        let found = hexadecimal(output.clone());
        if found != written.output {
            let (bytes, expected) = (written.bytes, &written.output);
            return Err(other(format!(
                "its first {bytes} bytes are not those that were written (SHA-256 {found}, then \
                 {expected})"
            )));
        }
        written.process = std::process::id();
        // For a message alone: no harm if it is lost.
        let _ = record(&partial, &written);
        Self::cut(target, partial, file, written, output).map(Some)
    }

    /// Drops what was written since it was recorded.
    fn cut(
        target: &Path,
        partial: PathBuf,
        mut file: File,
        written: Written,
        output: Sha256,
    ) -> Result<Self, PartialError> {
        file.set_len(written.bytes).map_err(at(&partial))?;
        file.seek(SeekFrom::End(0)).map_err(at(&partial))?;
        Ok(Self {
            target: target.to_owned(),
            partial,
            file: Rc::new(file),
            bytes: Rc::new(Cell::new(written.bytes)),
            output: Rc::new(RefCell::new(output)),
            discards: Rc::default(),
            input: Sha256::new(),
            written,
            is_recorded: true,
            recorded: None,
        })
    }

    /// Where rows are written to.
    pub(crate) fn sink(&self) -> PartialSink {
        PartialSink {
            file: Rc::clone(&self.file),
            bytes: Rc::clone(&self.bytes),
            output: Rc::clone(&self.output),
            discards: Rc::clone(&self.discards),
        }
    }

    /// Its name until it is whole.
    pub(crate) fn path(&self) -> &Path {
        &self.partial
    }

    /// How far it is.
    pub(crate) fn written(&self) -> &Written {
        &self.written
    }

    /// Whether what is written now goes nowhere: a header that is there already.
    pub(crate) fn discard(&self, discards: bool) {
        self.discards.set(discards);
    }

    /// Takes a row of the input into account.
    pub(crate) fn read(&mut self, row: &Row) {
        digest_row(&mut self.input, row);
    }

    /// Compares the rows that were [read](Self::read) with those that were done.
    pub(crate) fn check_input(&self, rows: u64) -> Result<(), PartialError> {
        let done = self.written.rows;
        let why = if rows < done {
            format!("{done} rows of the input were done, and it has {rows}")
        } else if hexadecimal(self.input.clone()) != self.written.input {
            format!("the first {done} rows of the input are not those that were done")
        } else {
            return Ok(());
        };
        let path = self.partial.clone();
        Err(PartialError::Other { path, why })
    }

    /// The rows up to here are in the file: records it, now and then.
    pub(crate) fn chunk_done(
        &mut self,
        rows: u64,
        failed: u64,
        tally: &Tally,
    ) -> Result<(), PartialError> {
        self.written.rows = rows;
        self.written.failed = failed;
        self.written.tally.clone_from(tally);
        self.written.bytes = self.bytes.get();
        self.written.output = hexadecimal(self.output.borrow().clone());
        self.written.input = hexadecimal(self.input.clone());
        self.is_recorded = false;
        let is_due = self.recorded.is_none_or(|last| last.elapsed() >= EVERY);
        if is_due { self.record() } else { Ok(()) }
    }

    fn record(&mut self) -> Result<(), PartialError> {
        // First the rows, so that no loss of power leaves a record of more.
        self.file.sync_data().map_err(at(&self.partial))?;
        record(&self.partial, &self.written)?;
        self.recorded = Some(Instant::now());
        self.is_recorded = true;
        Ok(())
    }

    /// Leaves the file half done, to be gone on with.
    pub(crate) fn leave(mut self) -> Result<(), PartialError> {
        if self.is_recorded {
            Ok(())
        } else {
            self.record()
        }
    }

    /// Gives the file, which is whole, its name.
    pub(crate) fn complete(self) -> Result<(), PartialError> {
        self.file.sync_all().map_err(at(&self.partial))?;
        atomic::rename(&self.partial, &self.target).map_err(at(&self.target))?;
        let beside = record_name(&self.partial);
        fs::remove_file(&beside).map_err(at(&beside))
    }
}

/// Refuses what has the name of a record and is none: somebody's file.
fn own_record(path: &Path) -> Result<(), PartialError> {
    let is_own = match fs::read(path) {
        Ok(text) => serde_json::from_slice::<Written>(&text).is_ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        // A folder, say.
        Err(_) if path.exists() && !path.is_file() => false,
        Err(error) => return Err(at(path)(error)),
    };
    if is_own {
        Ok(())
    } else {
        Err(PartialError::Foreign(path.to_owned()))
    }
}

/// Adds a row of an input, as it was read, to the digest of those before.
pub(crate) fn digest_row(digest: &mut Sha256, row: &Row) {
    let mut add = |text: &str| {
        digest.update((text.len() as u64).to_le_bytes());
        digest.update(text);
    };
    for field in &row.fields {
        add(field);
    }
    match &row.molecule {
        Ok(structure) => add(&format!("{structure:?}")),
        Err(error) => add(&error.message),
    }
}

/// Where the rows of a [`PartialFile`] go.
pub(crate) struct PartialSink {
    file: Rc<File>,
    bytes: Rc<Cell<u64>>,
    output: Rc<RefCell<Sha256>>,
    discards: Rc<Cell<bool>>,
}

impl Write for PartialSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.discards.get() {
            return Ok(bytes.len());
        }
        let written = (&*self.file).write(bytes)?;
        self.bytes.set(self.bytes.get() + written as u64);
        self.output.borrow_mut().update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps `file`, the half output of a command that cannot go on with it, as the
/// partial file of its target, to be replaced by whichever command writes there next.
/// Gives the name; `None` where one lies there that is not of this kind, and stays.
pub(crate) fn set_aside(file: AtomicFile) -> io::Result<Option<PathBuf>> {
    let partial = partial_name(file.path());
    if partial.exists() && !is_set_aside(&partial) {
        return Ok(None);
    }
    let written = Written {
        set_aside: true,
        ..Written::nothing(Settings::new())
    };
    // The record comes first: a partial file without one is not ours.
    let json = serde_json::to_vec_pretty(&written)?;
    atomic::write_file(&record_name(&partial), &json)?;
    file.commit_as(&partial)?;
    Ok(Some(partial))
}

/// Removes what [`set_aside`] left of `target`, which is whole now.
pub(crate) fn remove_set_aside(target: &Path) -> io::Result<()> {
    let partial = partial_name(target);
    if !is_set_aside(&partial) {
        return Ok(());
    }
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::remove_file(record_name(&partial)),
    }
}

fn is_set_aside(partial: &Path) -> bool {
    recorded(partial).is_some_and(|written| written.set_aside)
}

/// What is recorded of `partial`, where that can be read.
fn recorded(partial: &Path) -> Option<Written> {
    let text = fs::read(record_name(partial)).ok()?;
    serde_json::from_slice(&text).ok()
}

/// The digest of the first `bytes` bytes of `file`, from which more can be added.
fn digest(file: &mut File, bytes: u64) -> io::Result<Sha256> {
    file.seek(SeekFrom::Start(0))?;
    let mut digest = Sha256::new();
    io::copy(&mut file.take(bytes), &mut digest)?;
    Ok(digest)
}

/// Opens `partial` for this process alone.
fn locked(partial: &Path) -> Result<File, PartialError> {
    let mut options = File::options();
    // The lock before anything is cut off.
    options.create(true).truncate(false).read(true).write(true);
    let file = options.open(partial).map_err(at(partial))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            // Two that begin at once may both have recorded themselves.
            let number = recorded(partial).map_or(0, |written| written.process);
            let is_known = number != 0 && number != std::process::id();
            Err(PartialError::InUse {
                path: partial.to_owned(),
                by: if is_known {
                    format!(" ({number})")
                } else {
                    String::new()
                },
            })
        }
        // Some network file systems have no locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

fn record(partial: &Path, written: &Written) -> Result<(), PartialError> {
    let path = record_name(partial);
    let json = serde_json::to_vec_pretty(written).map_err(io::Error::from);
    json.and_then(|json| atomic::write_file(&path, &json))
        .map_err(at(&path))
}

/// What of `then` is another thing `now`.
pub(crate) fn difference(then: &Settings, now: &Settings) -> Option<String> {
    let differs = |name: &&String| then.get(*name) != now.get(*name);
    let changed = || now.keys().chain(then.keys()).filter(differs);
    // Columns follow from most other settings, which say more.
    let others = changed().find(|name| *name != COLUMNS);
    let changed = others.or_else(|| changed().next())?;
    if changed == COLUMNS {
        let columns = |settings: &Settings| -> Option<Vec<String>> {
            serde_json::from_value(settings.get(COLUMNS)?.clone()).ok()
        };
        let why = columns(then).zip(columns(now));
        let why = why.and_then(|(then, now)| differing_columns(&then, &now));
        return Some(match why {
            Some(why) => format!("it was begun with other columns than are written now: {why}"),
            None => "an earlier build began it, which did not record its columns".to_owned(),
        });
    }
    let text = |settings: &Settings| match settings.get(changed) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "nothing".to_owned(),
    };
    Some(format!(
        "it was begun with {changed} = {}, and now it is {}",
        text(then),
        text(now)
    ))
}

fn hexadecimal(digest: Sha256) -> String {
    format!("{:x}", digest.finalize())
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PartialError + use<> {
    let path = path.to_owned();
    |source| PartialError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use delicate::records::Structure;

    fn row(smiles: &str) -> Row {
        Row {
            line: 1,
            fields: vec![smiles.to_owned()],
            molecule: Ok(Structure::from(smiles)),
        }
    }

    fn settings(model: &str) -> Settings {
        let mut settings = Settings::new();
        settings.insert("model".to_owned(), model.into());
        settings
    }

    #[test]
    fn a_file_is_absent_until_it_is_whole_and_goes_on_where_it_was() {
        let folder = tempfile::tempdir().expect("a directory");
        let target = folder.path().join("a.csv");
        fs::write(&target, "old").expect("written");
        let mut file = PartialFile::create(&target, settings("one")).expect("begun");
        let mut sink = file.sink();
        sink.write_all(b"header\nfirst\n").expect("written");
        file.read(&row("C"));
        file.chunk_done(1, 0, &Tally::default()).expect("recorded");
        sink.write_all(b"half of a r").expect("written");
        assert!(matches!(
            PartialFile::create(&target, settings("one")),
            Err(PartialError::InUse { .. })
        ));
        // As if it was killed.
        drop((file, sink));
        assert_eq!(fs::read(&target).expect("there"), b"old");

        let other = PartialFile::resume(&target, &settings("two"));
        let said = other.err().expect("refused").to_string();
        assert!(said.contains("model = one, and now it is two"), "{said}");
        let resume = || PartialFile::resume(&target, &settings("one")).expect("it is ours");
        let mut file = resume().expect("it is there");
        file.read(&row("N"));
        assert!(file.check_input(1).is_err(), "another row");
        drop(file);
        let mut file = resume().expect("it is there");
        assert!(file.check_input(0).is_err(), "too few rows");
        file.read(&row("C"));
        file.check_input(1).expect("the same row");
        let mut sink = file.sink();
        file.discard(true);
        sink.write_all(b"header\n").expect("written");
        file.discard(false);
        sink.write_all(b"second\n").expect("written");
        file.complete().expect("renamed");
        assert_eq!(
            fs::read(&target).expect("there"),
            b"header\nfirst\nsecond\n"
        );
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
        assert!(
            PartialFile::resume(&target, &settings("one"))
                .expect("none")
                .is_none()
        );
    }

    #[test]
    fn a_partial_file_whose_bytes_were_altered_is_refused() {
        let folder = tempfile::tempdir().expect("a directory");
        let target = folder.path().join("a.csv");
        let mut file = PartialFile::create(&target, settings("one")).expect("begun");
        let mut sink = file.sink();
        for (rows, text) in [(1, "header\nfirst\n"), (2, "second\n")] {
            sink.write_all(text.as_bytes()).expect("written");
            file.read(&row("C"));
            file.chunk_done(rows, 0, &Tally::default())
                .expect("recorded");
        }
        sink.write_all(b"half of a r").expect("written");
        file.leave().expect("recorded");
        drop(sink);
        let resume = || PartialFile::resume(&target, &settings("one"));
        let partial = partial_name(&target);
        let whole = fs::read(&partial).expect("there");
        let done = whole.len() - b"half of a r".len();
        for (place, bytes) in [(done - 3, &b"\0\0\0"[..]), (done - 3, b"N,1"), (0, b"H")] {
            let mut altered = whole.clone();
            altered[place..place + bytes.len()].copy_from_slice(bytes);
            fs::write(&partial, &altered).expect("written");
            let said = resume().err().expect("refused").to_string();
            for expected in [
                "a.csv.partial cannot be resumed",
                "bytes are not those that were written (SHA-256 ",
                "leave --resume out",
            ] {
                assert!(said.contains(expected), "{said}");
            }
            assert_eq!(fs::read(&partial).expect("there"), altered, "it stays");
        }
        // What came after the last whole rows is written again in any case.
        let mut altered = whole[..done].to_vec();
        altered.extend([0; 20]);
        fs::write(&partial, altered).expect("written");
        let file = resume().expect("it is ours").expect("it is there");
        assert_eq!(fs::read(&partial).expect("there"), &whole[..done]);
        // And what is added is checked with the rest.
        let mut file = file;
        file.sink().write_all(b"third\n").expect("written");
        file.chunk_done(3, 0, &Tally::default()).expect("recorded");
        drop(file);
        resume().expect("it is ours").expect("it is there");
    }

    #[test]
    fn what_was_set_aside_is_replaced_and_nothing_else_is() {
        let folder = tempfile::tempdir().expect("a directory");
        let target = folder.path().join("a.csv");
        let partial = partial_name(&target);
        let aside = |text: &str| {
            let mut file = AtomicFile::create(&target).expect("begun");
            file.write_all(text.as_bytes()).expect("written");
            set_aside(file).expect("set aside")
        };
        for text in ["once", "twice"] {
            assert_eq!(aside(text), Some(partial.clone()));
            assert_eq!(fs::read(&partial).expect("there"), text.as_bytes());
        }
        let refused = PartialFile::resume(&target, &settings("one")).err();
        let said = refused.expect("refused").to_string();
        assert!(said.contains("cannot be resumed left it"), "{said}");
        remove_set_aside(&target).expect("removed");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);

        aside("once");
        let file = PartialFile::create(&target, settings("one")).expect("in its place");
        file.leave().expect("recorded");
        // Rows that can be gone on with stay.
        assert_eq!(aside("twice"), None);
        remove_set_aside(&target).expect("nothing to remove");
        PartialFile::resume(&target, &settings("one"))
            .expect("it is ours")
            .expect("it is there");
    }

    #[test]
    fn a_partial_file_of_somebody_else_stays() {
        let folder = tempfile::tempdir().expect("a directory");
        let target = folder.path().join("a.csv");
        fs::write(partial_name(&target), "mine").expect("written");
        for opened in [
            PartialFile::create(&target, settings("one")).err(),
            PartialFile::resume(&target, &settings("one")).err(),
        ] {
            assert!(matches!(opened, Some(PartialError::Foreign(_))));
        }
        let file = AtomicFile::create(&target).expect("begun");
        assert_eq!(set_aside(file).expect("not set aside"), None);
        assert_eq!(fs::read(partial_name(&target)).expect("there"), b"mine");
    }
}
