//! An HTTP server that answers from a script and remembers what it was sent.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What was sent in one request.
#[derive(Debug, Clone)]
pub struct Sent {
    /// By their names in small letters.
    pub headers: HashMap<String, String>,
    pub body: String,
}

/// The server.
pub struct Receiver {
    pub address: SocketAddr,
    sent: Arc<Mutex<Vec<Sent>>>,
    script: Arc<Mutex<VecDeque<String>>>,
}

impl Receiver {
    /// Answers 204 where the script says nothing else.
    pub async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sent, script) = (Arc::<Mutex<Vec<Sent>>>::default(), Arc::default());
        let receiver = Receiver { address, sent: sent.clone(), script: Arc::clone(&script) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, sent.clone(), Arc::clone(&script)));
            }
        });
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Answers the next requests with these heads, `500 Sorry` or `302 Found\r\nLocation: ...`.
    pub fn will_answer(&self, heads: &[&str]) {
        self.script.lock().unwrap().extend(heads.iter().map(|head| (*head).to_owned()));
    }

    /// What came since this was last asked.
    pub fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut *self.sent.lock().unwrap())
    }
}

async fn answer(
    mut stream: TcpStream,
    sent: Arc<Mutex<Vec<Sent>>>,
    script: Arc<Mutex<VecDeque<String>>>,
) {
    let mut read = Vec::new();
    while let Some(request) = request(&mut stream, &mut read).await {
        sent.lock().unwrap().push(request);
        let head = script.lock().unwrap().pop_front();
        if head.as_deref() == Some("endless") {
            let _ = stream.write_all(b"HTTP/1.1 500 Endless\r\n\r\n").await;
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
            return;
        }
        let head = head.unwrap_or_else(|| "204 No Content".to_owned());
        let answer = format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<Sent> {
    let end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        more(stream, read).await?;
    };
    let head = String::from_utf8(read[..end].to_vec()).unwrap();
    let headers: HashMap<String, String> = head
        .lines()
        .skip(1)
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers["content-length"].parse().unwrap();
    while read.len() < end + 4 + length {
        more(stream, read).await?;
    }
    let body = String::from_utf8(read[end + 4..end + 4 + length].to_vec()).unwrap();
    read.drain(..end + 4 + length);
    Some(Sent { headers, body })
}

async fn more(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<()> {
    let mut part = [0; 4096];
    let count = stream.read(&mut part).await.ok()?;
    read.extend_from_slice(&part[..count]);
    (count > 0).then_some(())
}
