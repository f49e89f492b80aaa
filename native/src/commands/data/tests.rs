use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;

const CONTENT: &[u8] = &[b'C'; 200_000];
/// `sha256sum` and `md5sum` of it.
const SHA256: &str = "bde67d3ef918c627d3faffbf683f1705209186ed402f7e01c6e0f0ffae3c40e1";
const MD5: &str = "aad9085e481b41e87afe148d19012360";

/// How the server behaves, request after request; the last goes on.
#[derive(Clone, Copy)]
enum Answer {
    /// As it should, ranges included.
    Whole,
    /// Cut off after so many bytes of the body.
    Cut(usize),
    /// The whole file, whatever the range.
    IgnoresRange,
    Status(u16),
    /// Another version of the file.
    Other,
    /// No Content-Length, and more than was expected.
    Endless,
}

/// A server on loopback; returns its address and the requests it has had.
fn server(answers: &'static [Answer]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let requests = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&requests);
    thread::spawn(move || {
        for (at, stream) in listener.incoming().enumerate() {
            let answer = answers[at.min(answers.len() - 1)];
            serve(stream.expect("a connection"), answer, &log);
        }
    });
    (address, requests)
}

fn serve(mut stream: TcpStream, answer: Answer, log: &Mutex<Vec<String>>) {
    let mut request = String::new();
    let mut reader = BufReader::new(stream.try_clone().expect("a reader"));
    while !request.ends_with("\r\n\r\n") {
        if reader.read_line(&mut request).expect("a request") == 0 {
            break;
        }
    }
    let request = request.to_lowercase();
    // Before it is answered: whoever has the answer may look.
    log.lock().expect("the log").push(request.clone());
    let from = request
        .split_once("range: bytes=")
        .and_then(|(_, rest)| rest.split('-').next()?.parse::<usize>().ok())
        .filter(|_| {
            matches!(answer, Answer::Whole | Answer::Cut(_))
                && (!request.contains("if-range") || request.contains("if-range: \"v1\""))
        });
    let body = &CONTENT[from.unwrap_or(0)..];
    let range = from.map_or(String::new(), |from| {
        format!(
            "Content-Range: bytes {from}-{}/{}\r\n",
            CONTENT.len() - 1,
            CONTENT.len()
        )
    });
    let status = if from.is_some() {
        "206 Partial Content"
    } else {
        "200 OK"
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nETag: \"v1\"\r\nContent-Length: {}\r\n{range}Connection: close\r\n\r\n",
        body.len()
    );
    // A client that has seen enough hangs up; that is no fault of the server.
    let mut send = |bytes: &[u8]| stream.write_all(bytes).is_ok();
    match answer {
        Answer::Whole | Answer::IgnoresRange => {
            send(head.as_bytes());
            send(body);
        }
        Answer::Cut(after) => {
            send(head.as_bytes());
            send(&body[..after]);
        }
        Answer::Status(code) => {
            send(
                format!("HTTP/1.1 {code} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    .as_bytes(),
            );
        }
        Answer::Other => {
            send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nother");
        }
        Answer::Endless => {
            send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            while send(CONTENT) {}
        }
    }
}

const VERIFIED: DataFile = DataFile {
    name: "set.csv",
    addresses: &[],
    sha256: Some(SHA256),
    md5: Some(MD5),
    bytes: Some(CONTENT.len() as u64),
};

fn load(file: &DataFile, servers: &[&str], into: &Path) -> Result<String, DataError> {
    load_until(file, servers, into, &|| false)
}

fn load_until(
    file: &DataFile,
    servers: &[&str],
    into: &Path,
    stop: &dyn Fn() -> bool,
) -> Result<String, DataError> {
    let addresses: Vec<String> = servers.iter().map(|s| format!("{s}/set.csv")).collect();
    Loader {
        agent: &agent(Agent::config_builder().proxy(None)),
        stop,
        bar: &ProgressBar::hidden(),
        pause: Duration::from_millis(1),
    }
    .load(file, &addresses, into)
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

fn content(dir: &Path) -> Vec<u8> {
    fs::read(dir.join("set.csv")).expect("the file")
}

#[test]
fn a_file_is_loaded_verified_and_not_loaded_again() {
    let (address, requests) = server(&[Answer::Whole]);
    let dir = tempfile::tempdir().expect("a directory");
    let said = load(&VERIFIED, &[&address], dir.path()).expect("loaded");
    assert!(said.contains("SHA-256 verified"), "{said}");
    assert_eq!(content(dir.path()), CONTENT);
    assert_eq!(names(dir.path()), ["set.csv"]);
    let said = load(&VERIFIED, &[&address], dir.path()).expect("there");
    assert!(said.contains("already present"), "{said}");
    assert_eq!(requests.lock().expect("the log").len(), 1);
}

#[test]
fn a_cut_connection_is_continued_from_where_it_broke() {
    let (address, requests) = server(&[Answer::Cut(70_000), Answer::Cut(50_000), Answer::Whole]);
    let dir = tempfile::tempdir().expect("a directory");
    load(&VERIFIED, &[&address], dir.path()).expect("loaded");
    assert_eq!(content(dir.path()), CONTENT);
    let requests = requests.lock().expect("the log");
    assert_eq!(requests.len(), 3);
    assert!(!requests[0].contains("range:"));
    assert!(
        requests[1].contains("range: bytes=70000-"),
        "{}",
        requests[1]
    );
    assert!(requests[1].contains("if-range: \"v1\""));
    assert!(
        requests[2].contains("range: bytes=120000-"),
        "{}",
        requests[2]
    );
}

#[test]
fn an_interrupted_download_is_kept_and_continued_by_the_next_run() {
    let (address, requests) = server(&[Answer::Cut(70_000), Answer::Whole]);
    let dir = tempfile::tempdir().expect("a directory");
    let partial = dir.path().join("set.csv.partial");
    let stop = || fs::metadata(&partial).is_ok_and(|data| data.len() >= 70_000);
    let error = load_until(&VERIFIED, &[&address], dir.path(), &stop).expect_err("interrupted");
    assert!(matches!(error, DataError::Interrupted(_)));
    assert_eq!(fs::metadata(&partial).expect("kept").len(), 70_000);
    load(&VERIFIED, &[&address], dir.path()).expect("loaded");
    assert_eq!(content(dir.path()), CONTENT);
    assert!(requests.lock().expect("the log")[1].contains("range: bytes=70000-"));
    assert_eq!(names(dir.path()), ["set.csv"]);
}

#[test]
fn a_server_that_ignores_ranges_makes_it_start_anew() {
    let (address, _) = server(&[Answer::Cut(70_000), Answer::IgnoresRange]);
    let dir = tempfile::tempdir().expect("a directory");
    load(&VERIFIED, &[&address], dir.path()).expect("loaded");
    assert_eq!(content(dir.path()), CONTENT);
}

#[test]
fn a_wrong_checksum_is_an_error_with_both_and_the_next_address_is_tried() {
    let (wrong, _) = server(&[Answer::Other]);
    let dir = tempfile::tempdir().expect("a directory");
    let error = load(&VERIFIED, &[&wrong], dir.path()).expect_err("another file");
    let said = error.to_string();
    // printf other | sha256sum
    let found = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa";
    assert!(said.contains(SHA256) && said.contains(found), "{said}");
    assert_eq!(names(dir.path()), Vec::<String>::new());
    let (right, _) = server(&[Answer::Whole]);
    load(&VERIFIED, &[&wrong, &right], dir.path()).expect("loaded");
    assert_eq!(content(dir.path()), CONTENT);
}

#[test]
fn what_failed_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    for (answers, wanted) in [
        (
            &[Answer::Status(404)] as &'static [Answer],
            "not found (404)",
        ),
        (&[Answer::Status(503)], "the server returned 503"),
        (&[Answer::Status(403)], "the server returned 403"),
        (&[Answer::Endless], "larger than the 200000 bytes expected"),
        (&[Answer::Cut(0)], "set.csv: "),
    ] {
        let (address, _) = server(answers);
        let said = load(&VERIFIED, &[&address], dir.path())
            .expect_err(wanted)
            .to_string();
        assert!(said.contains(wanted), "{said}");
        assert!(said.contains("--from"), "{said}");
    }
    // A port that no test's server is given.
    let said = load(&VERIFIED, &["http://127.0.0.1:1"], dir.path())
        .expect_err("nobody")
        .to_string();
    assert!(said.contains("refused"), "{said}");
}

#[test]
fn a_file_without_a_known_sha256_gets_one_recorded_that_later_counts() {
    let file = DataFile {
        sha256: None,
        md5: None,
        bytes: None,
        ..VERIFIED
    };
    let (address, _) = server(&[Answer::Whole, Answer::Other]);
    let dir = tempfile::tempdir().expect("a directory");
    let said = load(&file, &[&address], dir.path()).expect("loaded");
    assert!(
        said.contains("not verified") && said.contains(SHA256),
        "{said}"
    );
    assert_eq!(names(dir.path()), ["set.csv", "set.csv.sha256"]);
    fs::remove_file(dir.path().join("set.csv")).expect("removed");
    let error = load(&file, &[&address], dir.path()).expect_err("another version");
    assert!(error.to_string().contains("wrong SHA-256"), "{error}");
}

#[test]
fn a_file_of_which_only_the_md5_is_published_is_verified_by_that() {
    let file = DataFile {
        sha256: None,
        bytes: None,
        ..VERIFIED
    };
    let (wrong, _) = server(&[Answer::Other]);
    let (right, _) = server(&[Answer::Whole]);
    let dir = tempfile::tempdir().expect("a directory");
    let error = load(&file, &[&wrong], dir.path()).expect_err("another file");
    assert!(error.to_string().contains("wrong MD5"), "{error}");
    let said = load(&file, &[&right], dir.path()).expect("loaded");
    assert!(said.contains("published MD5 verified"), "{said}");
}

#[test]
fn a_file_that_is_there_and_wrong_is_not_overwritten() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("set.csv"), "mine").expect("written");
    let error = load(&VERIFIED, &[], dir.path()).expect_err("another file");
    assert!(matches!(error, DataError::Present { .. }));
    assert_eq!(content(dir.path()), b"mine");
}

