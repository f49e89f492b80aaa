//! Stdin and stdout as the Model Context Protocol has them, of which nothing that came is
//! left unanswered. rmcp passes over a line that is no JSON, answers what is no message
//! with "Invalid request" and no more, and forgets one of two questions of one id; so each
//! line is looked at here before it is handed on, and what is wrong with it is said.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{
    ClientNotification, ClientRequest, ErrorCode, GetMeta, JsonRpcMessage, ProtocolVersion,
    RequestId,
};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::{AsyncRwTransport, DEFAULT_MAX_LINE_LENGTH};
use rmcp::transport::io::{StdioReader, StdioWriter, stdio_pipes};
use rmcp::{ErrorData, RoleServer};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Empty};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::mcp::echo;

/// The methods that are served, and what each takes as `params`.
const METHODS: [(&str, &str); 5] = [
    (
        "initialize",
        "`protocolVersion`, a text, `capabilities`, an object, and `clientInfo`, an object with \
         `name` and `version`",
    ),
    (
        "server/discover",
        "nothing but `_meta`, with the version of the protocol and the client's capabilities",
    ),
    ("ping", "nothing"),
    ("tools/list", "nothing, or `cursor`, a text"),
    (
        "tools/call",
        "`name`, a tool of `tools/list`, and `arguments`, an object",
    ),
];

/// The pipes. They end once stdin has, and every question that came by it is answered.
pub(super) struct Stdio {
    lines: Lines<StdioReader>,
    door: Door,
    out: AsyncRwTransport<RoleServer, Empty, StdioWriter>,
    /// The answer to a wrong line, on its way. It goes by itself, as waiting for what
    /// comes may be given up at any time.
    answering: Option<JoinHandle<io::Result<()>>>,
    ended: bool,
}

impl Stdio {
    /// Those of this process.
    pub(super) fn open() -> Self {
        let (stdin, stdout) = stdio_pipes();
        Self {
            lines: Lines {
                pipe: BufReader::new(stdin),
                line: Vec::new(),
                is_long: false,
                came: Came::default(),
            },
            door: Door::default(),
            out: AsyncRwTransport::new_server(tokio::io::empty(), stdout),
            answering: None,
            ended: false,
        }
    }

    /// Whether anything came by stdin, also once the pipes are given away.
    pub(super) fn came(&self) -> Came {
        self.lines.came.clone()
    }
}

impl Transport<RoleServer> for Stdio {
    type Error = io::Error;

    fn send(
        &mut self,
        mut message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        let answered = match &mut message {
            JsonRpcMessage::Response(answer) => Some(answer.id.clone()),
            JsonRpcMessage::Error(answer) => {
                word(&mut answer.error);
                answer.id.clone()
            }
            _ => None,
        };
        let open = Arc::clone(&self.door.open);
        // Before it goes, so that whoever reads it may use its id again.
        if let Some(id) = &answered {
            open.answering(id);
        }
        let sent = self.out.send(message);
        async move {
            let sent = sent.await;
            if answered.is_some() {
                open.answered();
            }
            sent
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            // One after the other: whoever reads no answers is read no further.
            if let Some(sent) = &mut self.answering {
                // Where stdout is gone, the next answer says so.
                let _ = sent.await;
                self.answering = None;
            }
            if self.ended {
                self.door.open.wait().await;
                return None;
            }
            let Some(line) = self.lines.next().await else {
                self.ended = true;
                continue;
            };
            match line.and_then(|line| self.door.message(&line)) {
                Ok(Some(message)) => return Some(message),
                Ok(None) => {}
                Err(Wrong { error, id }) => {
                    let answer = self.out.send(JsonRpcMessage::error(*error, id));
                    self.answering = Some(tokio::spawn(answer));
                }
            }
        }
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        self.out.close().await
    }
}

/// Says in words what the protocol's library says by a name alone.
fn word(error: &mut ErrorData) {
    match error.code {
        ErrorCode::METHOD_NOT_FOUND => *error = no_method(&error.message),
        ErrorCode::UNSUPPORTED_PROTOCOL_VERSION => {
            error.message = "this version of the protocol is not served: `data` lists those that \
                             are"
            .into();
        }
        _ => {}
    }
}

fn no_method(name: &str) -> ErrorData {
    let served: Vec<&str> = METHODS.iter().map(|(name, _)| *name).collect();
    let words = match served.contains(&name) {
        // Each question may name a revision of its own.
        true => format!(
            "`{name}` is no method of the revision of the protocol that this question names in \
             `_meta`: it was one before {}",
            ProtocolVersion::V_2026_07_28
        ),
        false => format!(
            "no method `{}` here: this server has tools alone, by {}",
            echo(name),
            served.join(", ")
        ),
    };
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, words, None)
}

