//! Where things stand: pages, the place to go on, and what each thing is to a screen reader.
//!
//! Text flows down from a [`Cursor`] and goes on at the top of the next page. Columns side by side
//! are flows from one cursor; what follows them begins at the [`Cursor::max`] of their ends.
//! Everything that is placed belongs to a leaf of the tree of elements, in the order it is read, or
//! is an artifact, which is not read at all.

use std::ops::Range;

use crate::face::{Face, Length, Run, Typesetter, pt};

/// A4.
pub(crate) const PAGE: (Length, Length) = (595_276, 841_890);
/// The left edge of what is printed.
pub(crate) const LEFT: Length = pt(51);
/// Its right edge.
pub(crate) const RIGHT: Length = PAGE.0 - LEFT;
/// Its width.
pub(crate) const WIDTH: Length = RIGHT - LEFT;
const FIRST_TOP: Length = pt(50);
const TOP: Length = pt(68);
const BOTTOM: Length = PAGE.1 - pt(58);
/// The most lines of a head that is repeated, so that a page has space for more than its head.
const HEAD_LINES_MAX: usize = 3;

/// A colour: red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ink(pub(crate) u8, pub(crate) u8, pub(crate) u8);

/// How text looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) face: Face,
    pub(crate) size: Length,
    /// From line to line.
    pub(crate) leading: Length,
    pub(crate) ink: Ink,
}

impl Style {
    /// Where letters stand in a line that begins at `y`: capitals in its middle.
    fn baseline(self, y: Length) -> Length {
        y + self.leading / 2 + self.size * 7 / 20
    }
}

/// On which side lines of different width meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// From the left edge of the page, and how wide.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) x: Length,
    pub(crate) width: Length,
    pub(crate) align: Align,
}

impl Column {
    pub(crate) const FULL: Column = Column { x: LEFT, width: WIDTH, align: Align::Left };

    pub(crate) const fn left(x: Length, width: Length) -> Column {
        Column { x, width, align: Align::Left }
    }

    /// Between two edges, text at the right one.
    pub(crate) const fn right(from: Length, to: Length) -> Column {
        Column { x: from, width: to - from, align: Align::Right }
    }

    /// Where a line of this width begins.
    fn start(self, width: Length) -> Length {
        match self.align {
            Align::Left => self.x,
            Align::Right => self.x + self.width - width,
        }
    }
}

/// A place that nothing flows from.
pub(crate) type Pinned = (Column, Length);

/// Where to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cursor {
    pub(crate) page: usize,
    pub(crate) y: Length,
}

/// What is drawn.
#[derive(Debug)]
pub(crate) enum Shape {
    Text { run: Run, x: Length, baseline: Length, size: Length },
    Box { x: Length, y: Length, width: Length, height: Length, radius: Length },
}

/// To what a shape belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The leaf of this number among the elements.
    Leaf(usize),
    /// Lines, backgrounds, marks.
    Decoration,
    /// What is repeated at the top of pages.
    Header,
    /// What is repeated at their foot.
    Footer,
}

/// A shape on a page.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) owner: Owner,
    pub(crate) ink: Ink,
    pub(crate) shape: Shape,
}

/// What an element is.
#[derive(Debug, Clone)]
pub(crate) enum Role {
    Section,
    /// Its level and its text.
    Heading(u16, String),
    Paragraph,
    List,
    NumberedList,
    Item,
    Label,
    Body,
    /// What the table is about.
    Table(String),
    TableHead,
    TableBody,
    Row,
    ColumnHead,
    RowHead,
    Cell,
    /// What is said in the place of the picture.
    Figure(String),
    Caption,
    Code,
}

/// A part of the document. Leaves have shapes, all others have parts.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) role: Role,
    pub(crate) parts: Vec<usize>,
}

/// Where a section begins.
#[derive(Debug)]
pub(crate) struct Heading {
    pub(crate) text: String,
    pub(crate) at: Cursor,
}

