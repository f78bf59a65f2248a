//! What every page has: who writes, and which page of how many it is.

use super::{Bill, LINE, MUTED, head, regular};
use crate::face::{Length, pt};
use crate::sheet::{Column, Cursor, LEFT, Owner, PAGE, RIGHT, Shape, Sheet, Style};

const FOOT: Length = PAGE.1 - pt(46);
const HEAD: Length = pt(42);
const STYLE: Style = regular(7_500, 10, MUTED);
/// The width of the page's number.
const NUMBER: Length = pt(120);

pub(super) fn write(sheet: &mut Sheet, bill: &Bill<'_>) {
    let issuer = &bill.content.issuer;
    let mut who = vec![issuer.name.clone()];
    who.extend(head::numbers(bill, issuer));
    let (who, what) = (who.join(" · "), format!("{} {}", bill.title(), bill.content.number));
    let pages = sheet.pages.len();
    for page in 0..pages {
        sheet.cursor = Cursor { page, y: FOOT };
        if page > 0 {
            let place = (Column::left(LEFT, RIGHT - LEFT), HEAD);
            sheet.pin(Owner::Header, &what, STYLE, place);
        }
        let (width, height) = (RIGHT - LEFT, 500);
        let line = Shape::Box { x: LEFT, y: FOOT - pt(6), width, height, radius: 0 };
        sheet.draw(Owner::Footer, LINE, line);
        // What does not fit is on the first page anyway.
        let place = (Column::left(LEFT, RIGHT - LEFT - NUMBER), FOOT);
        sheet.pin(Owner::Footer, &who, STYLE, place);
        let places = [("page", (page + 1).to_string()), ("pages", pages.to_string())];
        let places: Vec<(&str, &str)> = places.iter().map(|(key, text)| (*key, &**text)).collect();
        let number = bill.locale.filled("page", &places);
        sheet.pin(Owner::Footer, &number, STYLE, (Column::right(RIGHT - NUMBER, RIGHT), FOOT));
    }
}
