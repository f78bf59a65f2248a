//! What comes from a WebSocket: messages, put together from their frames, bounded in size.

use actix_http::ws::{CloseReason, Codec, Frame, Item, ProtocolError};
use actix_web::web::{Bytes, BytesMut, Payload};
use futures::StreamExt;
use tokio_util::codec::Decoder;

/// Something that came.
pub(super) enum Received {
    Text(Bytes),
    Ping(Bytes),
    Pong,
    TooLarge,
    Malformed,
    /// The caller ends the connection, or it broke.
    Closed(Option<CloseReason>),
}

/// The reading end of a WebSocket.
pub(super) struct Incoming {
    payload: Payload,
    codec: Codec,
    buffer: BytesMut,
    /// The parts of a message whose end has not come.
    parts: Option<BytesMut>,
    bytes_max: usize,
}

impl Incoming {
    pub(super) fn new(payload: Payload, bytes_max: usize) -> Self {
        let codec = Codec::new().max_size(bytes_max);
        Self { payload, codec, buffer: BytesMut::new(), parts: None, bytes_max }
    }

    /// Waits for the next message. Nothing is lost if that is given up.
    pub(super) async fn next(&mut self) -> Received {
        loop {
            match self.codec.decode(&mut self.buffer) {
                Ok(Some(frame)) => {
                    if let Some(received) = self.take(frame) {
                        return received;
                    }
                }
                Ok(None) => match self.payload.next().await {
                    Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
                    Some(Err(_)) | None => return Received::Closed(None),
                },
                Err(ProtocolError::Overflow) => return Received::TooLarge,
                Err(_) => return Received::Malformed,
            }
        }
    }

    /// The message that a frame is or ends.
    fn take(&mut self, frame: Frame) -> Option<Received> {
        let (part, ends) = match frame {
            Frame::Text(content) | Frame::Binary(content) => return Some(Received::Text(content)),
            Frame::Ping(content) => return Some(Received::Ping(content)),
            Frame::Pong(_) => return Some(Received::Pong),
            Frame::Close(reason) => return Some(Received::Closed(reason)),
            Frame::Continuation(Item::FirstText(part) | Item::FirstBinary(part)) => {
                self.parts = Some(BytesMut::new());
                (part, false)
            }
            Frame::Continuation(Item::Continue(part)) => (part, false),
            Frame::Continuation(Item::Last(part)) => (part, true),
        };
        let parts = self.parts.get_or_insert_default();
        if parts.len() + part.len() > self.bytes_max {
            return Some(Received::TooLarge);
        }
        parts.extend_from_slice(&part);
        if !ends {
            return None;
        }
        self.parts.take().map(|whole| Received::Text(whole.freeze()))
    }
}
