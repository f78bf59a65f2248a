//! Type: the faces of a bill, and text as glyphs on lines.
//!
//! Lengths on a page are integers, thousandths of a point, so that a line breaks at the same word
//! on every machine. Within a run they are units of the font, a thousandth of the size of its type.
//! Digits have one width in these faces, so columns of numbers stand in line by themselves.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use harfrust::{Direction, GlyphBuffer, ShapeOptions, ShapePlan, Shaper, ShaperData};
use harfrust::{UnicodeBuffer, script};
use skrifa::charmap::Charmap;
use skrifa::{FontRef, MetadataProvider};

/// Thousandths of a point.
pub(crate) type Length = i32;

/// Points as a length.
pub(crate) const fn pt(points: i32) -> Length {
    points * 1_000
}

/// What stands for a character that a face does not have.
const REPLACEMENT: char = '\u{fffd}';

/// A face of the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Face {
    Regular,
    Bold,
}

impl Face {
    pub(crate) const ALL: [Face; 2] = [Face::Regular, Face::Bold];

    /// The file; 1000 units to the em in both.
    pub(crate) fn file(self) -> &'static [u8] {
        match self {
            Face::Regular => include_bytes!("../fonts/IBMPlexSans-Regular.ttf"),
            Face::Bold => include_bytes!("../fonts/IBMPlexSans-SemiBold.ttf"),
        }
    }
}

/// A face that is read once in the life of the program.
struct Read {
    data: ShaperData,
    font: FontRef<'static>,
}

static READ: LazyLock<[Read; 2]> = LazyLock::new(|| {
    Face::ALL.map(|face| {
        let font = FontRef::new(face.file()).expect("the font is part of the program");
        Read { data: ShaperData::new(&font), font }
    })
});

/// A glyph of a run.
#[derive(Debug, Clone)]
pub(crate) struct Glyph {
    pub(crate) id: u32,
    /// The bytes of the run's text that it stands for.
    pub(crate) text: Range<usize>,
    /// To the next glyph, in units of the font.
    pub(crate) advance: i32,
    /// Off its place, in units of the font.
    pub(crate) offset: (i32, i32),
}

/// Text on one line, in one face.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) face: Face,
    pub(crate) text: String,
    pub(crate) glyphs: Vec<Glyph>,
}

impl Run {
    /// How wide it is at this size, without spaces at its end.
    pub(crate) fn width(&self, size: Length) -> Length {
        let spaces = self.glyphs.iter().rev().take_while(|glyph| self.is_space(glyph)).count();
        let seen = &self.glyphs[..self.glyphs.len() - spaces];
        let units: i64 = seen.iter().map(|glyph| i64::from(glyph.advance)).sum();
        scaled(units, size)
    }

    fn is_space(&self, glyph: &Glyph) -> bool {
        self.text.get(glyph.text.clone()) == Some(" ")
    }

    fn part(&self, glyphs: Range<usize>) -> Run {
        let Some(first) = self.glyphs.get(glyphs.start) else {
            return Run { face: self.face, text: String::new(), glyphs: Vec::new() };
        };
        let (start, end) = (first.text.start, self.glyphs[glyphs.end - 1].text.end);
        let moved = |glyph: &Glyph| Glyph {
            text: glyph.text.start - start..glyph.text.end - start,
            ..glyph.clone()
        };
        Run {
            face: self.face,
            text: self.text[start..end].to_owned(),
            glyphs: self.glyphs[glyphs].iter().map(moved).collect(),
        }
    }

    /// How wide its widest word is at this size: what no line can be narrower than.
    pub(crate) fn widest(&self, size: Length) -> Length {
        let words = self.glyphs.split(|glyph| self.is_space(glyph));
        let units = words.map(|word| word.iter().map(|glyph| i64::from(glyph.advance)).sum());
        scaled(units.max().unwrap_or(0), size)
    }

    /// The run on lines of at most this width. A word that is wider than a line is cut.
    pub(crate) fn lines(&self, size: Length, width: Length) -> Vec<Run> {
        let most = i64::from(width) * 1_000 / i64::from(size.max(1));
        let mut lines = Vec::new();
        let (mut start, mut after_space, mut seen) = (0, 0, 0_i64);
        for (place, glyph) in self.glyphs.iter().enumerate() {
            if self.is_space(glyph) {
                seen += i64::from(glyph.advance);
                after_space = place + 1;
                continue;
            }
            let wide = seen + i64::from(glyph.advance) > most;
            let inside = self.glyphs[..place].last().is_some_and(|last| last.text == glyph.text);
            if wide && place > start && (after_space > start || !inside) {
                let end = if after_space > start { after_space } else { place };
                lines.push(self.part(start..end));
                start = end;
                seen = self.glyphs[end..place].iter().map(|glyph| i64::from(glyph.advance)).sum();
            }
            seen += i64::from(glyph.advance);
        }
        if start < self.glyphs.len() || lines.is_empty() {
            lines.push(self.part(start..self.glyphs.len()));
        }
        lines
    }
}

