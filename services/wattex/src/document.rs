//! `wattex document`: a bill's JSON as PDF, as XML, or as JSON again.

use std::fs::{self, File};
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use documents::{Document, JSON_BYTES_MAX, Locale, ubl};
use invoice_pdf::XML_NAME;

use crate::exit::Trouble;

/// Arguments of `wattex document`.
#[derive(Args)]
pub struct Arguments {
    /// What is written: `pdf` (PDF/A-3a, tagged, the XML attached), `xml` (UBL 2.1 under EN 16931),
    /// or `json`, in the one spelling that the program has.
    #[arg(long, value_enum)]
    format: Format,
    /// Where to; the standard output when absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A language of your own, as a file like those in `libs/documents/locales`; the document's
    /// when absent.
    #[arg(long, value_name = "FILE")]
    locale: Option<PathBuf>,
    /// The document; `-` is the standard input.
    file: PathBuf,
}

/// A format of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Pdf,
    Xml,
    Json,
}

/// Reads, checks and writes.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let name = arguments.file.display();
    let unread = |why: String| Trouble::Bill(format!("reading {name}: {why}"));
    let json = read(&arguments.file).map_err(|error| unread(error.to_string()))?;
    let document = Document::from_json(&json)
        .map_err(|rejected| unread(format!("{}: {rejected}", rejected.rejection.code())))?;
    let unwritten = |why: String| Trouble::Document(format!("writing {name}: {why}"));
    let bytes = match arguments.format {
        Format::Json => (document.to_json() + "\n").into_bytes(),
        Format::Xml => {
            let xml = ubl::write(&document, &locale(arguments, &document)?);
            let code = |rejected: documents::Rejected| {
                unwritten(format!("{}: {rejected}", rejected.rejection.code()))
            };
            xml.map_err(code)?.into_bytes()
        }
        Format::Pdf => {
            let pdf = invoice_pdf::write(&document, &locale(arguments, &document)?)
                .map_err(|error| unwritten(format!("{}: {error}", error.code())))?;
            if !pdf.has_xml {
                eprintln!("wattex: {name}: no {XML_NAME} attached: EN 16931 cannot say it");
            }
            if !pdf.missing.is_empty() {
                let missing: String = pdf.missing.iter().collect();
                eprintln!(
                    "wattex: {name}: the fonts do not have, and \u{fffd} stands for: {missing}"
                );
            }
            pdf.bytes
        }
    };
    match &arguments.out {
        Some(out) => fs::write(out, bytes).with_context(|| format!("writing {}", out.display()))?,
        None if arguments.format == Format::Pdf && std::io::stdout().is_terminal() => {
            let why = "a PDF is nothing to read in a terminal: say where to with --out";
            return Err(Trouble::Argument(why.to_owned()).into());
        }
        None => std::io::stdout().lock().write_all(&bytes).context("writing the document")?,
    }
    Ok(ExitCode::SUCCESS)
}

/// At most one byte over what a document may have, which then says so.
fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let most = JSON_BYTES_MAX as u64 + 1;
    let mut bytes = Vec::new();
    if file.as_os_str() == "-" {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    } else {
        File::open(file)?.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn locale(arguments: &Arguments, document: &Document) -> Result<Locale> {
    let language = &document.content().language;
    let Some(file) = &arguments.locale else {
        let known = || documents::LANGUAGES.join(", ");
        let why =
            || format!("there is no language {language:?} among {}: give its --locale", known());
        return Locale::named(language).ok_or_else(|| Trouble::Document(why()).into());
    };
    let json = fs::read_to_string(file);
    let json = json.map_err(|error| Trouble::Document(format!("{}: {error}", file.display())))?;
    let locale = Locale::from_json(&json);
    locale.map_err(|error| Trouble::Document(format!("{}: {error}", file.display())).into())
}
