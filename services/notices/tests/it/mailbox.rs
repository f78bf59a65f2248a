//! A mail server that keeps what it is given, over TCP as RFC 5321 has it, without TLS.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A letter as it came.
#[derive(Debug, Clone)]
pub struct Letter {
    pub from: String,
    pub to: String,
    raw: String,
}

/// The server.
pub struct Mailbox {
    pub port: u16,
    letters: Arc<Mutex<Vec<Letter>>>,
    script: Arc<Mutex<VecDeque<String>>>,
}

impl Mailbox {
    pub async fn start() -> Mailbox {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (letters, script) = (Arc::<Mutex<Vec<Letter>>>::default(), Arc::default());
        let mailbox = Mailbox { port, letters: letters.clone(), script: Arc::clone(&script) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, letters.clone(), Arc::clone(&script)));
            }
        });
        mailbox
    }

    /// Answers the next recipients so, instead of taking them.
    pub fn will_answer(&self, answers: &[&str]) {
        self.script.lock().unwrap().extend(answers.iter().map(|one| (*one).to_owned()));
    }

    /// What came since this was last asked.
    pub fn take(&self) -> Vec<Letter> {
        std::mem::take(&mut *self.letters.lock().unwrap())
    }
}

async fn serve(
    stream: TcpStream,
    letters: Arc<Mutex<Vec<Letter>>>,
    script: Arc<Mutex<VecDeque<String>>>,
) {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    let (mut from, mut to) = (String::new(), String::new());
    writing.write_all(b"220 mailbox ESMTP\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = match line.split([' ', ':']).next().unwrap() {
            "EHLO" => "250-mailbox\r\n250 8BITMIME".to_owned(),
            "MAIL" => {
                from = address(&line);
                "250 OK".to_owned()
            }
            "RCPT" => {
                to = address(&line);
                script.lock().unwrap().pop_front().unwrap_or_else(|| "250 OK".to_owned())
            }
            "DATA" => {
                writing.write_all(b"354 go on\r\n").await.unwrap();
                let mut raw = String::new();
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    raw.push_str(line.strip_prefix('.').unwrap_or(&line));
                    raw.push('\n');
                }
                let letter = Letter { from: from.clone(), to: to.clone(), raw };
                letters.lock().unwrap().push(letter);
                "250 taken".to_owned()
            }
            "QUIT" => {
                let _ = writing.write_all(b"221 bye\r\n").await;
                return;
            }
            _ => "250 OK".to_owned(),
        };
        if writing.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

fn address(line: &str) -> String {
    line.split(['<', '>']).nth(1).unwrap().to_owned()
}

impl Letter {
    /// A header's value, unfolded.
    pub fn header(&self, name: &str) -> String {
        let head = self.raw.split("\n\n").next().unwrap().replace("\n ", " ");
        let line = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in {head}")).to_owned()
    }

    /// The subject as it is shown (RFC 2047).
    pub fn subject(&self) -> String {
        let (mut shown, mut after_encoded) = (String::new(), true);
        for word in self.header("Subject").split(' ') {
            let encoded = word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?="));
            // Between two encoded words a space says nothing.
            if !(after_encoded && (encoded.is_some() || shown.is_empty())) {
                shown.push(' ');
            }
            match encoded {
                Some(text) => {
                    shown += &String::from_utf8(STANDARD.decode(text).unwrap()).unwrap();
                }
                None => shown += word,
            }
            after_encoded = encoded.is_some();
        }
        shown
    }

    /// Each part: its head and its content, decoded.
    fn parts(&self) -> Vec<(String, Vec<u8>)> {
        let kind = self.header("Content-Type");
        let (_, body) = self.raw.split_once("\n\n").unwrap();
        let Some((_, boundary)) = kind.split_once("boundary=\"") else {
            let head = format!("Content-Transfer-Encoding: {}", self.transfer());
            return vec![(head.clone(), decoded(&head, body))];
        };
        let boundary = format!("--{}", boundary.trim_end_matches('"'));
        let parts = body.split(&boundary).filter(|part| part.contains("Content-Type"));
        let part = |part: &str| {
            let (head, body) = part.split_once("\n\n").unwrap();
            // The last break is the boundary's.
            (head.to_owned(), decoded(head, body.strip_suffix('\n').unwrap()))
        };
        parts.map(part).collect()
    }

    fn transfer(&self) -> String {
        self.header("Content-Transfer-Encoding")
    }

    /// The text.
    pub fn text(&self) -> String {
        String::from_utf8(self.parts()[0].1.clone()).unwrap()
    }

    /// The file that goes with it: its name and its content.
    pub fn attachment(&self) -> (String, Vec<u8>) {
        let (head, content) = self.parts().pop().unwrap();
        assert!(head.contains("Content-Type: application/pdf"), "{head}");
        let name = head.split("filename=\"").nth(1).unwrap().split('"').next().unwrap();
        (name.to_owned(), content)
    }
}

fn decoded(head: &str, body: &str) -> Vec<u8> {
    if head.contains("base64") {
        return STANDARD.decode(body.replace(['\n', '\r'], "")).unwrap();
    }
    if head.contains("quoted-printable") {
        let joined = body.replace("=\n", "");
        let mut bytes = Vec::new();
        let mut rest = joined.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            if *first == b'=' {
                let digits = std::str::from_utf8(&after[..2]).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = &after[2..];
            } else {
                bytes.push(*first);
                rest = after;
            }
        }
        return bytes;
    }
    body.as_bytes().to_vec()
}