/// Units of a font at this size of type.
fn scaled(units: i64, size: Length) -> Length {
    let length = (units * i64::from(size) + 500) / 1_000;
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// Makes runs of texts, and remembers what the faces do not have.
pub(crate) struct Typesetter {
    shapers: [(Shaper<'static>, ShapePlan, Charmap<'static>); 2],
    /// Kept for its memory.
    buffer: UnicodeBuffer,
    missing: BTreeSet<char>,
}

impl Typesetter {
    pub(crate) fn new() -> Typesetter {
        let read: &'static [Read; 2] = &READ;
        let shapers = Face::ALL.map(|face| {
            let read = &read[usize::from(face == Face::Bold)];
            let shaper = read.data.shaper(&read.font).build();
            let latin = Some(script::LATIN);
            let plan = ShapePlan::new(&shaper, Direction::LeftToRight, latin, None, &[]);
            (shaper, plan, read.font.charmap())
        });
        Typesetter { shapers, buffer: UnicodeBuffer::new(), missing: BTreeSet::new() }
    }

    /// The characters that were asked for and are in no face, in order.
    pub(crate) fn missing(self) -> Vec<char> {
        self.missing.into_iter().collect()
    }

    /// A text as glyphs.
    pub(crate) fn run(&mut self, face: Face, text: &str) -> Run {
        let text: String = text.chars().filter_map(printable).collect();
        let (shaper, plan, charmap) = &self.shapers[usize::from(face == Face::Bold)];
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.set_direction(Direction::LeftToRight);
        buffer.set_script(script::LATIN);
        for (place, char) in text.char_indices() {
            let has = charmap.map(char).is_some_and(|glyph| glyph.to_u32() != 0);
            if !has {
                self.missing.insert(char);
            }
            let place = u32::try_from(place).expect("a text is short");
            buffer.add(if has { char } else { REPLACEMENT }, place);
        }
        let shaped = shaper.shape(buffer, ShapeOptions::new().plan(Some(plan)));
        let glyphs = glyphs(&shaped, text.len());
        self.buffer = shaped.clear();
        Run { face, text, glyphs }
    }
}

fn glyphs(shaped: &GlyphBuffer, end: usize) -> Vec<Glyph> {
    let cluster = |place: usize| usize::try_from(shaped.glyph_infos()[place].cluster).ok();
    let mut glyphs = Vec::with_capacity(shaped.len());
    let mut next = end;
    // From the right, as a cluster ends where the next one to its right begins.
    for (place, at) in shaped.glyph_positions().iter().enumerate().rev() {
        let start = cluster(place).unwrap_or(0);
        let id = shaped.glyph_infos()[place].glyph_id;
        let offset = (at.x_offset, at.y_offset);
        glyphs.push(Glyph { id, text: start..next, advance: at.x_advance, offset });
        if place > 0 && cluster(place - 1) != Some(start) {
            next = start;
        }
    }
    glyphs.reverse();
    glyphs
}

/// What is set of a character: nothing of marks that only steer, a space for any other space, and a
/// replacement for what has no meaning outside of one system.
fn printable(char: char) -> Option<char> {
    match char {
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' => None,
        '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => None,
        '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}' => None,
        '\u{2028}' | '\u{2029}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{205f}' => Some(' '),
        '\u{3000}' => Some(' '),
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'.. => Some(REPLACEMENT),
        _ => Some(char),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> (Run, Vec<char>) {
        let mut typesetter = Typesetter::new();
        let run = typesetter.run(Face::Regular, text);
        (run, typesetter.missing())
    }

    #[test]
    fn the_faces_have_what_european_bills_need() {
        let text = "ÄÖÜßéçñøåőžłșğ ΑΩάώ ЖЩЫЇєљћ €£$₹¥ −–…·•→ \u{a0}\u{202f}% °²³½";
        assert_eq!(set(text).1, Vec::<char>::new());
    }

    #[test]
    fn what_a_face_does_not_have_is_seen_and_stays_in_the_text() {
        let (run, missing) = set("कa字");
        assert_eq!(missing, ['क', '字']);
        let replacement = set("\u{fffd}").0.glyphs[0].id;
        assert_eq!(run.glyphs.iter().filter(|glyph| glyph.id == replacement).count(), 2);
        assert_eq!(run.text, "कa字");
        assert!(run.glyphs.iter().all(|glyph| glyph.id != 0));
    }

    #[test]
    fn all_digits_have_one_width() {
        for face in Face::ALL {
            let run = Typesetter::new().run(face, "0123456789");
            assert!(run.glyphs.iter().all(|glyph| glyph.advance == run.glyphs[0].advance));
        }
    }

    #[test]
    fn lines_are_no_wider_than_asked_and_lose_nothing() {
        let text = "a few words, and then Averylongwordthatnolinecanholdbyitself e\u{301}nd";
        for points in [1, 9, 20, 40, 60, 200, 1000] {
            let lines = set(text).0.lines(pt(10), pt(points));
            let whole: String = lines.iter().map(|line| line.text.as_str()).collect();
            assert_eq!(whole, text);
            for line in lines {
                let chars = line.text.trim_end().chars().count();
                assert!(line.width(pt(10)) <= pt(points) || chars <= 2, "{points} {line:?}");
            }
        }
        assert_eq!(set("").0.lines(pt(10), pt(100)).len(), 1);
    }
}