/// A text on lines.
#[derive(Debug)]
pub(crate) struct Block {
    lines: Vec<Run>,
    style: Style,
}

impl Block {
    pub(crate) fn height(&self) -> Length {
        let lines = i32::try_from(self.lines.len()).unwrap_or(i32::MAX / pt(100));
        lines * self.style.leading
    }
}

/// All pages.
pub(crate) struct Sheet {
    pub(crate) pages: Vec<Vec<Placed>>,
    pub(crate) elements: Vec<Element>,
    /// The elements at the top of the tree.
    pub(crate) roots: Vec<usize>,
    pub(crate) headings: Vec<Heading>,
    pub(crate) cursor: Cursor,
    pub(crate) setter: Typesetter,
    open: Vec<usize>,
    /// Where text begins on each page.
    tops: Vec<Length>,
    /// The head of a table that goes on over pages.
    head: Vec<(Column, String, Style)>,
}

impl Sheet {
    pub(crate) fn new() -> Sheet {
        Sheet {
            pages: vec![Vec::new()],
            elements: Vec::new(),
            roots: Vec::new(),
            headings: Vec::new(),
            cursor: Cursor { page: 0, y: FIRST_TOP },
            setter: Typesetter::new(),
            open: Vec::new(),
            tops: vec![FIRST_TOP],
            head: Vec::new(),
        }
    }

    fn element(&mut self, role: Role) -> usize {
        let number = self.elements.len();
        self.elements.push(Element { role, parts: Vec::new() });
        match self.open.last() {
            Some(parent) => self.elements[*parent].parts.push(number),
            None => self.roots.push(number),
        }
        number
    }

    /// A leaf at the end of what is open.
    pub(crate) fn leaf(&mut self, role: Role) -> Owner {
        Owner::Leaf(self.element(role))
    }

    /// What is placed by `inside` is within this element.
    pub(crate) fn within(&mut self, role: Role, inside: impl FnOnce(&mut Sheet)) {
        let number = self.element(role);
        self.open.push(number);
        inside(self);
        self.open.pop();
    }

    /// Space, unless a page begins.
    pub(crate) fn skip(&mut self, space: Length) {
        if self.cursor.y > self.tops[self.cursor.page] {
            self.cursor.y += space;
        }
    }

    /// What is at most this high, and fits on a page, is not broken by its end.
    pub(crate) fn keep(&mut self, height: Length) {
        let fits = self.cursor.y + height <= BOTTOM;
        if !fits && self.cursor.y > self.tops[self.cursor.page] && height <= BOTTOM - pt(110) {
            self.next_page();
        }
    }

    fn next_page(&mut self) {
        let page = self.cursor.page + 1;
        self.cursor = Cursor { page, y: TOP };
        if page == self.pages.len() {
            self.pages.push(Vec::new());
            self.tops.push(TOP);
            for (column, text, style) in self.head.clone() {
                self.cursor.y = TOP;
                let mut block = self.block(&text, style, column.width);
                block.lines.truncate(HEAD_LINES_MAX);
                self.place(Owner::Header, block, column);
                self.tops[page] = self.tops[page].max(self.cursor.y);
            }
            if let Some((_, _, style)) = self.head.first() {
                self.cursor.y = self.tops[page] + pt(3);
                self.tops[page] += pt(8);
                self.line_across(Owner::Header, LEFT..RIGHT, style.ink);
            }
        }
        self.cursor.y = self.tops[page];
    }

    /// Columns that head every page from the next on, until they are replaced.
    pub(crate) fn repeat(&mut self, head: Vec<(Column, String, Style)>) {
        self.head = head;
    }

    /// A text on lines of at most this width.
    pub(crate) fn block(&mut self, text: &str, style: Style, width: Length) -> Block {
        Block { lines: self.setter.run(style.face, text).lines(style.size, width), style }
    }