#[test]
fn the_table_of_sets_is_well_formed() {
    for (at, set) in SETS.iter().enumerate() {
        assert!(SETS[..at].iter().all(|other| other.name != set.name));
        assert_eq!(set.name, set.name.to_lowercase());
        for file in set.files {
            assert!(!file.addresses.is_empty());
            assert!(file.addresses.iter().all(|a| a.starts_with("https://")));
            for (hash, length) in [(file.sha256, 64), (file.md5, 32)] {
                let hex = |c: char| c.is_ascii_hexdigit() && !c.is_ascii_uppercase();
                assert!(hash.is_none_or(|hash| hash.len() == length && hash.chars().all(hex)));
            }
        }
    }
}

/// The tables beside the repository are copies of upstream's.
#[test]
#[ignore = "needs the data sets (DELICATE_DATA)"]
fn the_table_has_the_checksums_of_the_full_data() {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let data = std::env::var_os("DELICATE_DATA").map_or(default.into(), PathBuf::from);
    for name in ["egfr", "fgfr1"] {
        let set = SETS.iter().find(|set| set.name == name).expect("a set");
        let sums = sums(&data.join(format!("qsar/{name}.csv"))).expect("readable");
        assert_eq!(set.files[0].sha256, Some(sums.sha256.as_str()));
    }
}
