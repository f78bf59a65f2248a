//! Text, attachments and pictures of a PDF, by `hayro`.
#![allow(clippy::disallowed_types, reason = "pages have points")]

use hayro::hayro_interpret::font::GlyphRun;
use hayro::hayro_interpret::hayro_cmap::BfString;
use hayro::hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps,
    InterpreterCache, InterpreterSettings, SoftMask, TransformExt, interpret_page,
};
use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::object::{Array, Dict, Name, Object, Stream, String as PdfString};
use hayro::kurbo::{BezPath, Rect};
use hayro::vello_cpu::Pixmap;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};

/// A file that is open.
pub(crate) struct Reader {
    pdf: Pdf,
}

impl Reader {
    pub(crate) fn new(bytes: &[u8]) -> Reader {
        Reader { pdf: Pdf::new(bytes.to_vec()).unwrap() }
    }

    pub(crate) fn pages(&self) -> usize {
        self.pdf.pages().len()
    }

    /// What is copied from all pages: the text of each piece of content, with a space after it.
    pub(crate) fn text(&self) -> String {
        let mut text = Text::default();
        let cache = InterpreterCache::new();
        for page in self.pdf.pages().iter() {
            let area = Rect::new(0.0, 0.0, 10_000.0, 10_000.0);
            let transform = page.initial_transform(true).to_kurbo();
            let settings = InterpreterSettings::default();
            let mut context = Context::new(transform, area, &cache, page.xref(), settings);
            interpret_page(page, &mut context, &mut text);
        }
        text.text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The catalog.
    pub(crate) fn catalog(&self) -> Dict<'_> {
        self.pdf.xref().get(self.pdf.xref().root_id()).unwrap()
    }

    /// Name, relation and content of the one attached file.
    pub(crate) fn attached(&self) -> Option<(String, String, Vec<u8>)> {
        let files: Array<'_> = self.catalog().get("AF")?;
        let specs: Vec<Dict<'_>> = files.iter().collect();
        assert_eq!(specs.len(), 1);
        let name: PdfString<'_> = specs[0].get("F")?;
        let relation: Name<'_> = specs[0].get("AFRelationship")?;
        let file: Stream<'_> = specs[0].get::<Dict<'_>>("EF")?.get("F")?;
        let name = String::from_utf8(name.as_bytes().to_vec()).unwrap();
        Some((name, relation.as_str().to_owned(), file.decoded().unwrap().into_owned()))
    }

    /// The kinds of all elements that screen readers know.
    pub(crate) fn roles(&self) -> Vec<String> {
        let mut roles = Vec::new();
        for object in self.pdf.objects() {
            if let Object::Dict(dict) = object
                && dict.get::<Name<'_>>("Type").is_some_and(|name| name.as_str() == "StructElem")
            {
                roles.push(dict.get::<Name<'_>>("S").unwrap().as_str().to_owned());
            }
        }
        roles
    }

    /// A page as a picture with this many pixels to the point.
    pub(crate) fn picture(&self, page: usize, scale: f32) -> Pixmap {
        let cache = RenderCache::new();
        let pixels = PixmapSettings {
            x_scale: scale,
            y_scale: scale,
            bg_color: WHITE,
            ..Default::default()
        };
        let settings = InterpreterSettings::default();
        render(&self.pdf.pages()[page], &cache, &settings, &RenderSettings::default(), &pixels)
    }
}

/// Takes the text of what is drawn, and the text that is said to stand in its place.
#[derive(Default)]
struct Text {
    text: String,
    /// Of the pieces of content that are open, whether their text was said.
    said: Vec<bool>,
}

impl<'a> Device<'a> for Text {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, _: DrawProps<'a>, _: &DrawMode) {
        if self.said.contains(&true) {
            return;
        }
        for positioned in run.glyphs() {
            let unicode = positioned.as_unicode();
            match unicode.expect("every glyph has a text") {
                BfString::Char(char) => self.text.push(char),
                BfString::String(text) => self.text.push_str(&text),
            }
        }
    }

    fn begin_marked_content(&mut self, _tag: &[u8], properties: Option<&Dict<'_>>) {
        let text = properties.and_then(|properties| properties.get::<PdfString<'_>>("ActualText"));
        self.said.push(text.is_some());
        if let Some(text) = text {
            self.text.push_str(&decoded(text.as_bytes()));
        }
    }

    fn end_marked_content(&mut self) {
        // A piece within a line goes on without a space.
        if self.said.pop() == Some(false) {
            self.text.push(' ');
        }
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}

/// A text of PDF: UTF-16 behind a mark, else one byte a character.
fn decoded(bytes: &[u8]) -> String {
    let Some(units) = bytes.strip_prefix(&[0xfe, 0xff]) else {
        return bytes.iter().map(|byte| char::from(*byte)).collect();
    };
    let units: Vec<u16> =
        units.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]])).collect();
    String::from_utf16(&units).unwrap()
}