/// Why a line is not handed on, to be answered.
struct Wrong {
    error: Box<ErrorData>,
    /// That of the question, where it has one that can be read.
    id: Option<RequestId>,
}

impl Wrong {
    fn new(error: ErrorData, id: Option<RequestId>) -> Self {
        Self {
            error: Box::new(error),
            id,
        }
    }
}

/// Looks at lines before they are handed on.
#[derive(Default)]
struct Door {
    open: Arc<Open>,
    /// Whether the client has said who it is.
    introduced: bool,
}

impl Door {
    /// The message of a line; `None` where there is none that is handed on or answered.
    fn message(&mut self, line: &[u8]) -> Result<Option<RxJsonRpcMessage<RoleServer>>, Wrong> {
        let line = line.trim_ascii();
        // Some editors and tools of Windows put a byte-order mark first.
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        if line.is_empty() {
            return Ok(None);
        }
        let value: Value = serde_json::from_slice(line).map_err(|error| {
            let words = format!("this line is no JSON ({error}): send one message a line");
            Wrong::new(ErrorData::parse_error(words, None), None)
        })?;
        let Some((method, id)) = envelope(&value)? else {
            return Ok(None);
        };
        let Some(id) = id else {
            // Nobody is told what is wrong with a notification: that is what makes it one.
            let read = serde_json::from_slice(line).ok();
            let read = read.filter(|_| self.introduced);
            if let Some(message) = &read {
                self.open.told(message);
            }
            return Ok(read);
        };
        let wrong = |error| Wrong::new(error, Some(id.clone()));
        let Some((_, takes)) = METHODS.iter().find(|(name, _)| *name == method) else {
            return Err(wrong(no_method(method)));
        };
        let params = || {
            let words = format!("`{method}` takes as `params` {takes}");
            wrong(ErrorData::invalid_params(words, None))
        };
        let message: RxJsonRpcMessage<RoleServer> =
            serde_json::from_slice(line).map_err(|_| params())?;
        let JsonRpcMessage::Request(question) = &message else {
            return Err(params());
        };
        // What a method's own type does not fit.
        if matches!(question.request, ClientRequest::CustomRequest(_)) {
            return Err(params());
        }
        self.introduce(&question.request).map_err(wrong)?;
        self.open.came(&id).map_err(wrong)?;
        Ok(Some(message))
    }

    /// Refuses to be asked before the client has said who it is: by `initialize`, or, as
    /// the protocol's revision of 2026 has it, with each question.
    fn introduce(&mut self, question: &ClientRequest) -> Result<(), ErrorData> {
        let asks = match question {
            ClientRequest::InitializeRequest(_) => {
                self.introduced = true;
                false
            }
            ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
            _ => !self.introduced,
        };
        if !asks {
            return Ok(());
        }
        let meta = question.get_meta();
        let Some(version) = meta.protocol_version() else {
            let method = question.method();
            let words = format!(
                "`{method}` came before `initialize`: send that first (or, from revision \
                 2026-07-28 on, name the protocol's version in `_meta`)"
            );
            return Err(ErrorData::invalid_request(words, None));
        };
        let missing = meta.missing_required_keys(&ProtocolVersion::V_2026_07_28);
        self.introduced = missing.is_empty() && ProtocolVersion::KNOWN_VERSIONS.contains(&version);
        Ok(())
    }
}

/// The method of a message and its id, by the rules of JSON-RPC 2.0 and of the protocol;
/// `None` for an answer: nothing is asked from here.
fn envelope(value: &Value) -> Result<Option<(&str, Option<RequestId>)>, Wrong> {
    let invalid = |words: String, id: Option<RequestId>| {
        Wrong::new(ErrorData::invalid_request(words, None), id)
    };
    let Some(message) = value.as_object() else {
        let what = match value {
            Value::Array(_) => "a list, and lists of messages are not taken",
            _ => "no object",
        };
        let words = format!(
            "this line is {what}: a message is one object on one line, such as \
             {{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}}"
        );
        return Err(invalid(words, None));
    };
    let answers = message.contains_key("result") || message.contains_key("error");
    let method = message.get("method");
    if answers && method.is_none() {
        return Ok(None);
    }
    let id = match message.get("id") {
        None => None,
        Some(id) => Some(RequestId::deserialize(id).map_err(|_| {
            let id = echo(&id.to_string());
            let words = format!("`id` is a text or a whole number (of 64 bits), and not {id}");
            invalid(words, None)
        })?),
    };
    if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(invalid("a message has \"jsonrpc\": \"2.0\"".to_owned(), id));
    }
    let method = match method {
        Some(Value::String(_)) if answers => {
            let words = "a message has `method`, or else `result` or `error`, and not both";
            return Err(invalid(words.to_owned(), id));
        }
        Some(Value::String(method)) => method,
        Some(other) => {
            let words = format!("`method` is a text, and not {}", echo(&other.to_string()));
            return Err(invalid(words, id));
        }
        None => {
            let words = "`method` is missing: it says what is asked for, such as `tools/call`";
            return Err(invalid(words.to_owned(), id));
        }
    };
    match message.get("params") {
        None | Some(Value::Object(_) | Value::Null) => Ok(Some((method, id))),
        Some(_) if id.is_none() => Ok(None),
        Some(_) => {
            let words = "`params` is an object: what is asked with is given by its names";
            Err(Wrong::new(ErrorData::invalid_params(words, None), id))
        }
    }
}

