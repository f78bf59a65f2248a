//! What waits to be sent, encoded, bounded in bytes.

use actix_http::ws::{CloseReason, Codec, Message};
use actix_web::body::{BodySize, MessageBody};
use actix_web::web::{Bytes, BytesMut};
use bytestring::ByteString;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::sync::Notify;
use tokio_util::codec::Encoder;

/// Frames that wait for the socket.
pub(super) struct Outbox {
    queue: RefCell<Queue>,
    bytes_max: usize,
    changed: Notify,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Bytes>,
    bytes: usize,
    /// Nothing comes after what is queued.
    closed: bool,
    /// The socket is closed.
    gone: bool,
    socket: Option<Waker>,
}

impl Outbox {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { queue: RefCell::default(), bytes_max, changed: Notify::new() }
    }

    /// Queues a message, unless more would wait than may. Binary content is sent as text: it is
    /// JSON.
    pub(super) fn push(&self, message: Message) -> bool {
        let message = match message {
            Message::Binary(json) => match ByteString::try_from(json) {
                Ok(json) => Message::Text(json),
                Err(_) => return false,
            },
            message => message,
        };
        let mut frame = BytesMut::new();
        if Codec::new().encode(message, &mut frame).is_err() {
            return false;
        }
        let mut queue = self.queue.borrow_mut();
        // A long answer may wait alone.
        if queue.bytes > 0 && queue.bytes + frame.len() > self.bytes_max {
            return false;
        }
        queue.bytes += frame.len();
        queue.frames.push_back(frame.freeze());
        queue.wake();
        true
    }

    /// Drops what waits.
    pub(super) fn forget(&self) {
        let mut queue = self.queue.borrow_mut();
        queue.frames.clear();
        queue.bytes = 0;
    }

    /// Ends the connection after what waits.
    pub(super) fn close(&self, reason: Option<CloseReason>) {
        let mut frame = BytesMut::new();
        let encoded = Codec::new().encode(Message::Close(reason), &mut frame);
        let mut queue = self.queue.borrow_mut();
        if encoded.is_ok() {
            queue.frames.push_back(frame.freeze());
        }
        queue.closed = true;
        queue.wake();
    }

    /// Whether less than half of what may wait does.
    pub(super) fn has_room(&self) -> bool {
        self.queue.borrow().bytes <= self.bytes_max / 2
    }

    pub(super) fn is_gone(&self) -> bool {
        self.queue.borrow().gone
    }

    /// Waits until the socket took something or is closed.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Queue {
    fn wake(&mut self) {
        if let Some(socket) = self.socket.take() {
            socket.wake();
        }
    }
}

/// The end of an outbox that the socket takes from: the body of the response.
pub(super) struct Frames(Rc<Outbox>);

impl Frames {
    pub(super) fn new(outbox: Rc<Outbox>) -> Self {
        Self(outbox)
    }
}

impl MessageBody for Frames {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let mut queue = self.0.queue.borrow_mut();
        let Some(frame) = queue.frames.pop_front() else {
            if queue.closed {
                return Poll::Ready(None);
            }
            queue.socket = Some(context.waker().clone());
            return Poll::Pending;
        };
        queue.bytes = queue.bytes.saturating_sub(frame.len());
        drop(queue);
        self.0.changed.notify_one();
        Poll::Ready(Some(Ok(frame)))
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        self.0.queue.borrow_mut().gone = true;
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(length: usize) -> Message {
        Message::Binary(vec![b'x'; length].into())
    }

    #[test]
    fn no_more_waits_than_may_and_a_long_answer_waits_alone() {
        let outbox = Outbox::new(100);
        assert!(outbox.push(text(500)), "alone");
        assert!(!outbox.push(text(1)) && !outbox.has_room());
        outbox.forget();
        assert!(outbox.push(text(48)) && outbox.has_room(), "a frame of 50 bytes");
        assert!(outbox.push(text(48)) && !outbox.has_room());
        assert!(!outbox.push(text(1)));
    }
}
