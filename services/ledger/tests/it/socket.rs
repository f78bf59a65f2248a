//! A WebSocket client of the test's own.

use actix_http::ws::{CloseReason, Codec, Frame, Item, Message};
use actix_web::web::Bytes;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::codec::Framed;

pub(crate) struct Socket {
    frames: Framed<TcpStream, Codec>,
    id: u64,
    /// Notifications that came while an answer was awaited.
    early: Vec<Value>,
}

/// Asks for a WebSocket; the status and the connection after the head of the response.
pub(crate) async fn upgrade(url: &str, path: &str, headers: &str) -> (u16, TcpStream) {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         {headers}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        response.push(byte[0]);
    }
    let response = String::from_utf8(response).unwrap();
    let status = response.split(' ').nth(1).unwrap().parse().unwrap();
    (status, stream)
}

impl Socket {
    pub(crate) async fn open(url: &str, path: &str) -> Self {
        let (status, stream) = upgrade(url, path, "").await;
        assert_eq!(status, 101);
        let codec = Codec::new().client_mode().max_size(1 << 26);
        Self { frames: Framed::new(stream, codec), id: 0, early: Vec::new() }
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.frames.send(message).await.unwrap();
    }

    pub(crate) async fn send_text(&mut self, text: String) {
        self.send(Message::Text(text.into())).await;
    }

    /// Sends a text in parts.
    pub(crate) async fn send_parts(&mut self, text: &str, length: usize) {
        let mut parts: Vec<Bytes> =
            text.as_bytes().chunks(length).map(Bytes::copy_from_slice).collect();
        let last = parts.pop().unwrap();
        if parts.is_empty() {
            return self.send_text(text.to_owned()).await;
        }
        for (at, part) in parts.into_iter().enumerate() {
            let item = if at == 0 { Item::FirstText(part) } else { Item::Continue(part) };
            self.send(Message::Continuation(item)).await;
        }
        self.send(Message::Continuation(Item::Last(last))).await;
    }

    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        self.frames.next().await.map(Result::unwrap)
    }

    /// The next message; pings are answered.
    pub(crate) async fn message(&mut self) -> Result<Value, Option<CloseReason>> {
        loop {
            match self.frame().await {
                Some(Frame::Text(text)) => return Ok(serde_json::from_slice(&text).unwrap()),
                Some(Frame::Ping(content)) => self.send(Message::Pong(content)).await,
                Some(Frame::Close(reason)) => return Err(reason),
                Some(Frame::Pong(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The whole answer to a request.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.id += 1;
        let request =
            json!({ "jsonrpc": "2.0", "id": self.id, "method": method, "params": params });
        self.send_text(request.to_string()).await;
        loop {
            let message = self.message().await.unwrap();
            if message["id"] == json!(self.id) {
                return message;
            }
            self.early.push(message);
        }
    }

    pub(crate) async fn subscribe(&mut self, params: Value) -> Value {
        let answer = self.ask("eth_subscribe", params).await;
        assert!(answer["result"].is_string(), "{answer}");
        answer["result"].clone()
    }

    /// What a subscription is told next.
    pub(crate) async fn told(&mut self, subscription: &Value) -> Value {
        let message = match self.early.is_empty() {
            true => self.message().await.unwrap(),
            false => self.early.remove(0),
        };
        assert_eq!(message["method"], json!("eth_subscription"), "{message}");
        assert_eq!(&message["params"]["subscription"], subscription, "{message}");
        message["params"]["result"].clone()
    }
}
