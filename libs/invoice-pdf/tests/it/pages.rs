//! The pages as they are seen, and as they are read aloud.

use documents::{Document, Locale};
use invoice_pdf::write;

use crate::reader::Reader;
use crate::samples::full;

fn household() -> Reader {
    let document = Document::issue(full("de")).unwrap();
    Reader::new(&write(&document, &Locale::named("de").unwrap()).unwrap().bytes)
}

/// Red, green and blue of every pixel, row by row, and the width of a row.
fn pixels(reader: &Reader, page: usize) -> (Vec<[u8; 3]>, usize) {
    let picture = reader.picture(page, 1.0);
    let pixels = picture.data().iter().map(|pixel| [pixel.r, pixel.g, pixel.b]).collect();
    (pixels, usize::from(picture.width()))
}

#[test]
fn pages_are_full_within_their_margins_and_white_around() {
    let reader = household();
    for page in 0..reader.pages() {
        let (pixels, width) = pixels(&reader, page);
        let height = pixels.len() / width;
        let white = |x: usize, y: usize| pixels[y * width + x] == [255; 3];
        for y in 0..height {
            for x in (0..45).chain(width - 45..width) {
                assert!(white(x, y), "page {page}: ink in the margin at {x}, {y}");
            }
        }
        let inked = (0..height).filter(|y| (0..width).any(|x| !white(x, *y))).count();
        let least = if page + 1 < reader.pages() { height * 2 / 5 } else { height / 10 };
        assert!(inked > least, "page {page}: {inked} of {height} rows have ink");
    }
}

#[test]
fn the_chart_and_the_summary_are_seen_in_their_colours() {
    let reader = household();
    let (pixels, _) = pixels(&reader, 0);
    let near = |wanted: [u8; 3]| {
        let same = |pixel: &&[u8; 3]| {
            pixel.iter().zip(wanted).all(|(one, other)| one.abs_diff(other) <= 3)
        };
        pixels.iter().filter(same).count()
    };
    // The ground of what to pay, bars of neighbours, supplier, sales and feed-in.
    for (colour, least) in [
        ([0xe6, 0xf2, 0xec], 20_000),
        ([0x0b, 0x7a, 0x59], 1_000),
        ([0x8f, 0xb3, 0xd6], 1_000),
        ([0xd9, 0x8a, 0x00], 400),
        ([0xf2, 0xcb, 0x85], 150),
    ] {
        let count = near(colour);
        assert!(count >= least, "{colour:02x?}: {count} pixels, not {least}");
    }
}

#[test]
fn a_screen_reader_finds_headings_tables_lists_and_what_the_chart_says() {
    let reader = household();
    let roles = reader.roles();
    let count = |role: &str| roles.iter().filter(|found| *found == role).count();
    let document = Document::issue(full("de")).unwrap();
    let lines = document.content().lines.len();
    assert_eq!((count("H1"), count("Figure"), count("Table")), (1, 1, 2));
    assert!(count("H2") >= 6 && count("L") >= 5, "{roles:?}");
    // Five heads of columns, one head a line, one a sum.
    assert!(count("TR") > lines && count("TH") > lines + 5 && count("TD") > lines * 4);
    let catalog = reader.catalog();
    for key in ["MarkInfo", "StructTreeRoot", "Lang", "Metadata", "OutputIntents", "Outlines"] {
        assert!(catalog.contains_key(key), "the catalog has no {key}");
    }
}