    /// A number in a column: set smaller, down to half, rather than broken.
    pub(crate) fn number(&mut self, text: &str, style: Style, width: Length) -> Block {
        let run = self.setter.run(style.face, text);
        let widest = run.widest(style.size).max(1);
        let fitted = i64::from(style.size) * i64::from(width) / i64::from(widest);
        let size = i32::try_from(fitted).unwrap_or(style.size).clamp(style.size / 2, style.size);
        Block { lines: run.lines(size, width), style: Style { size, ..style } }
    }

    /// Places a block and goes on below it.
    pub(crate) fn place(&mut self, owner: Owner, block: Block, column: Column) {
        let style = block.style;
        for run in block.lines {
            if self.cursor.y + style.leading > BOTTOM && self.cursor.y > self.tops[self.cursor.page]
            {
                self.next_page();
            }
            let x = column.start(run.width(style.size));
            let baseline = style.baseline(self.cursor.y);
            let shape = Shape::Text { run, x, baseline, size: style.size };
            self.draw(owner, style.ink, shape);
            self.cursor.y += style.leading;
        }
    }

    /// The first line of a text, at this height of the page that the cursor is on.
    pub(crate) fn pin(&mut self, owner: Owner, text: &str, style: Style, (column, y): Pinned) {
        let mut block = self.block(text, style, column.width);
        let run = block.lines.swap_remove(0);
        let x = column.start(run.width(style.size));
        let shape = Shape::Text { run, x, baseline: style.baseline(y), size: style.size };
        self.draw(owner, style.ink, shape);
    }

    /// A text as a leaf of its own.
    pub(crate) fn text(&mut self, role: Role, text: &str, style: Style, column: Column) {
        let owner = self.leaf(role);
        self.more(owner, text, style, column);
    }

    /// A text that belongs to a leaf there is.
    pub(crate) fn more(&mut self, owner: Owner, text: &str, style: Style, column: Column) {
        let block = self.block(text, style, column.width);
        self.place(owner, block, column);
    }

    /// A heading of the document's parts, which the outline of the file lists.
    pub(crate) fn heading(&mut self, level: u16, text: &str, style: Style, column: Column) {
        self.headings.push(Heading { text: text.to_owned(), at: self.cursor });
        self.text(Role::Heading(level, text.to_owned()), text, style, column);
    }

    /// Texts side by side, and on below the longest.
    pub(crate) fn beside(&mut self, parts: &mut [&mut dyn FnMut(&mut Sheet)]) {
        let (start, mut end) = (self.cursor, self.cursor);
        for part in parts {
            self.cursor = start;
            part(self);
            end = end.max(self.cursor);
        }
        self.cursor = end;
    }

    /// What `inside` places stands on a background with this much space around.
    pub(crate) fn panel(&mut self, ink: Ink, space: Length, inside: impl FnOnce(&mut Sheet)) {
        let start = self.cursor;
        let behind = self.pages[start.page].len();
        self.cursor.y += space;
        inside(self);
        self.cursor.y += space;
        for page in start.page..=self.cursor.page {
            let first = page == start.page;
            let y = if first { start.y } else { self.tops[page] - space };
            let end = if page == self.cursor.page { self.cursor.y } else { BOTTOM };
            let (width, height, radius) = (WIDTH, end - y, pt(8));
            let shape = Shape::Box { x: LEFT, y, width, height, radius };
            let place = if first { behind } else { 0 };
            self.pages[page].insert(place, Placed { owner: Owner::Decoration, ink, shape });
        }
    }

    /// A line across, which is not read.
    pub(crate) fn rule(&mut self, x: Range<Length>, ink: Ink) {
        self.line_across(Owner::Decoration, x, ink);
    }

    fn line_across(&mut self, owner: Owner, x: Range<Length>, ink: Ink) {
        let (y, width, height) = (self.cursor.y, x.end - x.start, 600);
        self.draw(owner, ink, Shape::Box { x: x.start, y, width, height, radius: 0 });
    }

    /// Draws on the page that the cursor is on.
    pub(crate) fn draw(&mut self, owner: Owner, ink: Ink, shape: Shape) {
        self.pages[self.cursor.page].push(Placed { owner, ink, shape });
    }
}
