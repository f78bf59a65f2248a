//! `wattex decode` and `wattex formats`: what meters and devices send, as readings.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use formats::{FORMATS, Format, Framing, Key, Message, Refusal, Signing, Stream, messages};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::exit::Trouble;

/// The largest file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 28;
/// From so many messages on, how far it is gets shown.
const MESSAGES_SHOWN: usize = 20_000;

/// Arguments of `wattex decode`.
#[derive(Args)]
pub struct Arguments {
    /// The format, as `wattex formats` lists them. Without it the topic of each message tells, and
    /// messages by other topics are left out.
    #[arg(long, value_name = "NAME", value_parser = format)]
    format: Option<&'static Format>,
    /// The topic that the messages came by, where the file does not say.
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Whose signature has to be on it: the address of a meter's key, or the public key of a
    /// charging station's meter (DER or a SEC1 point), in hex or base64.
    #[arg(long, value_name = "KEY")]
    key: Option<Key>,
    /// What was received; `-` is the standard input. One payload or many: JSON documents one after
    /// the other, telegrams, frames, lines of a topic and a payload, or JSON objects with `topic`
    /// and `payload`.
    file: PathBuf,
}

/// Arguments of `wattex formats`.
#[derive(Args)]
pub struct List {
    /// Print the list as JSON.
    #[arg(long)]
    json: bool,
}

fn format(name: &str) -> Result<&'static Format, String> {
    let names = || FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ");
    Format::named(name).ok_or_else(|| format!("no such format: there are {}", names()))
}

/// Decodes and prints. What is refused is said on the standard error, and the rest goes on.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let name = arguments.file.display().to_string();
    let unread = |why: anyhow::Error| Trouble::Payload(format!("reading {name}: {why:#}"));
    let bytes = read(arguments).map_err(unread)?;
    let by_topic = arguments.topic.as_deref().and_then(Format::of_topic);
    let framing = arguments.format.or(by_topic).map_or(Framing::Values, |format| format.framing);
    let messages = messages(framing, &bytes);
    if messages.is_empty() {
        // A message may be empty: in some formats it says that a device is gone.
        eprintln!("wattex: {name}: there is nothing in it");
        return Ok(ExitCode::SUCCESS);
    }
    let bar = match messages.len() >= MESSAGES_SHOWN {
        true => bar(messages.len()),
        false => ProgressBar::hidden(),
    };
    let mut decoder = Decoder::new(arguments);
    let mut refused = 0;
    for (place, message) in messages.iter().enumerate() {
        let outcome = match message {
            Ok(message) => {
                let placed = |refusal| message.in_file(refusal, &bytes);
                decoder.lines(message).map_err(placed)
            }
            Err(refusal) => Err(refusal.clone().in_text(&bytes)),
        };
        match outcome {
            Ok(lines) => print!("{lines}"),
            Err(refusal) => {
                refused += 1;
                let code = refusal.reason.code();
                bar.suspend(|| {
                    eprintln!("wattex: {name}: message {}: {code}: {refusal}", place + 1);
                });
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    decoder.say_what_is_left_out(&name, messages.len());
    if refused > 0 {
        let all = messages.len();
        return Err(Trouble::Payload(format!("{name}: {refused} of {all} messages refused")).into());
    }
    Ok(ExitCode::SUCCESS)
}

fn read(arguments: &Arguments) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = FILE_BYTES_MAX + 1;
    if arguments.file.as_os_str() == "-" {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    } else {
        File::open(&arguments.file)?.take(most).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let why = format!("the file is larger than {FILE_BYTES_MAX} bytes");
        return Err(Trouble::Payload(why).into());
    }
    Ok(bytes)
}

/// What has been received so far, by format.
struct Decoder<'a> {
    arguments: &'a Arguments,
    streams: BTreeMap<&'static str, Stream<'a>>,
    /// Messages whose topics are of no format.
    left_out: usize,
}

impl<'a> Decoder<'a> {
    fn new(arguments: &'a Arguments) -> Decoder<'a> {
        Decoder { arguments, streams: BTreeMap::new(), left_out: 0 }
    }

    /// The readings of a message, one a line.
    fn lines(&mut self, message: &Message) -> Result<String, Refusal> {
        let topic = message.topic.as_deref().or(self.arguments.topic.as_deref());
        let format = self.arguments.format.or_else(|| topic.and_then(Format::of_topic));
        let Some(format) = format else {
            self.left_out += 1;
            return Ok(String::new());
        };
        let key = self.arguments.key.as_ref();
        let stream = self.streams.entry(format.name).or_insert_with(|| Stream::new(format, key));
        let mut lines = String::new();
        for reading in stream.decode(topic, &message.bytes)? {
            // The same object with its format before all else.
            let json = serde_json::to_string(&reading).expect("a reading is JSON");
            let fields = json.trim_start_matches('{');
            lines.push_str(&format!("{{\"format\":\"{}\",{fields}\n", format.name));
        }
        Ok(lines)
    }

    fn say_what_is_left_out(&self, name: &str, all: usize) {
        if self.left_out == all {
            eprintln!("wattex: {name}: no topic tells the format: name one with --format");
        } else if self.left_out > 0 {
            let left_out = self.left_out;
            eprintln!("wattex: {name}: {left_out} of {all} messages are of no known topic");
        }
    }
}

fn bar(all: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len} messages, {eta} left");
    let style = style.expect("the template is sound").progress_chars("=> ");
    ProgressBar::new(all as u64).with_style(style).with_message("decoding")
}

/// Lists the formats.
pub fn list(arguments: &List) -> Result<ExitCode> {
    let signed = |format: &Format| match format.signing {
        Signing::Always => "signed",
        Signing::Sometimes => "may be signed",
        Signing::Never => "unsigned",
    };
    if arguments.json {
        let list: Vec<Value> = FORMATS
            .iter()
            .map(|format| {
                json!({
                    "name": format.name,
                    "what": format.what,
                    "topics": format.topics,
                    "trust": signed(format),
                    "units": format.units,
                })
            })
            .collect();
        println!("{}", serde_json::to_string_pretty(&list)?);
        return Ok(ExitCode::SUCCESS);
    }
    let width = FORMATS.iter().map(|format| format.name.len()).max().unwrap_or(0);
    let indent = " ".repeat(width + 2);
    for format in FORMATS {
        println!("{:<width$}  {}", format.name, format.what);
        println!("{indent}{}; {}", signed(format), format.units);
        if !format.topics.is_empty() {
            println!("{indent}{}", format.topics.join("  "));
        }
    }
    Ok(ExitCode::SUCCESS)
}
