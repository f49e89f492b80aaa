//! Stdin and stdout as the Model Context Protocol has them, of which nothing that came is
//! left unanswered: a line that is no JSON has an error for its answer, too.

use std::collections::HashSet;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use rmcp::model::{ClientNotification, JsonRpcMessage, RequestId};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::{AsyncRwTransport, DEFAULT_MAX_LINE_LENGTH};
use rmcp::transport::io::{StdioReader, StdioWriter, stdio_pipes};
use rmcp::{ErrorData, RoleServer};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The pipes. They end once stdin has, and every question that came by it is answered.
pub(super) struct Stdio {
    pipes: AsyncRwTransport<RoleServer, Lines<StdioReader>, StdioWriter>,
    came: Came,
    open: Arc<Open>,
    wrong: Arc<Wrong>,
    /// The answer to a wrong line, on its way. It goes by itself, as waiting for what
    /// comes may be given up at any time.
    answering: Option<JoinHandle<io::Result<()>>>,
    ended: bool,
}

impl Stdio {
    /// Those of this process.
    pub(super) fn open() -> Self {
        let (stdin, stdout) = stdio_pipes();
        let came = Came::default();
        let wrong = Arc::<Wrong>::default();
        let lines = Lines {
            pipe: stdin,
            last: None,
            line: Vec::new(),
            came: came.clone(),
            wrong: Arc::clone(&wrong),
        };
        Self {
            pipes: AsyncRwTransport::new_server(lines, stdout),
            came,
            open: Arc::default(),
            wrong,
            answering: None,
            ended: false,
        }
    }

    /// Whether anything came by stdin, also once the pipes are given away.
    pub(super) fn came(&self) -> Came {
        self.came.clone()
    }
}

impl Transport<RoleServer> for Stdio {
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        let answered = match &message {
            JsonRpcMessage::Response(answer) => Some(answer.id.clone()),
            JsonRpcMessage::Error(answer) => answer.id.clone(),
            _ => None,
        };
        let sent = self.pipes.send(message);
        let open = Arc::clone(&self.open);
        async move {
            let sent = sent.await;
            if let Some(id) = answered {
                open.answered(&id);
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
            if let Some(error) = self.wrong.next() {
                let answer = self.pipes.send(JsonRpcMessage::error(error, None));
                self.answering = Some(tokio::spawn(answer));
                continue;
            }
            if self.ended {
                self.open.wait().await;
                return None;
            }
            let came = {
                let mut message = pin!(self.pipes.receive());
                let mut wrong = pin!(self.wrong.told.notified());
                poll_fn(|context| match message.as_mut().poll(context) {
                    Poll::Ready(message) => Poll::Ready(Some(message)),
                    Poll::Pending => wrong.as_mut().poll(context).map(|()| None),
                })
                .await
            };
            match came {
                Some(Some(message)) => {
                    self.open.came(&message);
                    return Some(message);
                }
                Some(None) => self.ended = true,
                None => {}
            }
        }
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        self.pipes.close().await
    }
}

/// Questions without an answer so far.
#[derive(Default)]
struct Open {
    questions: Mutex<HashSet<RequestId>>,
    changed: Notify,
}

impl Open {
    fn questions(&self) -> MutexGuard<'_, HashSet<RequestId>> {
        self.questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn came(&self, message: &RxJsonRpcMessage<RoleServer>) {
        match message {
            JsonRpcMessage::Request(question) => {
                self.questions().insert(question.id.clone());
            }
            // Nobody waits for its answer any more.
            JsonRpcMessage::Notification(told) => {
                if let ClientNotification::CancelledNotification(cancelled) = &told.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.answered(id);
                }
            }
            _ => {}
        }
    }

    fn answered(&self, id: &RequestId) {
        self.questions().remove(id);
        self.changed.notify_one();
    }

    /// Returns once there are none.
    async fn wait(&self) {
        while !self.questions().is_empty() {
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

/// Lines that are no messages, so far unanswered.
#[derive(Default)]
struct Wrong {
    /// No JSON.
    unread: AtomicUsize,
    /// Longer than what is read.
    long: AtomicUsize,
    told: Notify,
}

impl Wrong {
    fn tell(&self, kind: &AtomicUsize) {
        kind.fetch_add(1, Ordering::Relaxed);
        self.told.notify_one();
    }

    /// The answer to one of them.
    fn next(&self) -> Option<ErrorData> {
        let take = |kind: &AtomicUsize| {
            let less = |count: usize| count.checked_sub(1);
            let taken = kind.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
            taken.is_ok()
        };
        if take(&self.unread) {
            return Some(ErrorData::parse_error(
                "this line is no JSON: send one message a line",
                None,
            ));
        }
        take(&self.long).then(|| {
            let words = format!(
                "a line of more than {} MiB is not read: ask in several parts",
                DEFAULT_MAX_LINE_LENGTH >> 20
            );
            ErrorData::invalid_request(words, None)
        })
    }
}

/// What a pipe gives, with an end to its last line: a message without one is none to the
/// protocol.
struct Lines<R> {
    pipe: R,
    last: Option<u8>,
    /// The line that is not ended yet, and no more of it than is read.
    line: Vec<u8>,
    came: Came,
    wrong: Arc<Wrong>,
}

impl<R> Lines<R> {
    /// Looks at what is handed on: what is no JSON, or too long, is passed over in silence
    /// by the protocol.
    fn look(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let end = bytes.iter().position(|&byte| byte == b'\n');
            let (part, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
            bytes = rest;
            let left = (DEFAULT_MAX_LINE_LENGTH + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(left)]);
            if end.is_none() {
                continue;
            }
            if self.line.len() > DEFAULT_MAX_LINE_LENGTH {
                self.wrong.tell(&self.wrong.long);
            } else if !self.line.trim_ascii().is_empty()
                && serde_json::from_slice::<serde_json::Value>(&self.line).is_err()
            {
                self.wrong.tell(&self.wrong.unread);
            }
            self.line.clear();
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Lines<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let lines = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut lines.pipe).poll_read(context, buffer))?;
        match buffer.filled()[before..].last() {
            Some(&last) => {
                lines.came.0.store(true, Ordering::Relaxed);
                lines.last = Some(last);
                lines.look(&buffer.filled()[before..]);
            }
            None if lines.last.is_some_and(|last| last != b'\n') && buffer.remaining() > 0 => {
                buffer.put_slice(b"\n");
                lines.last = Some(b'\n');
                lines.look(b"\n");
            }
            None => {}
        }
        Poll::Ready(Ok(()))
    }
}
