//! A sheet as a file: PDF/A-3a and PDF/UA-1, every mark tagged, the XML attached.
//!
//! The only place with fractions, which is how PDF has its lengths.
#![allow(clippy::disallowed_types, reason = "points of a page are no energy, price or money")]

use std::num::NonZeroU16;
use std::ops::Range;
use std::sync::LazyLock;

use calendar::LocalDay;
use documents::{Content, Locale};
use krilla::color::rgb;
use krilla::configure::{Accessibility, Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::embed::{AssociationKind, EmbeddedFile, MimeType};
use krilla::error::KrillaError;
use krilla::geom::{Path, PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::{Location, Surface};
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, ListNumbering, Node, SpanTag, TableHeaderScope,
    Tag, TagGroup, TagKind, TagTree,
};
use krilla::text::{Font, GlyphId};
use krilla::{Document, SerializeSettings};

use crate::face::{Face, Glyph, Length, pt};
use crate::sheet::{Element, Heading, Ink, Owner, PAGE, Placed, Role, Shape, Sheet};
use crate::{PdfError, XML_NAME};

static FONTS: LazyLock<[Font; 2]> = LazyLock::new(|| {
    Face::ALL.map(|face| Font::new(face.file().into(), 0).expect("the font is part of the program"))
});

/// How far the ends of a quarter's curve are pulled to make it one of a circle, in thousandths.
const CIRCLE: f32 = 0.552;

/// The file of a sheet.
pub(crate) fn painted(
    sheet: Sheet,
    content: &Content,
    locale: &Locale,
    xml: Option<String>,
) -> Result<Vec<u8>, PdfError> {
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A3_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .expect("one version of PDF has both");
    let mut pdf =
        Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    let date = noon(content.issued_on);
    if let Some(xml) = xml {
        pdf.embed_file(attachment(xml, date));
    }
    let mut contents: Vec<Vec<Identifier>> = Vec::new();
    contents.resize_with(sheet.elements.len(), Vec::new);
    for page in &sheet.pages {
        let settings = PageSettings::from_wh(points(PAGE.0), points(PAGE.1));
        let mut page_of_pdf = pdf.start_page_with(settings.expect("A4 has a size"));
        let mut surface = page_of_pdf.surface();
        one_page(&mut surface, page, &mut contents);
        surface.finish();
        page_of_pdf.finish();
    }
    let mut tree = TagTree::new().with_lang(Some(locale.name().to_owned()));
    for root in &sheet.roots {
        tree.push(node(*root, &sheet.elements, &mut contents));
    }
    pdf.set_tag_tree(tree);
    pdf.set_outline(outline(&sheet.headings));
    pdf.set_metadata(metadata(&sheet.headings, content, locale, date));
    pdf.finish().map_err(|error| PdfError::Rule(reason(&error)))
}

fn points(length: Length) -> f32 {
    // A page has a million of them, which a fraction holds exactly.
    length as f32 / 1_000.0
}

fn noon(day: LocalDay) -> DateTime {
    let number = 1 + day.number() - day.month_start().number();
    let date = DateTime::new(u16::try_from(day.year()).unwrap_or(0)).month(day.month());
    let date = date.day(u8::try_from(number).unwrap_or(1)).hour(12).minute(0).second(0);
    date.utc_offset_hour(0).utc_offset_minute(0)
}

fn attachment(xml: String, date: DateTime) -> EmbeddedFile {
    EmbeddedFile {
        path: XML_NAME.to_owned(),
        mime_type: MimeType::new("text/xml"),
        description: Some("EN 16931, UBL 2.1".to_owned()),
        association_kind: AssociationKind::Alternative,
        data: xml.into_bytes().into(),
        modification_date: Some(date),
        compress: Some(true),
        location: None,
    }
}

fn metadata(headings: &[Heading], content: &Content, locale: &Locale, date: DateTime) -> Metadata {
    let kind = headings.first().map_or("", |heading| heading.text.as_str());
    Metadata::new()
        .title(format!("{kind} {}", content.number))
        .authors(vec![content.issuer.name.clone()])
        .language(locale.name().to_owned())
        .creation_date(date)
        .document_id(format!("{} {}", content.issuer.id, content.number))
        .creator("Wattex".to_owned())
        .producer("Wattex".to_owned())
}

fn outline(headings: &[Heading]) -> Outline {
    let mut outline = Outline::new();
    for heading in headings {
        let place = Point::from_xy(0.0, points(heading.at.y - pt(12)));
        let destination = XyzDestination::new(heading.at.page, place);
        outline.push_child(OutlineNode::new(heading.text.clone(), destination));
    }
    outline
}

/// Draws neighbours of one owner as one piece of content.
fn one_page(surface: &mut Surface<'_>, page: &[Placed], contents: &mut [Vec<Identifier>]) {
    for group in page.chunk_by(|one, next| one.owner == next.owner) {
        let artifact = |kind| ContentTag::Artifact(Artifact::with_kind(kind));
        let tag = match group[0].owner {
            Owner::Decoration => artifact(ArtifactType::Layout),
            Owner::Header => artifact(ArtifactType::Header),
            Owner::Footer => artifact(ArtifactType::Footer),
            Owner::Leaf(_) => ContentTag::Span(SpanTag::empty()),
        };
        let identifier = surface.start_tagged(tag);
        for placed in group {
            draw(surface, placed);
        }
        surface.end_tagged();
        if let Owner::Leaf(leaf) = group[0].owner {
            contents[leaf].push(identifier);
        }
    }
}

fn draw(surface: &mut Surface<'_>, placed: &Placed) {
    let Ink(red, green, blue) = placed.ink;
    surface.set_fill(Some(Fill {
        paint: rgb::Color::new(red, green, blue).into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::NonZero,
    }));
    match &placed.shape {
        Shape::Text { run, x, baseline, size } => {
            let font = FONTS[usize::from(run.face == Face::Bold)].clone();
            let start = Point::from_xy(points(*x), points(*baseline));
            surface.draw_glyphs(start, &run.glyphs, font, &run.text, points(*size), false);
        }
        Shape::Box { x, y, width, height, radius } => {
            let corners = (points(*x), points(*y), points(*width), points(*height));
            if let Some(path) = rounded(corners, points(*radius)) {
                surface.draw_path(&path);
            }
        }
    }
}

fn rounded((x, y, width, height): (f32, f32, f32, f32), radius: f32) -> Option<Path> {
    let mut path = PathBuilder::new();
    let radius = radius.min(width / 2.0).min(height / 2.0);
    if radius <= 0.0 {
        path.push_rect(Rect::from_xywh(x, y, width, height)?);
        return path.finish();
    }
    let (right, bottom, pull) = (x + width, y + height, radius * (1.0 - CIRCLE));
    path.move_to(x + radius, y);
    path.line_to(right - radius, y);
    path.cubic_to(right - pull, y, right, y + pull, right, y + radius);
    path.line_to(right, bottom - radius);
    path.cubic_to(right, bottom - pull, right - pull, bottom, right - radius, bottom);
    path.line_to(x + radius, bottom);
    path.cubic_to(x + pull, bottom, x, bottom - pull, x, bottom - radius);
    path.line_to(x, y + radius);
    path.cubic_to(x, y + pull, x + pull, y, x + radius, y);
    path.close();
    path.finish()
}

/// Advances are units of the font, a thousandth of the size.
impl krilla::text::Glyph for Glyph {
    fn glyph_id(&self) -> GlyphId {
        GlyphId::new(self.id)
    }

    fn text_range(&self) -> Range<usize> {
        self.text.clone()
    }

    fn x_advance(&self, size: f32) -> f32 {
        self.advance as f32 / 1_000.0 * size
    }

    fn x_offset(&self, size: f32) -> f32 {
        self.offset.0 as f32 / 1_000.0 * size
    }

    fn y_offset(&self, size: f32) -> f32 {
        self.offset.1 as f32 / 1_000.0 * size
    }

    fn y_advance(&self, _size: f32) -> f32 {
        0.0
    }

    fn location(&self) -> Option<Location> {
        None
    }
}

/// An element with its parts, or with what was drawn of it.
fn node(number: usize, elements: &[Element], contents: &mut [Vec<Identifier>]) -> Node {
    let element = &elements[number];
    let mut group = TagGroup::new(kind(&element.role));
    for part in &element.parts {
        group.push(node(*part, elements, contents));
    }
    for identifier in std::mem::take(&mut contents[number]) {
        group.push(identifier);
    }
    group.into()
}

fn kind(role: &Role) -> TagKind {
    match role {
        Role::Section => Tag::Section.into(),
        Role::Heading(level, text) => {
            let level = NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN);
            Tag::Hn(level, Some(text.clone())).into()
        }
        Role::Paragraph => Tag::P.into(),
        Role::List => Tag::L(ListNumbering::None).into(),
        Role::NumberedList => Tag::L(ListNumbering::Decimal).into(),
        Role::Item => Tag::LI.into(),
        Role::Label => Tag::Lbl.into(),
        Role::Body => Tag::LBody.into(),
        Role::Table(about) => Tag::Table.with_summary(Some(about.clone())).into(),
        Role::TableHead => Tag::THead.into(),
        Role::TableBody => Tag::TBody.into(),
        Role::Row => Tag::TR.into(),
        Role::ColumnHead => Tag::TH(TableHeaderScope::Column).into(),
        Role::RowHead => Tag::TH(TableHeaderScope::Row).into(),
        Role::Cell => Tag::TD.into(),
        Role::Figure(spoken) => Tag::Figure(Some(spoken.clone())).into(),
        Role::Caption => Tag::Caption.into(),
        Role::Code => Tag::Code.into(),
    }
}

fn reason(error: &KrillaError) -> String {
    match error {
        KrillaError::Validation(faults) => {
            let faults: Vec<String> =
                faults.iter().take(3).map(|(fault, _)| format!("{fault:?}")).collect();
            faults.join("; ")
        }
        other => format!("{other:?}"),
    }
}
