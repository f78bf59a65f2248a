//! A subscriber on a WebSocket.

use reqwest::header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use reqwest::{Client, StatusCode, Upgraded};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// The first byte of a whole text, of a ping and of a pong.
const TEXT: u8 = 0x81;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
/// A length up to this is said in one byte; two or eight more say a greater one.
const SHORT_MAX: u8 = 125;
const LONG: u8 = 126;
/// A caller has to mask what it says; with zeros that changes nothing.
const MASKED: u8 = 0x80;
const MASK: [u8; 4] = [0; 4];

/// One subscription and what was told about it, read as it comes until this is dropped.
pub struct Subscriber {
    told: UnboundedReceiver<Value>,
    all: Vec<Value>,
    reader: JoinHandle<()>,
}

impl Subscriber {
    /// Subscribes at the node with this URL.
    pub async fn to(url: &str, params: Value) -> Subscriber {
        let request = Client::new().get(url).header(CONNECTION, "upgrade");
        let request = request.header(UPGRADE, "websocket").header(SEC_WEBSOCKET_VERSION, "13");
        let request = request.header(SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        let mut line = response.upgrade().await.unwrap();
        let ask = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": params });
        send(&mut line, TEXT, ask.to_string().as_bytes()).await;
        let answer = message(&mut line).await.unwrap();
        assert!(answer["result"].is_string(), "{answer}");
        let (tells, told) = unbounded_channel();
        Subscriber { told, all: Vec::new(), reader: tokio::spawn(read(line, tells)) }
    }

    /// All that it was told so far.
    pub fn told(&mut self) -> &[Value] {
        self.all.extend(std::iter::from_fn(|| self.told.try_recv().ok()));
        &self.all
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Until the node or the subscriber is gone.
async fn read(mut line: Upgraded, tells: UnboundedSender<Value>) {
    while let Some(mut message) = message(&mut line).await
        && tells.send(message["params"]["result"].take()).is_ok()
    {}
}

/// The next text, if there is one; pings are answered.
async fn message(line: &mut Upgraded) -> Option<Value> {
    loop {
        let [kind, length] = line.read_u16().await.ok()?.to_be_bytes();
        let length = match length {
            0..=SHORT_MAX => length.into(),
            LONG => line.read_u16().await.ok()?.into(),
            _ => line.read_u64().await.ok()?,
        };
        let mut content = vec![0; usize::try_from(length).unwrap()];
        line.read_exact(&mut content).await.ok()?;
        match kind {
            TEXT => return Some(serde_json::from_slice(&content).unwrap()),
            PING => send(line, PONG, &content).await,
            _ => return None,
        }
    }
}

async fn send(line: &mut Upgraded, kind: u8, content: &[u8]) {
    let mut frame = vec![kind];
    match u8::try_from(content.len()) {
        Ok(length @ 0..=SHORT_MAX) => frame.push(MASKED | length),
        _ => {
            frame.push(MASKED | LONG);
            frame.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(content);
    line.write_all(&frame).await.unwrap();
}
