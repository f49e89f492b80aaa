//! Stdin and stdout as the Model Context Protocol has them, of which nothing that came is
//! left unanswered.

use std::collections::HashSet;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use rmcp::RoleServer;
use rmcp::model::{ClientNotification, JsonRpcMessage, RequestId};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::io::{StdioReader, StdioWriter, stdio_pipes};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::Notify;

/// The pipes. They end once stdin has, and every question that came by it is answered.
pub(super) struct Stdio {
    pipes: AsyncRwTransport<RoleServer, Lines<StdioReader>, StdioWriter>,
    came: Came,
    open: Arc<Open>,
    ended: bool,
}

impl Stdio {
    /// Those of this process.
    pub(super) fn open() -> Self {
        let (stdin, stdout) = stdio_pipes();
        let came = Came::default();
        let lines = Lines {
            pipe: stdin,
            last: None,
            came: came.clone(),
        };
        Self {
            pipes: AsyncRwTransport::new_server(lines, stdout),
            came,
            open: Arc::default(),
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
        if !self.ended {
            if let Some(message) = self.pipes.receive().await {
                self.open.came(&message);
                return Some(message);
            }
            self.ended = true;
        }
        self.open.wait().await;
        None
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

/// What a pipe gives, with an end to its last line: a message without one is none to the
/// protocol.
struct Lines<R> {
    pipe: R,
    last: Option<u8>,
    came: Came,
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
            }
            None if lines.last.is_some_and(|last| last != b'\n') && buffer.remaining() > 0 => {
                buffer.put_slice(b"\n");
                lines.last = Some(b'\n');
            }
            None => {}
        }
        Poll::Ready(Ok(()))
    }
}