/// Questions without an answer so far.
#[derive(Default)]
struct Open {
    questions: Mutex<Questions>,
    changed: Notify,
}

#[derive(Default)]
struct Questions {
    open: HashSet<RequestId>,
    /// Those whose answer nobody waits for. It is computed all the same, and would be
    /// taken for that of another question of the same id.
    cancelled: HashSet<RequestId>,
    /// Answers on their way.
    answering: usize,
}

impl Open {
    fn questions(&self) -> MutexGuard<'_, Questions> {
        self.questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a question, whose id must tell it from the others.
    fn came(&self, id: &RequestId) -> Result<(), ErrorData> {
        let mut questions = self.questions();
        let what = if questions.open.contains(id) {
            "is not answered yet"
        } else if questions.cancelled.contains(id) {
            "was cancelled"
        } else {
            questions.open.insert(id.clone());
            return Ok(());
        };
        let id = echo(&id.to_string());
        let words = format!(
            "`id` {id} is that of a question that {what}: give each question an id of its own"
        );
        Err(ErrorData::invalid_request(words, None))
    }

    fn told(&self, message: &RxJsonRpcMessage<RoleServer>) {
        if let JsonRpcMessage::Notification(told) = message
            && let ClientNotification::CancelledNotification(cancelled) = &told.notification
            && let Some(id) = &cancelled.params.request_id
        {
            let mut questions = self.questions();
            if questions.open.remove(id) {
                questions.cancelled.insert(id.clone());
            }
            self.changed.notify_one();
        }
    }

    fn answering(&self, id: &RequestId) {
        let mut questions = self.questions();
        questions.open.remove(id);
        questions.answering += 1;
    }

    fn answered(&self) {
        self.questions().answering -= 1;
        self.changed.notify_one();
    }

    /// Returns once there are none, and every answer is sent.
    async fn wait(&self) {
        let are_answered = || {
            let questions = self.questions();
            questions.open.is_empty() && questions.answering == 0
        };
        while !are_answered() {
            // What changed before is remembered.
            self.changed.notified().await;
        }
    }
}

/// Whether any byte came.
#[derive(Clone, Default)]
pub(super) struct Came(Arc<AtomicBool>);

impl Came {
    pub(super) fn is_something(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The lines of a pipe, the last one with or without an end.
struct Lines<R> {
    pipe: BufReader<R>,
    /// The line that is not ended yet, and no more of it than is read.
    line: Vec<u8>,
    /// Whether it is longer than what is read.
    is_long: bool,
    came: Came,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// The next line. Waiting for it may be given up: what came of it is kept.
    async fn next(&mut self) -> Option<Result<Vec<u8>, Wrong>> {
        loop {
            // What cannot be read further has ended.
            let bytes = self.pipe.fill_buf().await.unwrap_or_default();
            let has_ended = bytes.is_empty();
            if has_ended && self.line.is_empty() && !self.is_long {
                return None;
            }
            self.came.0.fetch_or(!has_ended, Ordering::Relaxed);
            let end = bytes.iter().position(|&byte| byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            self.is_long |= self.line.len() + part.len() > DEFAULT_MAX_LINE_LENGTH;
            match self.is_long {
                true => self.line = Vec::new(),
                false => self.line.extend_from_slice(part),
            }
            let taken = part.len() + usize::from(end.is_some());
            self.pipe.consume(taken);
            if end.is_none() && !has_ended {
                continue;
            }
            let line = std::mem::take(&mut self.line);
            return Some(match std::mem::take(&mut self.is_long) {
                false => Ok(line),
                true => Err(too_long()),
            });
        }
    }
}

fn too_long() -> Wrong {
    let words = format!(
        "a line of more than {} MiB is not read: ask in several parts",
        DEFAULT_MAX_LINE_LENGTH >> 20
    );
    Wrong::new(ErrorData::invalid_request(words, None), None)
}
